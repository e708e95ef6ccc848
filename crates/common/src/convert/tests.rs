//! Round trips over generated objects, and single cases of docs/reference/resources.md#7.

mod chains;
mod fields;
mod fit;

use super::*;
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, json};

fn api(version: Version) -> &'static str {
    version.api_version()
}

fn converted(object: &Value, to: Version) -> Value {
    let mut object = object.clone();
    convert(&mut object, api(to), &Context::default()).unwrap();
    object
}

fn via(object: &Value, path: &[Version]) -> Value {
    path.iter().fold(object.clone(), |object, to| converted(&object, *to))
}

/// An object from members that may be absent.
fn object(members: Vec<(&str, Option<Value>)>) -> Value {
    members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>().into()
}

/// Texts that are also names of gates.
fn texts() -> impl Strategy<Value = Value> {
    vec("[a-z]{1,6}", 0..3).prop_map(Value::from)
}

fn base() -> impl Strategy<Value = (Option<Value>, bool, Option<Value>)> {
    let annotations = option::of("[a-z]{1,5}").prop_map(|value| value.map(|value| json!({"kept": value})));
    let newer = option::of(any::<u8>()).prop_map(|value| value.map(|value| json!({"newer": value})));
    (annotations, any::<bool>(), newer)
}

fn server(version: Version, base: &(Option<Value>, bool, Option<Value>), k8s: &Value, release: Option<&Value>) -> Value {
    let (annotations, is_tars, newer) = base;
    let metadata =
        object(vec![("name", Some(json!("a-b"))), ("namespace", Some(json!("ns"))), ("annotations", annotations.clone())]);
    let spec = object(vec![
        ("app", Some(json!("A"))),
        (if *is_tars { "tars" } else { "normal" }, Some(json!({"ports": []}))),
        ("k8s", Some(k8s.clone())),
        ("release", release.cloned()),
        ("future", newer.clone()),
    ]);
    json!({"apiVersion": api(version), "kind": "TServer", "metadata": metadata, "spec": spec, "status": {"replicas": 1}})
}

prop_compose! {
    fn launch()(
        strategy in option::of((prop_oneof!["RollingUpdate", "OnDelete"], any::<u8>())),
        pull in option::of(prop_oneof!["Always", "Never"]),
        launcher in option::of(prop_oneof!["foreground", "background"]),
    ) -> Vec<(&'static str, Option<Value>)> {
        vec![
            ("updateStrategy", strategy.map(|(kind, partition)| json!({"type": kind, "rollingUpdate": {"partition": partition}}))),
            ("imagePullPolicy", pull.map(Value::from)),
            ("launcherType", launcher.map(Value::from)),
        ]
    }
}

/// A mount with a name of its own. Only v1beta3 has the new source.
fn build_mount((index, new): (usize, bool)) -> Value {
    let source = if new { json!({"nfs": {"server": "s", "path": "/"}}) } else { json!({"emptyDir": {}}) };
    json!({"name": format!("m{index}"), "source": source})
}

