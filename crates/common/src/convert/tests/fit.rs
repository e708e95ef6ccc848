//! A stash never makes an object that the schema of the wanted version refuses (docs/reference/resources.md#7.2.5).

use super::{super::fit::fits, *};

/// The stashed members of a TServer, and the version in which they come back.
const MEMBERS: [(&str, &str, Version); 25] = [
    ("k8s", "command", Version::V1Beta3),
    ("k8s", "args", Version::V1Beta3),
    ("k8s", "readinessGates", Version::V1Beta3),
    ("k8s", "livenessProbe", Version::V1Beta3),
    ("k8s", "readinessProbe", Version::V1Beta3),
    ("k8s", "startupProbe", Version::V1Beta3),
    ("k8s", "securityContext", Version::V1Beta3),
    ("k8s", "podSecurityContext", Version::V1Beta3),
    ("k8s", "disruption", Version::V1Beta3),
    ("k8s", "hostTimezone", Version::V1Beta3),
    ("k8s", "podAnnotations", Version::V1Beta3),
    ("k8s", "podLabels", Version::V1Beta3),
    ("k8s", "tolerations", Version::V1Beta3),
    ("k8s", "priorityClassName", Version::V1Beta3),
    ("k8s", "schedulerName", Version::V1Beta3),
    ("k8s", "terminationGracePeriodSeconds", Version::V1Beta3),
    ("k8s", "workingDir", Version::V1Beta3),
    ("k8s", "progressDeadlineSeconds", Version::V1Beta3),
    ("k8s", "mounts", Version::V1Beta3),
    ("k8s", "updateStrategy", Version::V1Beta3),
    ("k8s", "imagePullPolicy", Version::V1Beta3),
    ("k8s", "launcherType", Version::V1Beta3),
    ("release", "nodeImage", Version::V1Beta3),
    ("release", "nodeSecret", Version::V1Beta3),
    ("release", "source", Version::V1Beta1),
];

fn stored(from: Version, key: &str, stash: &Value) -> Value {
    json!({
        "apiVersion": api(from), "kind": "TServer", "metadata": {"annotations": {format!("tars.io/Conversion.{key}"): stash.to_string()}},
        "spec": {"k8s": {"readinessGate": "first"}, "release": {"id": "1"}},
    })
}

fn dropped(object: &mut Value, to: Version) -> Vec<&'static str> {
    convert(object, api(to), &Context::default()).unwrap()
}

#[test]
fn a_member_that_does_not_fit_is_dropped_and_named() {
    let stash = json!({"append": {"command": 7, "args": ["a"], "readinessGates": [3], "livenessProbe": {"grpc": {"port": "x"}}}});
    let mut object = stored(Version::V1Beta2, "1b21b3", &stash);
    assert_eq!(dropped(&mut object, Version::V1Beta3), ["command", "livenessProbe", "readinessGates"]);
    assert_eq!(object["spec"]["k8s"], json!({"args": ["a"], "readinessGates": ["first"]}));

    let mut object = stored(Version::V1Beta1, "1b11b2", &json!({"append": {"imagePullPolicy": "Maybe", "nodeImage": {}}}));
    assert_eq!(dropped(&mut object, Version::V1Beta2), ["imagePullPolicy", "nodeImage"]);
    assert_eq!(object["spec"]["k8s"]["imagePullPolicy"], "Always");

    let mut object = stored(Version::V1Beta3, "1b1", &json!({"drop": {"source": [1], "id": "1"}}));
    assert_eq!(dropped(&mut object, Version::V1Beta1), ["source"]);
    assert_eq!(object["spec"]["release"], json!({"id": "1"}));

    let mut config = json!({
        "apiVersion": api(Version::V1Beta2), "kind": "TFrameworkConfig", "imageBuild": {},
        "metadata": {"annotations": {"tars.io/Conversion.1b21b3": r#"{"append":{"executor":{"secret":"s"}}}"#}},
    });
    assert_eq!(dropped(&mut config, Version::V1Beta3), ["executor"]);
    assert_eq!(
        (&config["imageBuild"], &config["apiVersion"]),
        (&json!({"executor": {"image": "", "secret": ""}}), &json!(api(Version::V1Beta3)))
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z./ ]{0,9}".prop_map(Value::from),
        prop_oneof!["Always", "background", "OnDelete"].prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let names = prop_oneof![
            "type",
            "rollingUpdate",
            "grpc",
            "port",
            "exec",
            "command",
            "sysctls",
            "maxUnavailable",
            "effect",
            "source",
            "nfs",
            "server",
            "path",
            "0",
            "1",
            "[a-z]{1,3}"
        ];
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((names, inner), 0..3).prop_map(|members| Value::Object(members.into_iter().collect()))
        ]
    })
}

proptest! {
    #[test]
    fn whatever_the_stash_holds_each_member_of_the_result_fits(values in vec(any_json(), MEMBERS.len())) {
        let members: Map<_, _> = MEMBERS.iter().map(|member| member.1.to_owned()).zip(values).collect();
        for (from, to, key) in [
            (Version::V1Beta1, Version::V1Beta2, "1b11b2"), (Version::V1Beta1, Version::V1Beta3, "1b11b3"),
            (Version::V1Beta2, Version::V1Beta3, "1b21b3"), (Version::V1Beta3, Version::V1Beta1, "1b1"),
        ] {
            let mut drop = members.clone();
            drop.insert("id".to_owned(), json!("1"));
            let mut object = stored(from, key, &json!({"append": members, "drop": drop}));
            convert(&mut object, api(to), &Context::default()).unwrap();
            for (block, name, _) in MEMBERS {
                if let Some(value) = object["spec"][block].get(name) {
                    prop_assert!(fits("TServer", to, &["spec", block, name], value), "{} {} {}", api(to), name, value);
                }
            }
        }
    }
}
