//! The rules of TServer: cases that are accepted and refused, and properties of generated objects.

use crate::admission::{Facts, NodeImage, Operation, Resource, list_changes, list_warnings, mutate, tests::Fixture, validate};
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};

fn tars() -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-audit"},
        "spec": {
            "app": "Trade", "server": "Audit", "subType": "tars", "k8s": {"replicas": 3},
            "tars": {"template": "tars.rust", "servants": [{"name": "AuditObj", "port": 9999}], "ports": [{"name": "extra", "port": 9000}]},
            "release": {"id": "v1", "image": "repo/audit:1"},
        },
    })
}

fn normal() -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-web"},
        "spec": {
            "app": "Trade", "server": "Web", "subType": "normal", "normal": {"ports": [{"name": "http", "port": 80}]},
            "k8s": {"replicas": 1}, "release": {"id": "v1", "image": "repo/web:1"},
        },
    })
}

fn facts() -> Facts {
    Facts {
        templates: [("tars.rust".to_owned(), None)].into(),
        node_image: Some(NodeImage { image: "repo/node:1".to_owned(), secret: "pull".to_owned() }),
        ..Facts::default()
    }
}

/// Returns the stored form of the object after `change`.
fn stored(mut object: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut object);
    mutate(&Fixture::create(Resource::Server, object).request(), &facts()).unwrap()
}

fn mutation_refused(mut object: Value, change: impl FnOnce(&mut Value), facts: &Facts) -> String {
    change(&mut object);
    mutate(&Fixture::create(Resource::Server, object).request(), facts).unwrap_err().to_string()
}

/// Returns the denial of the creation of the object after `change`.
fn refused(mut object: Value, change: impl FnOnce(&mut Value)) -> Option<String> {
    change(&mut object);
    validate(&Fixture::create(Resource::Server, object).request(), &facts()).err().map(|denied| denied.to_string())
}

/// Returns the denial of an update that makes `change` to `old`.
fn update_refused(old: &Value, change: impl FnOnce(&mut Value)) -> Option<String> {
    let mut fixture = Fixture::create(Resource::Server, old.clone());
    fixture.operation = Operation::Update;
    fixture.old = old.clone();
    change(&mut fixture.object);
    validate(&fixture.request(), &facts()).err().map(|denied| denied.to_string())
}

#[test]
fn a_tars_server_is_completed() {
    let stored = stored(tars(), |_| ());
    let labels = json!({
        "tars.io/ServerApp": "Trade", "tars.io/ServerName": "Audit", "tars.io/SubType": "tars", "tars.io/Template": "tars.rust",
        "tars.io/ServerID": "v1",
    });
    assert_eq!(stored["metadata"]["labels"], labels);
    assert_eq!(stored["spec"]["k8s"], json!({"replicas": 3, "readinessGates": ["tars.io/active"]}));
    let release = json!({
        "id": "v1", "image": "repo/audit:1", "time": "2026-03-04T15:06:07Z", "nodeImage": "repo/node:1", "nodeSecret": "pull",
    });
    assert_eq!(stored["spec"]["release"], release);
}

#[test]
fn the_gate_of_the_registry_is_first_and_each_gate_occurs_once() {
    let of = |object: Value, gates: Value| {
        stored(object, |object| object["spec"]["k8s"]["readinessGates"] = gates)["spec"]["k8s"].clone()
    };
    assert_eq!(of(tars(), json!(["a", "tars.io/active", "a"]))["readinessGates"], json!(["tars.io/active", "a"]));
    assert_eq!(of(normal(), json!(["a", "b", "a"]))["readinessGates"], json!(["a", "b"]));
    assert_eq!(stored(normal(), |_| ())["spec"]["k8s"].get("readinessGates"), None);
    let older = stored(tars(), |object| {
        object["apiVersion"] = json!("k8s.tars.io/v1beta2");
        object["spec"]["k8s"]["readinessGate"] = json!("other");
    });
    assert_eq!(older["spec"]["k8s"], json!({"replicas": 3, "readinessGate": "tars.io/active"}));
}