prop_compose! {
    /// The members of ours that only v1beta3 has.
    fn own()(
        liveness in option::of(1..99), readiness in option::of(1..99), startup in option::of(1..99),
        container in option::of(any::<bool>()), pod in option::of(0..9), disruption in option::of(0..9),
        timezone in option::of(any::<bool>()), name in option::of("[a-z]{1,5}"), seconds in option::of(0..3601),
        mounts in option::of(vec(any::<bool>(), 0..4)),
    ) -> Vec<(&'static str, Option<Value>)> {
        let probe = |port: Option<i32>| port.map(|port| json!({"grpc": {"port": port}, "periodSeconds": port}));
        vec![
            ("livenessProbe", probe(liveness)),
            ("readinessProbe", probe(readiness)),
            ("startupProbe", probe(startup)),
            ("securityContext", container.map(|value| json!({"runAsNonRoot": value, "capabilities": {"drop": ["ALL"]}}))),
            ("podSecurityContext", pod.map(|user| json!({"runAsUser": user, "sysctls": [{"name": "a", "value": "1"}]}))),
            ("disruption", disruption.map(|most| json!({"maxUnavailable": most}))),
            ("hostTimezone", timezone.map(Value::from)),
            ("podAnnotations", name.as_ref().map(|name| json!({"a.b/c": name}))),
            ("podLabels", name.as_ref().map(|name| json!({"team": name}))),
            ("tolerations", name.as_ref().map(|name| json!([{"key": name, "operator": "Exists"}]))),
            ("priorityClassName", name.clone().map(Value::from)),
            ("schedulerName", name.clone().map(Value::from)),
            ("workingDir", name.map(Value::from)),
            ("terminationGracePeriodSeconds", seconds.map(Value::from)),
            ("progressDeadlineSeconds", seconds.map(|seconds| json!(seconds + 1))),
            ("mounts", mounts.map(|new| new.into_iter().enumerate().map(build_mount).collect())),
        ]
    }
}

prop_compose! {
    fn node()(image in option::of("[a-z/:]{1,9}"), secret in option::of("[a-z]{0,3}")) -> Vec<(&'static str, Option<Value>)> {
        vec![("id", Some(json!("v1"))), ("nodeImage", image.map(Value::from)), ("nodeSecret", secret.map(Value::from))]
    }
}

prop_compose! {
    fn v3()(
        base in base(), mut launch in launch(), node in option::of(node()), complete in any::<bool>(),
        command in option::of(texts()), args in option::of(texts()), gates in option::of(texts()), replicas in 0..9,
        own in own(),
    ) -> Value {
        launch.extend(own);
        launch.extend([("command", command), ("args", args), ("readinessGates", gates), ("replicas", Some(json!(replicas)))]);
        if complete {
            let defaults = [json!({"type": "RollingUpdate"}), json!("Always"), json!("background")];
            for ((_, value), default) in launch.iter_mut().zip(defaults) { value.get_or_insert(default); }
        }
        server(Version::V1Beta3, &base, &object(launch), node.map(object).as_ref())
    }
}

prop_compose! {
    fn v2()(base in base(), mut launch in launch(), node in option::of(node()), gate in option::of("[a-z.]{1,6}")) -> Value {
        launch.push(("readinessGate", gate.map(Value::from)));
        server(Version::V1Beta2, &base, &object(launch), node.map(object).as_ref())
    }
}

prop_compose! {
    fn v1()(base in base(), gate in option::of("[a-z.]{1,6}"), source in option::of(option::of("[a-z]{1,5}"))) -> Value {
        let release = source.map(|source| object(vec![("id", Some(json!("v1"))), ("source", source.map(Value::from))]));
        server(Version::V1Beta1, &base, &object(vec![("readinessGate", gate.map(Value::from))]), release.as_ref())
    }
}

/// On the way up from v1beta1 three members are filled in if they are absent, with the defaults that the API server has for v1beta2 and
/// v1beta3.
fn has_launch(object: &Value) -> bool {
    ["updateStrategy", "imagePullPolicy", "launcherType"].iter().all(|name| object["spec"]["k8s"].get(name).is_some())
}

