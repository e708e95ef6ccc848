//! The StatefulSet.

use super::{claims, metadata, pod, selector, unless_empty};
use crate::tserver::validate::{Validated, Workload};
use k8s_openapi::{
    api::apps::v1::{RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use tars_common::names::workload::REVISION_HISTORY_LIMIT;

pub(super) fn stateful_set(server: &Validated) -> StatefulSet {
    let (replicas, policy, partition) = match server.workload {
        Workload::StatefulSet { replicas, policy, partition } => (replicas, policy, partition),
        // Not reached: `build` asks only for servers of the other kind. It would describe a workload without pods.
        Workload::DaemonSet { .. } => (0, "Parallel", None),
    };
    StatefulSet {
        metadata: metadata(server),
        spec: Some(StatefulSetSpec {
            replicas: Some(replicas),
            service_name: Some(server.key.name.clone()),
            selector: LabelSelector { match_labels: Some(selector(server)), match_expressions: None },
            pod_management_policy: Some(policy.to_owned()),
            update_strategy: Some(strategy(partition)),
            revision_history_limit: Some(REVISION_HISTORY_LIMIT),
            volume_claim_templates: unless_empty(claims::templates(server)),
            template: pod::template(server),
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// `OnDelete` must come without `rollingUpdate`, though the TServer's defaults put one there.
fn strategy(partition: Option<i32>) -> StatefulSetUpdateStrategy {
    StatefulSetUpdateStrategy {
        type_: Some(if partition.is_some() { "RollingUpdate" } else { "OnDelete" }.to_owned()),
        rolling_update: partition
            .map(|partition| RollingUpdateStatefulSetStrategy { partition: Some(partition), max_unavailable: None }),
    }
}