#[test]
fn a_normal_server_has_ports_and_no_node_image() {
    let stored = stored(normal(), |object| {
        object["spec"]["normal"] = json!({});
        object["spec"]["release"]["nodeImage"] = json!("x");
        object["metadata"]["labels"] = json!({"tars.io/Template": "stale"});
    });
    assert_eq!(stored["spec"]["normal"], json!({"ports": []}));
    assert_eq!(stored["spec"]["release"].get("nodeImage"), None);
    assert_eq!(stored["metadata"]["labels"].get("tars.io/Template"), None);
}

#[test]
fn replicas_wait_for_a_release_and_keep_their_bounds() {
    let replicas = |change: fn(&mut Value)| stored(tars(), change)["spec"]["k8s"]["replicas"].clone();
    let unreleased = stored(tars(), |object| {
        object["spec"]["release"] = json!(null);
        object["metadata"]["labels"] = json!({"tars.io/ServerID": "gone"});
    });
    assert_eq!(unreleased["spec"]["k8s"]["replicas"], 0);
    assert_eq!(unreleased["metadata"]["labels"].get("tars.io/ServerID"), None);
    assert_eq!(replicas(|object| object["metadata"]["annotations"] = json!({"tars.io/MinReplicas": "5"})), 5);
    assert_eq!(replicas(|object| object["metadata"]["annotations"] = json!({"tars.io/MaxReplicas": "2"})), 2);
    assert_eq!(replicas(|object| object["spec"]["k8s"] = json!({})), 0);
    // Impossible numbers are left to the schema, unless a bound changes them.
    for odd in [json!(-1), json!(100), json!("2"), json!(1.5)] {
        assert_eq!(stored(tars(), |object| object["spec"]["k8s"]["replicas"] = odd.clone())["spec"]["k8s"]["replicas"], odd);
    }
    assert_eq!(
        replicas(|object| {
            object["spec"]["k8s"]["replicas"] = json!(-1);
            object["metadata"]["annotations"] = json!({"tars.io/MinReplicas": "2"});
        }),
        2
    );
}

#[test]
fn a_number_of_pods_that_is_not_stored_as_written_draws_a_warning() {
    let warned = |change: fn(&mut Value)| {
        let mut object = tars();
        change(&mut object);
        let fixture = Fixture::create(Resource::Server, object);
        let stored = mutate(&fixture.request(), &facts()).unwrap();
        list_changes(&fixture.request(), &stored).into_iter().map(|warning| warning.text).collect::<Vec<_>>()
    };
    for (change, expected) in [
        (
            (|object| object["spec"]["release"] = json!(null)) as fn(&mut Value),
            "nothing runs until spec.release is set; spec.k8s.replicas 3 is stored as 0",
        ),
        (
            |object| object["metadata"]["annotations"] = json!({"tars.io/MinReplicas": "5"}),
            "spec.k8s.replicas 3 is stored as 5: annotation tars.io/MinReplicas",
        ),
        (
            |object| object["metadata"]["annotations"] = json!({"tars.io/MaxReplicas": "2"}),
            "spec.k8s.replicas 3 is stored as 2: annotation tars.io/MaxReplicas",
        ),
    ] {
        assert_eq!(warned(change), [expected]);
    }
    for quiet in [
        (|_| ()) as fn(&mut Value),
        |object| object["spec"]["k8s"] = json!({}),
        |object| object["spec"]["k8s"]["replicas"] = json!("2"),
        |object| {
            object["spec"]["release"] = json!(null);
            object["spec"]["k8s"]["replicas"] = json!(0);
        },
    ] {
        assert!(warned(quiet).is_empty());
    }
}

#[test]
fn host_bound_servers_are_not_stacked() {
    for (member, value) in [("hostIPC", json!(true)), ("hostPorts", json!([{"nameRef": "AuditObj", "port": 1}]))] {
        assert_eq!(stored(tars(), |object| object["spec"]["k8s"][member] = value)["spec"]["k8s"]["notStacked"], true, "{member}");
    }
    assert_eq!(
        stored(tars(), |object| object["spec"]["k8s"]["hostNetwork"] = json!(true))["spec"]["k8s"].get("notStacked"),
        None
    );
}

