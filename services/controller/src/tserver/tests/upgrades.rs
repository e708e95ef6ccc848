//! An upgrade of the controller, ours or from K8SFramework, restarts no pod (docs/reference/controller.md#5.21).

use super::*;

const MAIN: &str = "/spec/template/spec/containers/0";

fn template(world: &Shared) -> Value {
    get(world, SET).unwrap()["spec"]["template"].clone()
}

fn annotation(world: &Shared, key: &str) -> Value {
    get(world, SET).unwrap()["metadata"]["annotations"][key].clone()
}

/// The StatefulSet as K8SFramework leaves it: without our annotations and defaults, and owned by its manager.
async fn made_by_k8sframework() -> Shared {
    let world = world();
    run_until_silent(&Process::start(&world), &world).await;
    edit(&world, SET, |set| {
        set["metadata"].as_object_mut().unwrap().remove("annotations");
        for list in ["initContainers", "containers"] {
            set["spec"]["template"]["spec"][list][0]["terminationMessagePolicy"] = json!("File");
        }
        let entry = &mut set["metadata"]["managedFields"][0];
        entry["manager"] = json!("tarscontroller");
        entry["operation"] = json!("Update");
        entry["fieldsV1"]["f:metadata"].as_object_mut().unwrap().remove("f:annotations");
    });
    world
}

/// What the fake stores for a container whose policy nobody states any more: the API server would put its default there.
fn with_default_policy(mut template: Value) -> Value {
    for list in ["initContainers", "containers"] {
        template["spec"][list][0].as_object_mut().unwrap().entry("terminationMessagePolicy").or_insert(json!("File"));
    }
    template
}

fn ready_message(world: &Shared) -> String {
    let conditions = get(world, SERVER).unwrap()["status"]["conditions"].clone();
    conditions[0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_workload_of_k8sframework_keeps_its_template_until_the_server_changes() {
    let world = made_by_k8sframework().await;
    let before = template(&world);
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    assert_eq!(with_default_policy(template(&world)), before);
    assert_eq!(annotation(&world, "tars.io/defaults"), "0");
    let said = ready_message(&world);
    assert!(
        said.contains("defaults 0 of an earlier version") && said.contains("kubectl tars refresh -n bank ledger-audit"),
        "{said}"
    );

    edit(&world, SERVER, |server| server["spec"]["k8s"]["replicas"] = json!(2));
    edit(&world, SET, |set| *set.pointer_mut(MAIN).unwrap().get_mut("image").unwrap() = json!("edited"));
    run_until_silent(&process, &world).await;
    assert_eq!(with_default_policy(template(&world)), before, "a repair is no new release, and more pods are none either");
    assert_eq!(get(&world, SET).unwrap()["spec"]["replicas"], 2);

    edit(&world, SERVER, |server| server["spec"]["release"]["image"] = json!("registry/audit:8"));
    run_until_silent(&process, &world).await;
    assert_eq!(template(&world)["spec"]["containers"][0]["terminationMessagePolicy"], "FallbackToLogsOnError");
    assert_eq!(annotation(&world, "tars.io/defaults"), "1");
    assert!(!ready_message(&world).contains("earlier version"));
}

#[tokio::test]
async fn a_workload_of_ours_without_a_number_only_gets_the_number() {
    let world = world();
    run_until_silent(&Process::start(&world), &world).await;
    edit(&world, SET, |set| {
        set["metadata"].as_object_mut().unwrap().remove("annotations");
        set["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"].as_object_mut().unwrap().remove("f:annotations");
    });
    let (before, writes) = (template(&world), count(&world));
    run_until_silent(&Process::start(&world), &world).await;
    assert_eq!((template(&world), count(&world)), (before, writes + 1));
    assert_eq!(annotation(&world, "tars.io/defaults"), "1");
}

/// Another spelling of an amount is no change of the pods, and no later write brings it to the workload.
#[tokio::test]
async fn another_spelling_of_an_amount_changes_no_object_and_replaces_no_pod() {
    let world = made_by_k8sframework().await;
    let spell = |cpu: &'static str| {
        edit(&world, SERVER, |server| server["spec"]["k8s"]["resources"] = json!({"limits": {"cpu": cpu}}));
    };
    spell("500m");
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let (before, writes) = (template(&world), count(&world));
    spell("0.5");
    run_until_silent(&process, &world).await;
    assert_eq!(annotation(&world, "tars.io/defaults"), "0");
    assert_eq!(template(&world), before);
    // The status says that the new generation was handled.
    assert_eq!(world.lock().unwrap().writes[writes..], [format!("PATCH {SERVER}/status")]);

    edit(&world, SERVER, |server| server["spec"]["k8s"]["replicas"] = json!(2));
    run_until_silent(&process, &world).await;
    assert_eq!((template(&world), count(&world) > writes), (before, true), "more pods, and the same");
    spell("0.6");
    run_until_silent(&process, &world).await;
    assert_eq!(template(&world)["spec"]["containers"][0]["resources"]["limits"]["cpu"], "0.6");
    assert_eq!(annotation(&world, "tars.io/defaults"), "1");
}

#[tokio::test]
async fn an_annotation_asks_for_newer_defaults() {
    let world = made_by_k8sframework().await;
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    for (asked, number) in [("0", "0"), ("none", "0"), ("latest", "1"), ("0", "1")] {
        edit(&world, SERVER, |server| server["metadata"]["annotations"] = json!({"tars.io/defaults": asked}));
        run_until_silent(&process, &world).await;
        assert_eq!(annotation(&world, "tars.io/defaults"), number, "{asked}");
    }
}

/// A field of an object that an older schema accepted has another type by now.
#[tokio::test]
async fn a_server_that_does_not_decode_says_so_and_keeps_its_objects() {
    let world = world();
    let process = Process::start(&world);
    run_until_silent(&process, &world).await;
    let before = get(&world, SET);
    edit(&world, SERVER, |server| {
        server["spec"]["k8s"]["replicas"] = json!("three");
        server["metadata"]["generation"] = json!(5);
    });
    assert!(!step(&process, &world).await);
    let writes = count(&world);
    assert!(!step(&process, &world).await);
    assert_eq!((get(&world, SET), count(&world)), (before, writes), "it is told once, and nothing else happens");
    let status = get(&world, SERVER).unwrap()["status"].clone();
    let conditions = status["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    assert_eq!(
        (&ready["status"], &ready["reason"], &ready["observedGeneration"]),
        (&json!("False"), &json!("InvalidSpec"), &json!(5))
    );
    let message = ready["message"].as_str().unwrap();
    assert!(message.starts_with("spec.k8s.replicas: invalid type: string \"three\""), "{message}");
    let applied = condition(&world, "Applied");
    assert_eq!((&applied["status"], &applied["reason"]), (&json!("False"), &json!("InvalidSpec")));
    let event = world.lock().unwrap().events.last().unwrap().clone();
    assert_eq!((&event["type"], &event["reason"]), (&json!("Warning"), &json!("InvalidSpec")));
    edit(&world, SERVER, |server| server["spec"]["k8s"]["replicas"] = json!(3));
    run_until_silent(&process, &world).await;
    assert_eq!(get(&world, SET).unwrap()["spec"]["replicas"], 3);
    assert_eq!(condition(&world, "Applied")["status"], "True");
}
