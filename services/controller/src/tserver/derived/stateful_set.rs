//! The StatefulSet: the workload of ordinary servers.

use super::{
    claim_templates::build_claim_templates,
    metadata::{build_selector, build_workload_metadata, is_observed, text_at, unless_empty},
    pod::build_pod_template,
    recipe::{Facts, Recipe, StatefulSetFacts, Upkeep},
};
use crate::{
    engine::packed::Packer,
    tserver::{
        defaults::Making,
        validate::{StatefulSetSettings, Validated, Workload},
    },
};
use k8s_openapi::{
    api::apps::v1::{RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use tars_common::names::workload::REVISION_HISTORY_LIMIT;

pub static CLAIM_TEMPLATES: Packer = Packer::new();

pub static STATEFUL_SET: Recipe = Recipe {
    build: |server| match &server.workload {
        Workload::StatefulSet(settings) => serde_json::to_value(build_stateful_set(server, settings)).map(Some),
        Workload::DaemonSet(_) => Ok(None),
    },
    upkeep: Upkeep::ApplyOrReplace,
    packer: Packer::new(),
    read: |object| {
        Facts::StatefulSet(StatefulSetFacts {
            making: Making::of(object),
            observed: is_observed(object),
            claim_templates: CLAIM_TEMPLATES.pack(&object["spec"]["volumeClaimTemplates"]),
            policy: text_at(object, "/spec/podManagementPolicy"),
            update_revision: text_at(object, "/status/updateRevision"),
        })
    },
};

fn build_stateful_set(server: &Validated, settings: &StatefulSetSettings) -> StatefulSet {
    let template = build_pod_template(server);
    StatefulSet {
        metadata: build_workload_metadata(server, &template),
        spec: Some(StatefulSetSpec {
            replicas: Some(settings.replicas),
            service_name: Some(server.key.name.clone()),
            selector: LabelSelector { match_labels: Some(build_selector(server)), match_expressions: None },
            pod_management_policy: Some(settings.policy.to_owned()),
            update_strategy: Some(build_update_strategy(settings.partition)),
            revision_history_limit: Some(REVISION_HISTORY_LIMIT),
            volume_claim_templates: unless_empty(build_claim_templates(server)),
            template,
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// `OnDelete` must come without `rollingUpdate`, although the defaults of the TServer put one there.
fn build_update_strategy(partition: Option<i32>) -> StatefulSetUpdateStrategy {
    StatefulSetUpdateStrategy {
        type_: Some(if partition.is_some() { "RollingUpdate" } else { "OnDelete" }.to_owned()),
        rolling_update: partition
            .map(|partition| RollingUpdateStatefulSetStrategy { partition: Some(partition), max_unavailable: None }),
    }
}