#[test]
fn mutation_refuses_with_a_sentence() {
    let facts = facts();
    let bounds = |value: Value| mutation_refused(tars(), |object| object["metadata"]["annotations"] = value, &facts);
    for text in ["07", "100", "-1", "", "a"] {
        let text = bounds(json!({"tars.io/MinReplicas": text}));
        assert!(text.starts_with("tserver resource is invalid : unexpected annotation format; tars.io/MinReplicas is"), "{text}");
    }
    let text = bounds(json!({"tars.io/MinReplicas": "3", "tars.io/MaxReplicas": "2"}));
    assert!(text.starts_with("tserver resource is invalid : unexpected annotation value;"), "{text}");
    let text = mutation_refused(tars(), |_| (), &Facts::default());
    assert!(text.contains("no default node image has been set; set .spec.release.nodeImage"), "{text}");
    assert!(text.contains("; if namespace ledger has no Tars framework yet, install chart tarsframework there ("), "{text}");
    assert!(text.ends_with("(tserver ledger/trade-audit)"), "{text}");
    let text = mutation_refused(tars(), |object| object["spec"]["tars"]["template"] = json!("t".repeat(64)), &facts);
    assert!(text.contains(".spec.tars.template has 64 characters"), "{text}");
}

#[test]
fn a_given_node_image_is_kept() {
    let stored = stored(tars(), |object| object["spec"]["release"]["nodeImage"] = json!("mine"));
    assert_eq!(stored["spec"]["release"]["nodeImage"], "mine");
    assert_eq!(stored["spec"]["release"].get("nodeSecret"), None);
}

#[test]
fn valid_servers_are_accepted() {
    assert_eq!(refused(tars(), |_| ()), None);
    assert_eq!(refused(normal(), |object| object["spec"]["normal"]["ports"] = json!([{"name": "nodeobj", "port": 19385}])), None);
    assert_eq!(refused(tars(), |object| object["spec"]["tars"]["ports"] = json!(null)), None);
}

#[test]
fn invalid_servers_are_refused_with_a_sentence() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 15] = [
        (|o| o["metadata"]["name"] = json!("Trade-Audit"), "unexpected resource name;"),
        (|o| o["spec"]["tars"]["template"] = json!("gone"), "ttemplate ledger/gone not exists; .spec.tars.template names it"),
        (|o| o["spec"]["tars"]["servants"][0]["port"] = json!(19385), "servants port value should not equal 19385;"),
        (|o| o["spec"]["tars"]["ports"][0]["port"] = json!(19385), " : port value should not equal 19385;"),
        (|o| o["spec"]["tars"]["ports"][0]["port"] = json!(9999), "duplicate port value 9999;"),
        (|o| o["spec"]["tars"]["ports"][0]["name"] = json!("auditobj"), "duplicate port name value auditobj;"),
        (
            |o| o["spec"]["tars"]["servants"] = json!([{"name": "AObj", "port": 1}, {"name": "aobj", "port": 2}]),
            "duplicate servant name value aobj;",
        ),
        (|o| o["spec"]["k8s"]["hostPorts"] = json!([{"nameRef": "gone", "port": 1}]), "port name gone not exist;"),
        (
            |o| o["spec"]["k8s"]["hostPorts"] = json!([{"nameRef": "extra", "port": 1}, {"nameRef": "Extra", "port": 2}]),
            "duplicate nameRef value Extra;",
        ),
        (
            |o| o["spec"]["k8s"]["hostPorts"] = json!([{"nameRef": "extra", "port": 1}, {"nameRef": "AuditObj", "port": 1}]),
            "duplicate port value 1;",
        ),
        (|o| o["spec"]["k8s"]["mounts"] = json!([{"name": "a"}, {"name": "a"}]), "duplicate .mounts.name value a;"),
        (|o| o["spec"]["k8s"]["mounts"] = json!([{"name": "delay-bind"}]), ".mounts.name value delay-bind is reserved;"),
        (
            |o| o["spec"]["k8s"] = json!({"daemonSet": true, "mounts": [{"name": "a", "source": {"tLocalVolume": {}}}]}),
            "can not use TLocalVolume and PersistentVolumeClaimTemplate when .daemonSet value is true;",
        ),
        (
            |o| o["spec"]["k8s"]["nodeSelector"] = json!([{"key": "disk", "operator": "In"}]),
            "operator \"In\" of node selector \"disk\" needs at least one value;",
        ),
        (
            |o| o["spec"]["k8s"]["nodeSelector"] = json!([{"key": "disk", "operator": "Gt", "values": ["1", "2"]}]),
            "needs exactly one value, an integer;",
        ),
    ];
    for (change, expected) in cases {
        let text = refused(tars(), change).unwrap_or_else(|| panic!("accepted, but expected {expected:?}"));
        assert!(text.contains(expected), "{text:?} lacks {expected:?}");
    }
}

