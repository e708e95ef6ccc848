//! TServer: further labels and annotations of its pods (docs/reference/admission.md#6.1.30 and docs/reference/admission.md#6.1.31).

use crate::{
    admission::denial::Denial,
    kube_syntax::{is_label_value, is_qualified_name},
    pod_keys::is_reserved,
};
use serde_json::Value;

/// The greatest number of bytes that Kubernetes accepts in all annotations of an object, keys included.
const ANNOTATIONS_LIMIT: usize = 256 << 10;

pub(super) fn validate_pod_metadata(object: &Value) -> Result<(), Denial> {
    for (key, value) in list(object, "podLabels") {
        validate_key("podLabels", key, is_qualified_name(key))?;
        if !is_label_value(value) {
            let problem = format!(".spec.k8s.podLabels value {value} of {key} is no value of a label");
            let remedy = "write at most 63 letters, digits and inner '-', '_' and '.', or use podAnnotations";
            return Err(Denial::invalid_server("6.1.31", problem, remedy).at(format!("spec.k8s.podLabels[{key}]")));
        }
    }
    let mut size = 0;
    for (key, value) in list(object, "podAnnotations") {
        // Kubernetes accepts upper case in the domain of an annotation.
        validate_key("podAnnotations", key, is_qualified_name(&key.to_lowercase()))?;
        size += key.len() + value.len();
    }
    if size > ANNOTATIONS_LIMIT {
        let problem = format!(".spec.k8s.podAnnotations has {size} bytes");
        let remedy = format!("Kubernetes stores at most {ANNOTATIONS_LIMIT}, keys included; put the rest into a ConfigMap");
        return Err(Denial::invalid_server("6.1.31", problem, remedy).at("spec.k8s.podAnnotations"));
    }
    Ok(())
}

/// The entries of a map. Values that are no texts are left to the schema.
fn list<'a>(object: &'a Value, map: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let entries = object.pointer("/spec/k8s").and_then(|k8s| k8s.get(map)?.as_object());
    entries.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

fn validate_key(map: &str, key: &str, has_form: bool) -> Result<(), Denial> {
    let deny = |rule, problem: &str, remedy| {
        let denial = Denial::invalid_server(rule, format!(".spec.k8s.{map} key {key} {problem}"), remedy);
        Err(denial.at(format!("spec.k8s.{map}[{key}]")))
    };
    if !has_form {
        let remedy =
            "write a name of at most 63 letters, digits and inner '-', '_' and '.', or such a name behind a domain and '/'";
        return deny("6.1.31", "is no key", remedy);
    }
    if is_reserved(key) {
        return deny(
            "6.1.30",
            "is reserved",
            "Tars and Kubernetes set such keys on pods themselves; use a key with a domain of yours",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(k8s: &Value) -> Option<(&'static str, String)> {
        let denied = validate_pod_metadata(&json!({"spec": {"k8s": k8s}})).err()?;
        Some((denied.rule, denied.to_string()))
    }

    #[test]
    fn ordinary_keys_are_accepted() {
        for k8s in [
            json!({}),
            json!({"podLabels": null, "podAnnotations": {}}),
            json!({"podLabels": {"team": "", "app.kubernetes.io/part-of": "shop"}, "podAnnotations": {"Example.com/X": "any text: {}"}}),
            json!({"podLabels": {"pod-template-hash": "free"}, "podAnnotations": {"kubectl.kubernetes.io/restartedAt": "now"}}),
        ] {
            assert_eq!(refused(&k8s), None, "{k8s}");
        }
    }

    #[test]
    fn reserved_and_malformed_keys_and_values_are_refused() {
        for (k8s, rule, part) in [
            (json!({"podLabels": {"tars.io/ServerID": "v2"}}), "6.1.30", ".spec.k8s.podLabels key tars.io/ServerID is reserved;"),
            (
                json!({"podAnnotations": {"k8s.tars.io/x": ""}}),
                "6.1.30",
                ".spec.k8s.podAnnotations key k8s.tars.io/x is reserved;",
            ),
            (json!({"podLabels": {"controller-revision-hash": "a"}}), "6.1.30", "is reserved;"),
            (json!({"podLabels": {"a/b/c": "a"}}), "6.1.31", ".spec.k8s.podLabels key a/b/c is no key;"),
            (json!({"podLabels": {"Example.com/x": "a"}}), "6.1.31", "is no key;"),
            (json!({"podAnnotations": {"": "a"}}), "6.1.31", ".spec.k8s.podAnnotations key  is no key;"),
            (json!({"podLabels": {"team": "a-"}}), "6.1.31", ".spec.k8s.podLabels value a- of team is no value of a label;"),
        ] {
            let (found, text) = refused(&k8s).unwrap_or_else(|| panic!("{k8s} is accepted"));
            assert!(found == rule && text.contains(part), "{found} {text}");
        }
    }

    #[test]
    fn annotations_have_the_size_that_kubernetes_accepts() {
        let of = |size: usize| json!({"podAnnotations": {"key": "x".repeat(size - 3)}});
        assert_eq!(refused(&of(262_144)), None);
        let (rule, text) = refused(&of(262_145)).unwrap();
        assert!(rule == "6.1.31" && text.contains(".spec.k8s.podAnnotations has 262145 bytes;"), "{text}");
    }
}