proptest! {
    #[test]
    fn v3_comes_back_from_v2(object in v3()) {
        prop_assert_eq!(via(&object, &[Version::V1Beta2, Version::V1Beta3]), object);
    }

    #[test]
    fn v3_comes_back_from_v1(object in v3().prop_filter("complete", has_launch)) {
        prop_assert_eq!(via(&object, &[Version::V1Beta1, Version::V1Beta3]), object);
    }

    #[test]
    fn v2_comes_back_from_v3(object in v2()) {
        prop_assert_eq!(via(&object, &[Version::V1Beta3, Version::V1Beta2]), object);
    }

    #[test]
    fn v1_comes_back_from_anywhere(object in v1()) {
        prop_assert_eq!(&via(&object, &[Version::V1Beta3, Version::V1Beta1])["spec"], &object["spec"]);
        prop_assert_eq!(&via(&object, &[Version::V1Beta2, Version::V1Beta1])["spec"], &object["spec"]);
        prop_assert_eq!(&via(&object, &[Version::V1Beta3, Version::V1Beta2, Version::V1Beta1])["spec"], &object["spec"]);
    }

    #[test]
    fn conversion_is_stable(object in v3(), path in vec(prop_oneof![Just(Version::V1Beta1), Just(Version::V1Beta2), Just(Version::V1Beta3)], 1..6)) {
        // After a walk through any versions, the same walk once more changes nothing.
        let once = via(&object, &path);
        let again = via(&via(&once, &path), &path);
        prop_assert_eq!(via(&again, &path), again);
    }

    #[test]
    fn no_bytes_make_it_panic(text in r#"\{"append":.{0,40}"#, value in any::<i64>()) {
        for (from, key) in [(Version::V1Beta1, "1b11b3"), (Version::V1Beta1, "1b11b2"), (Version::V1Beta2, "1b21b3")] {
            let mut odd = json!({
                "apiVersion": api(from), "kind": "TServer", "spec": {"k8s": value, "release": [value]},
                "metadata": {"annotations": {format!("tars.io/Conversion.{key}"): text}},
            });
            let to = if key.ends_with('3') { Version::V1Beta3 } else { Version::V1Beta2 };
            prop_assert!(convert(&mut odd, api(to), &Context::default()).is_ok());
        }
    }

    #[test]
    fn framework_configs_come_back(
        id in option::of("[a-z]{0,4}"), executor in option::of("[a-z]{1,5}"), upload in "[a-z]{1,5}", build in any::<bool>(),
    ) {
        // v1beta3 requires an executor. One without an image stands for none.
        let executor = json!({"image": executor.unwrap_or_default(), "secret": ""});
        let build = Some(object(vec![("idFormat", id.map(Value::from).filter(|_| build)), ("executor", Some(executor))]));
        let config = object(vec![
            ("apiVersion", Some(json!(api(Version::V1Beta3)))), ("kind", Some(json!("TFrameworkConfig"))), ("metadata", Some(json!({"name": "tars-framework"}))),
            ("imageBuild", build), ("imageUpload", Some(json!({"registry": upload}))), ("nodeImage", Some(json!({"image": "n"}))),
        ]);
        prop_assert_eq!(via(&config, &[Version::V1Beta2, Version::V1Beta3]), config);
    }
}

#[test]
fn stashes_of_the_existing_converter_are_read() {
    let text = r#"{"append":{"command":["run"],"args":null,"readinessGates":["second"]},"drop":{}}"#;
    let stored = json!({
        "apiVersion": api(Version::V1Beta2), "kind": "TServer", "metadata": {"annotations": {"tars.io/Conversion.1b21b3": text, "a": "b"}},
        "spec": {"k8s": {"readinessGate": "first"}},
    });
    let expected = json!({
        "apiVersion": api(Version::V1Beta3), "kind": "TServer", "metadata": {"annotations": {"a": "b"}},
        "spec": {"k8s": {"command": ["run"], "readinessGates": ["first", "second"]}},
    });
    assert_eq!(converted(&stored, Version::V1Beta3), expected);
}

#[test]
fn an_unreadable_stash_is_removed_and_ignored() {
    for text in ["", "{", "[]", r#"{"append":7}"#] {
        let stored = json!({
            "apiVersion": api(Version::V1Beta2), "kind": "TServer", "metadata": {"annotations": {"tars.io/Conversion.1b21b3": text}},
            "spec": {"k8s": {"replicas": 1}},
        });
        let expected =
            json!({"apiVersion": api(Version::V1Beta3), "kind": "TServer", "metadata": {}, "spec": {"k8s": {"replicas": 1}}});
        assert_eq!(converted(&stored, Version::V1Beta3), expected, "{text}");
    }
}