#[test]
fn a_name_that_is_too_long_for_pods_is_refused() {
    let named = |length: usize| {
        move |object: &mut Value| {
            let app = "a".repeat(length - "-audit".len());
            object["metadata"]["name"] = json!(format!("{app}-audit"));
            object["spec"]["app"] = json!(app);
        }
    };
    assert_eq!(refused(tars(), named(52)), None);
    assert!(refused(tars(), named(53)).unwrap().contains("cannot create pods; \"a"));
    let as_daemon = |object: &mut Value| {
        named(58)(object);
        object["spec"]["k8s"]["daemonSet"] = json!(true);
    };
    assert_eq!(refused(tars(), as_daemon), None);
    assert!(refused(tars(), named(59)).unwrap().contains("length of resource name should less then 59;"));
    // An existing server with a long name can still be changed.
    let mut old = tars();
    named(55)(&mut old);
    assert_eq!(update_refused(&old, |object| object["spec"]["k8s"]["replicas"] = json!(1)), None);
}

/// Returns the result of the mutating phase for an update that makes `change` to `old`, in a namespace without framework.
fn mutate_update(old: &Value, change: impl FnOnce(&mut Value)) -> Result<Value, String> {
    let mut fixture = Fixture::create(Resource::Server, old.clone());
    fixture.operation = Operation::Update;
    fixture.old = old.clone();
    change(&mut fixture.object);
    mutate(&fixture.request(), &Facts::default()).map_err(|denied| denied.to_string())
}

#[test]
fn the_mutating_phase_lets_metadata_of_any_stored_server_change() {
    let finalize = |object: &mut Value| object["metadata"]["finalizers"] = json!([]);
    // The server was released when its namespace had a framework.
    assert_eq!(mutate_update(&tars(), finalize).unwrap()["metadata"]["finalizers"], json!([]));
    let denied = mutate_update(&tars(), |object| object["spec"]["k8s"]["replicas"] = json!(4)).unwrap_err();
    assert!(denied.contains("no default node image has been set"), "{denied}");
    let mut bounded = normal();
    bounded["metadata"]["annotations"] = json!({"tars.io/MinReplicas": "many"});
    assert!(mutate_update(&bounded, finalize).is_ok(), "the annotation was there before");
    let bound = |object: &mut Value| object["metadata"]["annotations"] = json!({"tars.io/MinReplicas": "more"});
    assert!(mutate_update(&bounded, bound).unwrap_err().contains("unexpected annotation format"));
    let mut long = normal();
    long["spec"]["app"] = json!("a".repeat(64));
    assert!(mutate_update(&long, finalize).is_ok());
}

#[test]
fn a_bound_of_replicas_can_be_set_and_removed_though_the_namespace_has_no_framework() {
    let bound =
        |value: &'static str| move |object: &mut Value| object["metadata"]["annotations"] = json!({"tars.io/MinReplicas": value});
    let raised = mutate_update(&tars(), bound("5")).unwrap();
    assert_eq!(raised["spec"]["k8s"]["replicas"], 5);
    assert!(mutate_update(&tars(), bound("many")).unwrap_err().contains("unexpected annotation format"));
    let mut bounded = tars();
    bound("many")(&mut bounded);
    assert!(mutate_update(&bounded, |object| object["metadata"]["annotations"] = json!({})).is_ok());
    // The label of the application is refused first, and must not hide the bound.
    let mut long = tars();
    long["spec"]["app"] = json!("a".repeat(64));
    assert!(mutate_update(&long, bound("many")).unwrap_err().contains("unexpected annotation format"));
}

fn list_server_warnings(old: Option<&Value>, mut object: Value, change: impl FnOnce(&mut Value)) -> Vec<String> {
    change(&mut object);
    let mut fixture = Fixture::create(Resource::Server, object);
    if let Some(old) = old {
        fixture.operation = Operation::Update;
        fixture.old = old.clone();
    }
    assert_eq!(validate(&fixture.request(), &facts()).map_err(|denied| denied.to_string()), Ok(()));
    list_warnings(&fixture.request(), &facts()).into_iter().map(|warning| warning.text).collect()
}

