//! The labels and annotations that the author of a TServer gives to its pods.

use crate::tserver::problem::Problem;
use std::collections::BTreeMap;
use tars_common::{pod_keys::is_reserved, v1beta3::TServerSpec};

#[derive(Clone, Debug, Default)]
pub struct PodMetadata {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

pub fn validate_pod_metadata(spec: &TServerSpec, problems: &mut Vec<Problem>) -> PodMetadata {
    let (labels, annotations) = (&spec.k8s.pod_labels, &spec.k8s.pod_annotations);
    for (map, entries) in [("podLabels", labels), ("podAnnotations", annotations)] {
        for key in entries.keys().filter(|key| is_reserved(key)) {
            let problem = format!("Tars and Kubernetes set {key:?} on pods themselves");
            problems.push(Problem::new(format!("spec.k8s.{map}"), problem, "use a key with a domain of yours"));
        }
    }
    PodMetadata { labels: labels.clone(), annotations: annotations.clone() }
}
