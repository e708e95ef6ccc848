//! TServer: the part of a spec that the rules read. It is the same in all versions.

use crate::{admission::denial::Denial, lenient::decode_or_default};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(default)]
    pub(super) app: String,
    #[serde(default)]
    pub(super) server: String,
    pub(super) tars: Option<Tars>,
    pub(super) normal: Option<Normal>,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) k8s: K8s,
}

#[derive(Deserialize)]
pub(super) struct Tars {
    #[serde(default)]
    pub(super) template: String,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) servants: Vec<Port>,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) ports: Vec<Port>,
}

#[derive(Deserialize)]
pub(super) struct Normal {
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) ports: Vec<Port>,
}

#[derive(Deserialize)]
pub(super) struct Port {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) port: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct K8s {
    #[serde(default)]
    pub(super) daemon_set: bool,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) host_ports: Vec<HostPort>,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) mounts: Vec<Mount>,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) node_selector: Vec<Selector>,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) service_account: String,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) ability_affinity: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostPort {
    #[serde(default)]
    pub(super) name_ref: String,
    #[serde(default)]
    pub(super) port: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mount {
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) name: String,
    #[serde(rename = "mountPath", default, deserialize_with = "decode_or_default")]
    pub(super) path: String,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) sub_path: String,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) sub_path_expr: String,
    #[serde(default)]
    pub(super) source: Value,
}

#[derive(Deserialize)]
pub(super) struct Selector {
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) operator: String,
    #[serde(default, deserialize_with = "decode_or_default")]
    pub(super) values: Vec<String>,
}

pub(super) fn read_spec(object: &Value) -> Result<Spec, Denial> {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    Spec::deserialize(spec).map_err(|error| {
        Denial::invalid_server("6.1.19", format!("spec does not decode: {error}"), "compare it with the schema").at("spec")
    })
}
