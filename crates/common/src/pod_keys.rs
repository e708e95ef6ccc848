//! Keys of labels and annotations of pods that Tars and Kubernetes set themselves, so that the author of a TServer cannot
//! (docs/reference/admission.md#6.1.30).

use crate::names::GROUP;

/// Domains whose keys all belong to Tars, or to the controller of StatefulSets.
const DOMAINS: [&str; 3] = ["tars.io", GROUP, "statefulset.kubernetes.io"];
/// Further labels that the controllers of StatefulSets and DaemonSets set on their pods.
const KEYS: [&str; 3] = ["controller-revision-hash", "pod-template-generation", "apps.kubernetes.io/pod-index"];

/// Whether the key is reserved.
pub fn is_reserved(key: &str) -> bool {
    KEYS.contains(&key) || key.split_once('/').is_some_and(|(domain, _)| DOMAINS.contains(&domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_tars_and_of_the_workload_controllers_are_reserved() {
        for key in [
            "tars.io/ServerID",
            "k8s.tars.io/x",
            "statefulset.kubernetes.io/pod-name",
            "controller-revision-hash",
            "apps.kubernetes.io/pod-index",
        ] {
            assert!(is_reserved(key), "{key}");
        }
        for key in
            ["tars.io", "team", "my.tars.io/x", "kubernetes.io/x", "apps.kubernetes.io/other", "x/controller-revision-hash"]
        {
            assert!(!is_reserved(key), "{key}");
        }
    }
}
