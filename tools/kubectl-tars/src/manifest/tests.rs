use super::*;
use serde_json::json;

const TEXT: &str = r#"# A comment.
apiVersion: k8s.tars.io/v1beta3
kind: TServer
metadata:
  name: trade-audit
  annotations: {tars.io/MinReplicas: "x"}
spec:
  k8s:
    replicas: 3
    mounts:
      - name: a
        mountPath: /a
      - {name: b}
---
---
apiVersion: v1
kind: List
items:
  - kind: TTree
    metadata:
      name: tars-tree
"#;

#[test]
fn each_member_has_its_line() {
    let objects = parse(TEXT).unwrap();
    assert_eq!(objects.len(), 2);
    assert_eq!(
        objects[0].value["spec"]["k8s"],
        json!({"replicas": 3, "mounts": [{"name": "a", "mountPath": "/a"}, {"name": "b"}]})
    );
    for (field, line) in [
        ("", 2),
        ("metadata.name", 5),
        ("metadata.annotations[tars.io/MinReplicas]", 6),
        ("spec", 7),
        ("spec.k8s.replicas", 9),
        ("spec.k8s.mounts", 10),
        ("spec.k8s.mounts[0].mountPath", 12),
        ("spec.k8s.mounts[1]", 13),
        ("spec.k8s.mounts[1].source.emptyDir", 13),
        ("spec.k8s.mounts[7]", 10),
        ("spec.tars.servants", 7),
        ("status", 2),
    ] {
        assert_eq!(objects[0].find_line(field), line, "{field}");
    }
    assert_eq!((objects[1].find_line("metadata.name"), objects[1].line), (21, 19));
}

#[test]
fn json_is_read_like_yaml() {
    let objects = parse("{\n  \"kind\": \"TTree\",\n  \"spec\": {\"a\": [1, 2.5, true, null, \"x\"]}\n}\n").unwrap();
    assert_eq!(objects[0].value["spec"]["a"], json!([1, 2.5, true, null, "x"]));
    assert_eq!(objects[0].find_line("spec.a[2]"), 3);
}

#[test]
fn a_text_that_is_not_yaml_has_a_line_and_a_remedy() {
    let fault = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
    assert!(fault.line >= 2 && fault.problem.starts_with("the text is not YAML: "), "{fault:?}");
    let twice = parse("a: 1\na: 2\n").unwrap_err();
    assert_eq!(twice.line, 2, "{twice:?}");
    let template = parse("a: {{ .Values.x }}\n").unwrap_err();
    assert!(template.remedy.contains("helm template"), "{template:?}");
    assert_eq!(parse("").unwrap().len() + parse("---\n# nothing\n").unwrap().len(), 0);
}

#[test]
fn files_of_a_folder_are_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| fs::write(folder.path().join(name), "kind: X\n").unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    for name in ["b.yaml", "a.json", "notes.txt", "below/c.yml"] {
        write(name);
    }
    let names = |recursive: bool| -> Vec<String> {
        let sources = read_sources(&[folder.path().to_owned()], recursive).unwrap();
        sources.into_iter().map(|source| source.name.rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(false), ["a.json", "b.yaml"]);
    assert_eq!(names(true), ["a.json", "b.yaml", "c.yml"]);
    assert!(matches!(read_sources(&[folder.path().join("gone.yaml")], false), Err(ReadError::File { .. })));
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(matches!(read_sources(&[folder.path().join("empty")], true), Err(ReadError::Empty { .. })));
}
