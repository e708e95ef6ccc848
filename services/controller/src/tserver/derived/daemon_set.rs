//! The DaemonSet: the workload of servers with `daemonSet: true`.

use super::{
    metadata::{build_selector, build_workload_metadata, is_observed},
    pod::build_pod_template,
    recipe::{Facts, Recipe, Upkeep},
};
use crate::{
    engine::packed::Packer,
    tserver::{
        defaults::Making,
        validate::{DaemonSetSettings, Validated, Workload},
    },
};
use k8s_openapi::{
    api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use tars_common::names::workload::{MIN_READY_SECONDS, REVISION_HISTORY_LIMIT};

pub static DAEMON_SET: Recipe = Recipe {
    build: |server| match &server.workload {
        Workload::DaemonSet(settings) => serde_json::to_value(build_daemon_set(server, settings)).map(Some),
        Workload::StatefulSet(_) => Ok(None),
    },
    upkeep: Upkeep::Apply,
    packer: Packer::new(),
    read: |object| {
        let count = |name: &str| object.pointer("/status")?.get(name)?.as_i64();
        let updated_pods = count("updatedNumberScheduled").unwrap_or(0);
        Facts::DaemonSet {
            making: Making::of(object),
            observed: is_observed(object),
            desired_pods: count("desiredNumberScheduled"),
            updated_pods,
            outdated_pods: count("currentNumberScheduled").unwrap_or(0) - updated_pods,
        }
    },
};

fn build_daemon_set(server: &Validated, settings: &DaemonSetSettings) -> DaemonSet {
    let template = build_pod_template(server);
    let max_unavailable = settings.max_unavailable;
    DaemonSet {
        metadata: build_workload_metadata(server, &template),
        spec: Some(DaemonSetSpec {
            selector: LabelSelector { match_labels: Some(build_selector(server)), match_expressions: None },
            min_ready_seconds: Some(MIN_READY_SECONDS),
            revision_history_limit: Some(REVISION_HISTORY_LIMIT),
            update_strategy: Some(DaemonSetUpdateStrategy {
                type_: Some(if max_unavailable.is_some() { "RollingUpdate" } else { "OnDelete" }.to_owned()),
                rolling_update: max_unavailable
                    .map(|count| RollingUpdateDaemonSet { max_unavailable: Some(IntOrString::Int(count)), max_surge: None }),
            }),
            template,
        }),
        status: None,
    }
}