/// Fields that an old version does not have are not in its spec. One annotation with the existing key keeps them.
#[test]
fn probes_and_security_contexts_wait_in_the_annotation() {
    let passed = json!({
        "livenessProbe": {"exec": {"command": ["true"]}}, "readinessProbe": {"tcpSocket": {"port": "http"}},
        "startupProbe": {"grpc": {"port": 1}}, "securityContext": {"privileged": false}, "podSecurityContext": {},
    });
    let upper = json!({"apiVersion": api(Version::V1Beta3), "kind": "TServer", "metadata": {}, "spec": {"k8s": passed}});
    for (lower, pair) in [(Version::V1Beta2, "1b21b3"), (Version::V1Beta1, "1b11b3")] {
        let stored = converted(&upper, lower);
        assert_eq!(stored["spec"]["k8s"], json!({}));
        let text = stored["metadata"]["annotations"][format!("tars.io/Conversion.{pair}")].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!({"append": passed, "drop": {}}));
        let mut back = converted(&stored, Version::V1Beta3)["spec"]["k8s"].clone();
        back.as_object_mut().unwrap().retain(|name, _| passed.get(name).is_some());
        assert_eq!(back, passed);
    }
}

/// A mount with a source that only v1beta3 has is not in the list of the older versions, and comes back to its place.
#[test]
fn mounts_with_a_new_source_wait_in_the_annotation() {
    let kinds = |kinds: &[bool]| kinds.iter().copied().enumerate().map(build_mount).collect::<Value>();
    let upper = json!({"apiVersion": api(Version::V1Beta3), "kind": "TServer", "metadata": {}, "spec": {"k8s": {"mounts": kinds(&[true, false, true])}}});
    let mounts = |object: &Value| object["spec"]["k8s"]["mounts"].clone();
    let names = |object: &Value| -> Vec<String> {
        mounts(object).as_array().unwrap().iter().map(|mount| mount["name"].as_str().unwrap().to_owned()).collect()
    };
    for lower in [Version::V1Beta2, Version::V1Beta1] {
        let mut stored = converted(&upper, lower);
        assert_eq!(names(&stored), ["m1"], "the others have no source in {}", lower.as_str());
        assert_eq!(mounts(&converted(&stored, Version::V1Beta3)), mounts(&upper));
        stored["spec"]["k8s"]["mounts"][0]["name"] = json!("changed");
        assert_eq!(names(&converted(&stored, Version::V1Beta3)), ["m0", "changed", "m2"]);
        stored["spec"]["k8s"].as_object_mut().unwrap().remove("mounts");
        assert_eq!(names(&converted(&stored, Version::V1Beta3)), ["m0", "m2"], "the writer removed what it could see");
    }
    let stash = json!({"append": {"mounts": {"0": {"name": 7, "source": {"nfs": {}}}, "x": {}, "1": build_mount((1, true))}}});
    let mut odd = json!({"apiVersion": api(Version::V1Beta2), "kind": "TServer", "spec": {"k8s": {"mounts": null}},
        "metadata": {"annotations": {"tars.io/Conversion.1b21b3": stash.to_string()}}});
    assert_eq!(convert(&mut odd, api(Version::V1Beta3), &Context::default()).unwrap(), ["mounts"], "one does not fit");
    assert_eq!(names(&odd), ["m1"]);
}

#[test]
fn a_lower_writer_changes_the_first_gate_only() {
    let upper = json!({"apiVersion": api(Version::V1Beta3), "kind": "TServer", "metadata": {}, "spec": {"k8s": {"readinessGates": ["a", "b"]}}});
    let mut lower = converted(&upper, Version::V1Beta2);
    lower["spec"]["k8s"]["readinessGate"] = json!("");
    assert_eq!(converted(&lower, Version::V1Beta3)["spec"]["k8s"]["readinessGates"], json!(["b"]));
}

