//! The parts that all derived objects of a server share: labels, owner and metadata.

use crate::{engine::fields, tserver::validate::Validated};
use k8s_openapi::{
    api::core::v1::PodTemplateSpec,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use serde_json::Value;
use std::collections::BTreeMap;
use tars_common::{
    names::{self, annotation},
    version::Version,
};

/// The two labels that identify a server, in their original case (docs/reference/controller.md#3).
pub fn build_selector(server: &Validated) -> BTreeMap<String, String> {
    names::server_labels(&server.app, &server.server)
}

/// The reference by which an object is deleted together with its TServer.
pub fn build_owner(server: &Validated) -> OwnerReference {
    OwnerReference {
        api_version: Version::CURRENT.api_version().to_owned(),
        kind: "TServer".to_owned(),
        name: server.key.name.clone(),
        uid: server.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

pub fn build_metadata(server: &Validated) -> ObjectMeta {
    ObjectMeta {
        name: Some(server.key.name.clone()),
        namespace: Some(server.key.namespace.clone()),
        labels: Some(build_selector(server)),
        owner_references: Some(vec![build_owner(server)]),
        ..ObjectMeta::default()
    }
}

/// The metadata of a workload, with what [`Making`](crate::tserver::defaults::Making) reads.
pub fn build_workload_metadata(server: &Validated, template: &PodTemplateSpec) -> ObjectMeta {
    let annotations = BTreeMap::from([
        (annotation::DEFAULTS.to_owned(), server.defaults.to_string()),
        (annotation::POD_TEMPLATE.to_owned(), digest_template(template)),
    ]);
    ObjectMeta { annotations: Some(annotations), ..build_metadata(server) }
}

/// A digest of a template as it is meant: amounts that are equal have one spelling.
fn digest_template(template: &PodTemplateSpec) -> String {
    let mut template = serde_json::to_value(template).unwrap_or_default();
    fields::normalise_quantities(&mut template);
    digest(template)
}

/// Whether `known` is a digest of this template. Earlier builds of the controller took digests of the amounts as they were written.
pub fn is_digest_of(known: &str, template: &PodTemplateSpec) -> bool {
    known == digest_template(template) || known == digest(serde_json::to_value(template).unwrap_or_default())
}

/// A digest of `value` that does not depend on the order of its members.
pub fn digest(mut value: Value) -> String {
    value.sort_all_objects();
    format!("{:08x}", crc32fast::hash(value.to_string().as_bytes()))
}

/// `None` for an empty list, which the API server would not store.
pub fn unless_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Whether the status of a workload is about its present spec.
pub fn is_observed(object: &Value) -> bool {
    let number = |pointer| object.pointer(pointer).and_then(Value::as_i64);
    number("/status/observedGeneration").is_some_and(|observed| number("/metadata/generation").is_none_or(|now| observed >= now))
}

/// The text of the field that `pointer` names; empty if it is absent.
pub fn text_at(object: &Value, pointer: &str) -> Box<str> {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().into()
}
