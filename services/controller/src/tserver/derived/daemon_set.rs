//! The DaemonSet.

use super::{metadata, pod, selector};
use crate::tserver::validate::{Validated, Workload};
use k8s_openapi::{
    api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use tars_common::names::workload::{MIN_READY_SECONDS, REVISION_HISTORY_LIMIT};

pub(super) fn daemon_set(server: &Validated) -> DaemonSet {
    let max_unavailable = match server.workload {
        Workload::DaemonSet { max_unavailable } => max_unavailable,
        // Not reached, see `stateful_set`.
        Workload::StatefulSet { .. } => None,
    };
    DaemonSet {
        metadata: metadata(server),
        spec: Some(DaemonSetSpec {
            selector: LabelSelector { match_labels: Some(selector(server)), match_expressions: None },
            min_ready_seconds: Some(MIN_READY_SECONDS),
            revision_history_limit: Some(REVISION_HISTORY_LIMIT),
            update_strategy: Some(DaemonSetUpdateStrategy {
                type_: Some(if max_unavailable.is_some() { "RollingUpdate" } else { "OnDelete" }.to_owned()),
                rolling_update: max_unavailable
                    .map(|count| RollingUpdateDaemonSet { max_unavailable: Some(IntOrString::Int(count)), max_surge: None }),
            }),
            template: pod::template(server),
        }),
        status: None,
    }
}