#[test]
fn a_number_that_is_none_in_a_node_selector_draws_a_warning() {
    let select = |value: &'static str| {
        move |object: &mut Value| {
            object["spec"]["k8s"]["nodeSelector"] = json!([{"key": "disk", "operator": "Gt", "values": [value]}]);
        }
    };
    let warnings = list_server_warnings(None, normal(), select("big"));
    assert!(warnings.len() == 1 && warnings[0].contains("no node matches disk Gt big"), "{warnings:?}");
    assert!(list_server_warnings(None, normal(), select("7")).is_empty());
}

#[test]
fn a_daemon_set_whose_name_is_too_long_for_a_stateful_set_draws_a_warning_when_it_becomes_one() {
    let server = |length: usize| {
        let mut server = normal();
        let app = "a".repeat(length - "-web".len());
        server["metadata"]["name"] = json!(format!("{app}-web"));
        server["spec"]["app"] = json!(app);
        server["spec"]["k8s"]["daemonSet"] = json!(true);
        server
    };
    let turn_off = |object: &mut Value| object["spec"]["k8s"]["daemonSet"] = json!(false);
    let warnings = list_server_warnings(Some(&server(53)), server(53), turn_off);
    assert!(warnings.len() == 1 && warnings[0].contains("the name has 53 characters"), "{warnings:?}");
    assert!(list_server_warnings(Some(&server(52)), server(52), turn_off).is_empty());
}

#[test]
fn a_member_of_a_stash_that_conversion_drops_draws_a_warning() {
    let stash = r#"{"append":{"command":7,"args":["a"]},"drop":{}}"#;
    let mut server = tars();
    server["apiVersion"] = json!("k8s.tars.io/v1beta2");
    server["metadata"]["annotations"] = json!({"tars.io/Conversion.1b21b3": stash});
    let fixture = Fixture::create(Resource::Server, server);
    let warnings = list_warnings(&fixture.request(), &facts());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].rule, "6.1.20");
    assert!(warnings[0].text.starts_with("metadata.annotations: the member command of"), "{}", warnings[0]);
    assert!(warnings[0].text.len() <= 256);
}

#[test]
fn identity_never_changes() {
    for (member, value) in [("app", "Other"), ("server", "Other"), ("subType", "normal")] {
        let text = update_refused(&tars(), |object| object["spec"][member] = json!(value)).unwrap();
        assert!(text.starts_with(&format!("tserver resource filed \".spec.{member}\" is immutable;")), "{text}");
    }
    let text = update_refused(&normal(), |object| object["spec"]["tars"] = json!({})).unwrap();
    assert!(text.contains("\".spec.tars\" is immutable"), "{text}");
    let text = update_refused(&tars(), |object| object["spec"]["normal"] = json!({})).unwrap();
    assert!(text.contains("\".spec.normal\" is immutable"), "{text}");
}

/// The schema has these rules, too, and comes before the validating phase.
#[test]
fn the_mutating_phase_refuses_what_the_schema_would_refuse_in_other_words() {
    let changes: [fn(&mut Value); 4] = [
        |object| object["spec"]["app"] = json!("Other"),
        |object| object["spec"]["server"] = json!("Other"),
        |object| object["spec"]["subType"] = json!("normal"),
        |object| {
            object["spec"]["tars"] = json!(null);
            object["spec"]["normal"] = json!({"ports": []});
        },
    ];
    for change in changes {
        let mut old = tars();
        old["spec"]["release"] = json!(null);
        let text = mutate_update(&old, change).unwrap_err();
        assert!(text.contains("\" is immutable;"), "{text}");
        assert_eq!(Some(text), update_refused(&old, change));
    }
    let names: [fn(&mut Value); 2] = [
        |object| object["metadata"]["name"] = json!("audit"),
        |object| {
            let app = "a".repeat(53);
            object["metadata"]["name"] = json!(format!("{app}-audit"));
            object["spec"]["app"] = json!(app);
        },
    ];
    for change in names {
        assert_eq!(Some(mutation_refused(tars(), change, &facts())), refused(tars(), change));
    }
}

