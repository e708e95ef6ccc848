//! The `PodDisruptionBudget`: how many pods may go at the same time when nodes are drained.

use super::{
    metadata::{build_metadata, build_selector},
    recipe::{Facts, Recipe, Upkeep},
};
use crate::{
    engine::packed::Packer,
    tserver::validate::{Validated, Workload},
};
use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

pub static DISRUPTION_BUDGET: Recipe = Recipe {
    // The drain of a node leaves the pods of a DaemonSet where they are. Without replicas there is nothing to limit.
    build: |server| match (&server.workload, &server.disruption_limit) {
        (Workload::StatefulSet(settings), Some(max)) if settings.replicas > 0 => {
            serde_json::to_value(build_disruption_budget(server, max.clone())).map(Some)
        }
        _ => Ok(None),
    },
    upkeep: Upkeep::Apply,
    packer: Packer::new(),
    read: |_| Facts::None,
};

/// The eviction API computes a percentage from the replicas of the StatefulSet, and rounds it up.
fn build_disruption_budget(server: &Validated, max_unavailable: IntOrString) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: build_metadata(server),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(max_unavailable),
            selector: Some(LabelSelector { match_labels: Some(build_selector(server)), match_expressions: None }),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}
