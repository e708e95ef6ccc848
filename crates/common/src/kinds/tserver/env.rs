//! Environment of the main container.
//!
//! Own structs rather than those of core Kubernetes: the schema here is narrower, and `optional` is true when absent.

use super::Quantity;
use crate::{lenient::yes, rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One environment variable: exactly one of `value` and `valueFrom`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [{"required": ["value"]}, {"required": ["valueFrom"]}]))]
pub struct EnvVar {
    /// Name of the variable.
    #[schemars(regex(pattern = rules::ENVNAME))]
    pub name: String,
    /// Literal value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where the value comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// Source of a variable's value: exactly one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [
    {"required": ["fieldRef"]}, {"required": ["resourceFieldRef"]}, {"required": ["configMapKeyRef"]}, {"required": ["secretKeyRef"]}
]))]
pub struct EnvVarSource {
    /// A field of the pod (downward API).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldRef>,
    /// A resource of a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_field_ref: Option<ResourceFieldRef>,
    /// A key of a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
    /// A key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeySelector>,
}

/// A field of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldRef {
    /// Schema version of the path; v1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// E.g. `metadata.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_path: Option<String>,
}

/// A resource of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceFieldRef {
    /// Name of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
    /// E.g. `limits.cpu`.
    pub resource: String,
    /// Unit of the output; 1 when absent.
    #[serde(default)]
    pub divisor: Quantity,
}

/// A key of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeySelector {
    /// Name of the ConfigMap.
    #[schemars(regex(pattern = rules::DNSSUB), length(max = 253))]
    pub name: String,
    /// The key.
    #[schemars(regex(pattern = rules::DATAKEY), length(max = 253))]
    pub key: String,
    /// Whether the pod starts without it; true when absent, unlike core Kubernetes.
    #[serde(default = "yes")]
    pub optional: bool,
}

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeySelector {
    /// Name of the Secret.
    #[schemars(regex(pattern = rules::DNSSUB), length(max = 253))]
    pub name: String,
    /// The key.
    #[schemars(regex(pattern = rules::DATAKEY), length(max = 253))]
    pub key: String,
    /// Whether the pod starts without it; true when absent, unlike core Kubernetes.
    #[serde(default = "yes")]
    pub optional: bool,
}

/// All keys of a ConfigMap or Secret as variables: exactly one of `configMapRef` and `secretRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [{"required": ["configMapRef"]}, {"required": ["secretRef"]}]))]
pub struct EnvFromSource {
    /// The ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<EnvFromRef>,
    /// The Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<EnvFromRef>,
    /// Put before every key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::ENVPREFIX), length(max = 63))]
    pub prefix: Option<String>,
}

/// Name of a ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromRef {
    /// Its name.
    #[schemars(regex(pattern = rules::DNSSUB), length(max = 253))]
    pub name: String,
    /// Whether the pod starts without it; true when absent, unlike core Kubernetes.
    #[serde(default = "yes")]
    pub optional: bool,
}
