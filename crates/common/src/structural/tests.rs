use super::*;
use serde_json::json;

fn schema(kind: &str) -> &'static Value {
    find_schema(kind, Version::V1Beta3, &[]).unwrap()
}

fn server() -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-audit"},
        "spec": {
            "app": "Trade", "server": "Audit", "subType": "tars", "important": 3,
            "tars": {"template": "t", "servants": [{"name": "AuditObj", "port": 8000, "isTars": true, "isTcp": true, "thread": 3}]},
            "k8s": {"mounts": [{"name": "data", "mountPath": "/data", "source": {"emptyDir": {}}}]},
        },
    })
}

/// Sets a member, and lists what is wrong then, as `field: problem; remedy`.
fn list_with(pointer: &str, name: &str, value: Value) -> Vec<String> {
    let mut object = server();
    object.pointer_mut(pointer).unwrap()[name] = value;
    let found = list_violations(&object, schema("TServer"), 10);
    found.into_iter().map(|one| format!("{}: {}; {}", one.field, one.problem, one.remedy)).collect()
}

#[test]
fn each_violation_names_its_field_problem_and_remedy() {
    assert_eq!(list_with("/spec", "important", json!(3)), [""; 0]);
    let cases = [
        ("/spec/k8s", "replicas", json!("3"), r#"spec.k8s.replicas: "3" is not of type integer; write a value of type integer"#),
        ("/spec/k8s", "replicas", json!(-1), "spec.k8s.replicas: -1 is too small; write a number of at least 0"),
        ("/spec", "subType", json!("java"), r#"spec.subType: "java" is not a possible value; use one of "tars", "normal""#),
        (
            "/spec/k8s",
            "replica",
            json!(3),
            "spec.k8s.replica: the field is unknown, and the API server drops it; write replicas, or remove the field",
        ),
        (
            "/spec",
            "colour",
            json!(3),
            "spec.colour: the field is unknown, and the API server drops it; remove the field, or check its indentation",
        ),
        (
            "/spec",
            "app",
            json!("a b"),
            r#"spec.app: "a b" does not have the right form; write a value that matches ^[A-Za-z][0-9A-Za-z]*$"#,
        ),
        (
            "/spec/tars/servants/0",
            "port",
            json!(70_000),
            "spec.tars.servants[0].port: 70000 is too large; write a number of at most 65535",
        ),
        (
            "/spec/k8s/mounts/0",
            "source",
            json!({"emptyDir": 3}),
            "spec.k8s.mounts[0].source.emptyDir: 3 is not of type object; write a value of type object",
        ),
    ];
    for (pointer, name, value, expected) in cases {
        assert_eq!(list_with(pointer, name, value), [expected]);
    }
    let mut object = server();
    object["spec"].as_object_mut().unwrap().shift_remove("app");
    let found = list_violations(&object, schema("TServer"), 10);
    assert_eq!((found[0].field.as_str(), found[0].problem.as_str()), ("spec.app", "the field is missing"));
}

#[test]
fn the_number_of_violations_is_bounded() {
    let many = json!({"spec": {"k8s": {"replica": 1, "replika": 2, "x": 3}}});
    assert_eq!(list_violations(&many, schema("TServer"), 2).len(), 2);
}

#[test]
fn completion_adds_defaults_and_drops_null() {
    let mut object = server();
    object["spec"]["k8s"]["hostPorts"] = Value::Null;
    complete(&mut object, schema("TServer"));
    assert_eq!(object["spec"]["k8s"]["launcherType"], "background");
    assert!(object["spec"]["k8s"].get("hostPorts").is_none_or(Value::is_array), "{}", object["spec"]["k8s"]);
    let once = object.clone();
    complete(&mut object, schema("TServer"));
    assert_eq!(object, once);
    assert_eq!(list_violations(&object, schema("TServer"), 10), []);
}

/// Lists the keywords of a schema and of all schemas below it.
fn list_keywords(schema: &Value, found: &mut BTreeSet<String>) {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        found.insert(keyword.clone());
        match keyword.as_str() {
            "properties" => value.as_object().unwrap().values().for_each(|member| list_keywords(member, found)),
            "oneOf" => value.as_array().unwrap().iter().for_each(|one| list_keywords(one, found)),
            "items" | "additionalProperties" => list_keywords(value, found),
            _ => {}
        }
    }
}

#[test]
fn the_check_knows_every_keyword_of_the_definitions() {
    let known = "additionalProperties default description enum format items maxItems maxLength maximum minItems minLength minimum oneOf \
                 pattern properties required type x-kubernetes-int-or-string x-kubernetes-list-map-keys x-kubernetes-list-type \
                 x-kubernetes-map-type x-kubernetes-validations";
    let mut found = BTreeSet::new();
    SCHEMAS.roots.values().for_each(|root| list_keywords(root, &mut found));
    let unknown: Vec<&String> = found.iter().filter(|keyword| !known.split(' ').any(|other| other == *keyword)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