#[test]
fn a_released_tars_server_of_v1_gets_the_node_image_of_its_namespace() {
    let lower = json!({"apiVersion": api(Version::V1Beta1), "kind": "TServer", "metadata": {}, "spec": {"tars": {}, "k8s": {}, "release": {"id": "1"}}});
    let mut upper = lower.clone();
    let context = Context { node_image: Some(("node:1".to_owned(), "pull".to_owned())) };
    convert(&mut upper, api(Version::V1Beta2), &context).unwrap();
    assert_eq!(upper["spec"]["release"], json!({"id": "1", "nodeImage": "node:1", "nodeSecret": "pull"}));
    assert_eq!(upper["spec"]["k8s"]["launcherType"], "background");
    assert_eq!(converted(&lower, Version::V1Beta2)["spec"]["release"], json!({"id": "1"}), "no schema accepts a placeholder");
    assert_eq!(converted(&lower, Version::V1Beta3)["spec"]["release"], json!({"id": "1"}));
}

/// The stash is for what v1beta1 cannot say. A server that is launched as v1beta1 launches servers needs none.
#[test]
fn the_launch_of_v1_is_not_stashed() {
    let launch = json!({
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, "imagePullPolicy": "Always",
        "launcherType": "background",
    });
    for from in [Version::V1Beta2, Version::V1Beta3] {
        let mut upper =
            json!({"apiVersion": api(from), "kind": "TServer", "metadata": {"name": "a-b"}, "spec": {"tars": {}, "k8s": launch}});
        let lower = converted(&upper, Version::V1Beta1);
        assert_eq!((&lower["metadata"], &lower["spec"]["k8s"]), (&json!({"name": "a-b"}), &json!({})));
        assert_eq!(converted(&lower, from), upper);
        upper["spec"]["k8s"]["launcherType"] = json!("foreground");
        let lower = converted(&upper, Version::V1Beta1);
        let stash = lower["metadata"]["annotations"].as_object().unwrap().values().next().unwrap();
        assert_eq!(stash, r#"{"append":{"launcherType":"foreground"},"drop":{}}"#);
        assert_eq!(converted(&lower, from), upper);
    }
}

/// The node image of the namespace is for servers that were always v1beta1.
#[test]
fn a_server_without_node_image_comes_back_without_one() {
    for from in [Version::V1Beta2, Version::V1Beta3] {
        let k8s = json!({
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, "imagePullPolicy": "Always",
            "launcherType": "background",
        });
        let spec = json!({"tars": {}, "k8s": k8s, "release": {"id": "1"}});
        let upper = json!({"apiVersion": api(from), "kind": "TServer", "metadata": {"name": "a-b"}, "spec": spec});
        assert_eq!(converted(&converted(&upper, Version::V1Beta1), from), upper);
    }
}

#[test]
fn the_source_of_another_release_is_forgotten() {
    let lower = json!({"apiVersion": api(Version::V1Beta1), "kind": "TServer", "metadata": {}, "spec": {"k8s": {}, "release": {"id": "1", "source": "image"}}});
    let mut upper = converted(&lower, Version::V1Beta3);
    assert_eq!(upper["spec"]["release"].get("source"), None);
    upper["spec"]["release"]["id"] = json!("2");
    assert_eq!(converted(&upper, Version::V1Beta1)["spec"]["release"], json!({"id": "2"}));
}

#[test]
fn versions_that_do_not_exist_are_named() {
    let mut config = json!({"apiVersion": api(Version::V1Beta2), "kind": "TFrameworkConfig", "metadata": {"name": "tars-framework", "namespace": "ns"}});
    let error = convert(&mut config, api(Version::V1Beta1), &Context::default()).unwrap_err().to_string();
    assert_eq!(error, "TFrameworkConfig ns/tars-framework: the kind has no k8s.tars.io/v1beta1, use v1beta2 or v1beta3");
    assert!(convert(&mut config, "k8s.tars.io/v1", &Context::default()).is_err());
    assert!(convert(&mut json!({}), api(Version::V1Beta2), &Context::default()).is_err());
}
