//! Environment variables of the main container.
//!
//! The structs are not those of core Kubernetes, because the schema here is narrower and `optional` is true when absent.

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
    /// Value of the variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Source of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// Source of the value of a variable: exactly one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [
    {"required": ["fieldRef"]}, {"required": ["resourceFieldRef"]}, {"required": ["configMapKeyRef"]}, {"required": ["secretKeyRef"]}
]))]
pub struct EnvVarSource {
    /// A field of the pod (downward API).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldRef>,
    /// A resource of a container of the pod.
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
    /// API version of the path; v1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Path of the field, for example `metadata.name`.
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
    /// Name of the resource, for example `limits.cpu`.
    pub resource: String,
    /// Unit of the value; 1 when absent.
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
    /// Key whose value the variable gets.
    #[schemars(regex(pattern = rules::DATAKEY), length(max = 253))]
    pub key: String,
    /// Whether the pod starts if the object or key is missing; true when absent, unlike in core Kubernetes.
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
    /// Key whose value the variable gets.
    #[schemars(regex(pattern = rules::DATAKEY), length(max = 253))]
    pub key: String,
    /// Whether the pod starts if the object or key is missing; true when absent, unlike in core Kubernetes.
    #[serde(default = "yes")]
    pub optional: bool,
}

/// A ConfigMap or Secret, of which each key becomes a variable: exactly one of `configMapRef` and `secretRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [{"required": ["configMapRef"]}, {"required": ["secretRef"]}]))]
pub struct EnvFromSource {
    /// ConfigMap with the variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<EnvFromRef>,
    /// Secret with the variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<EnvFromRef>,
    /// Text before every key in the names of the variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::ENVNAME))]
    pub prefix: Option<String>,
}

/// Reference to a ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromRef {
    /// Name of the ConfigMap or Secret.
    #[schemars(regex(pattern = rules::DNSSUB), length(max = 253))]
    pub name: String,
    /// Whether the pod starts if the object or key is missing; true when absent, unlike in core Kubernetes.
    #[serde(default = "yes")]
    pub optional: bool,
}