#[test]
fn the_mutating_phase_leaves_members_that_break_the_schema_to_the_schema() {
    let changes: [fn(&mut Value); 5] = [
        |object| object["spec"]["app"] = json!("1st"),
        |object| object["spec"]["server"] = json!(null),
        |object| object["spec"]["subType"] = json!("other"),
        |object| object["spec"]["normal"] = json!({"ports": []}),
        |object| object["spec"]["tars"] = json!(null),
    ];
    let mut old = tars();
    old["spec"]["release"] = json!(null);
    for change in changes {
        assert!(mutate_update(&old, change).is_ok());
    }
    // The API server has yet to generate the name.
    assert_eq!(stored(tars(), |object| object["metadata"]["name"] = json!(""))["metadata"]["name"], "");
}

#[test]
fn metadata_of_a_server_that_is_no_longer_valid_can_be_changed() {
    let mut old = tars();
    old["spec"]["tars"]["template"] = json!("gone");
    assert_eq!(update_refused(&old, |object| object["metadata"]["finalizers"] = json!([])), None);
    assert!(update_refused(&old, |object| object["spec"]["k8s"]["replicas"] = json!(1)).is_some());
    // A rule that the existing webhook does not have applies to changed parts only.
    old["spec"]["tars"]["template"] = json!("tars.rust");
    old["spec"]["k8s"]["mounts"] = json!([{"name": "delay-bind"}]);
    assert_eq!(update_refused(&old, |object| object["spec"]["k8s"]["replicas"] = json!(1)), None);
}

#[test]
fn odd_shapes_are_left_to_the_schema() {
    for spec in [json!(null), json!(7), json!([]), json!({}), json!({"k8s": 1, "release": "x", "tars": []})] {
        let object = json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "a-b"}, "spec": spec});
        let fixture = Fixture::create(Resource::Server, object);
        assert_eq!(mutate(&fixture.request(), &facts()).unwrap()["spec"], spec);
        assert!(validate(&fixture.request(), &facts()).is_err());
    }
}

prop_compose! {
    fn any_server()(
        is_tars in any::<bool>(), version in prop_oneof!["v1beta2", "v1beta3"], gates in option::of(vec(prop_oneof!["a", "b", "tars.io/active"], 0..4)),
        release in option::of((option::of("[a-z]{1,4}"), any::<bool>())), replicas in option::of(0..99), bounds in option::of((0..50_i32, 50..99_i32)),
        ipc in any::<bool>(), labels in option::of("[a-z]{1,4}"),
    ) -> Value {
        let mut object = if is_tars { tars() } else { normal() };
        object["apiVersion"] = json!(format!("k8s.tars.io/{version}"));
        object["spec"]["release"] = release.map_or(Value::Null, |(node, timed)| {
            let mut release = json!({"id": "v2", "image": "i"});
            if let Some(node) = node { release["nodeImage"] = json!(node); }
            if timed { release["time"] = json!("2020-01-01T00:00:00Z"); }
            release
        });
        object["spec"]["k8s"] = json!({"hostIPC": ipc});
        if let Some(gates) = gates { object["spec"]["k8s"]["readinessGates"] = json!(gates); }
        if let Some(replicas) = replicas { object["spec"]["k8s"]["replicas"] = json!(replicas); }
        if let Some((min, max)) = bounds {
            object["metadata"]["annotations"] = json!({"tars.io/MinReplicas": min.to_string(), "tars.io/MaxReplicas": max.to_string()});
        }
        if let Some(label) = labels { object["metadata"]["labels"] = json!({"own": label, "tars.io/ServerApp": label}); }
        object
    }
}

proptest! {
    #[test]
    fn mutation_of_its_own_output_changes_nothing(object in any_server()) {
        let once = stored(object, |_| ());
        prop_assert_eq!(&stored(once.clone(), |_| ()), &once);
    }

    #[test]
    fn unknown_members_are_not_touched(object in any_server(), key in "[a-z]{1,8}", value in any::<u32>()) {
        let mut object = object;
        let key = format!("x-{key}");
        object["spec"][&key] = json!(value);
        object["spec"]["k8s"][&key] = json!({"deep": [value]});
        let stored = stored(object.clone(), |_| ());
        prop_assert_eq!(&stored["spec"][&key], &object["spec"][&key]);
        prop_assert_eq!(&stored["spec"]["k8s"][&key], &object["spec"]["k8s"][&key]);
    }
}
