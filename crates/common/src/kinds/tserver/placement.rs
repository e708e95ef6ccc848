//! Placement, published ports, resources and updates of pods.

use crate::{
    lenient::{decode_integer, decode_or_default},
    rules,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a server: under tarsnode or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SubType {
    /// A Tars server under tarsnode.
    #[default]
    Tars,
    /// Any other process, without tarsnode.
    Normal,
}

impl SubType {
    /// The word in manifests and in the label `tars.io/SubType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tars => "tars",
            Self::Normal => "normal",
        }
    }
}

/// The effect of the node labels `tars.io/ability.*` on the placement of pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AbilityAffinity {
    /// Pods run only on nodes of the pool of the application.
    AppRequired,
    /// Pods run only on nodes of the pool of the server.
    ServerRequired,
    /// Pods prefer nodes of both pools.
    #[default]
    AppOrServerPreferred,
    /// The labels have no effect.
    None,
}

/// The order in which a StatefulSet starts its pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodManagementPolicy {
    /// One pod after the other.
    OrderedReady,
    /// All pods at once.
    #[default]
    Parallel,
}

impl PodManagementPolicy {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderedReady => "OrderedReady",
            Self::Parallel => "Parallel",
        }
    }
}

/// The pull policy of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// The kubelet pulls the image at every start.
    #[default]
    Always,
    /// The kubelet never pulls; the image must be on the node.
    Never,
    /// The kubelet pulls the image if it is not on the node.
    IfNotPresent,
}

impl ImagePullPolicy {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Never => "Never",
            Self::IfNotPresent => "IfNotPresent",
        }
    }
}

/// The first process of the main container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LauncherType {
    /// The server itself. tarsnode only reports its state.
    Foreground,
    /// tarsnode, which supervises the server.
    #[default]
    Background,
}

impl LauncherType {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreground => "foreground",
            Self::Background => "background",
        }
    }
}

/// A port that is published on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostPort {
    /// Name of a servant or port of this server. Upper and lower case count as equal.
    #[schemars(regex(pattern = rules::DASHNAME), length(max = 63))]
    pub name_ref: String,
    /// Port number on the node, 1 to 65535, unique in the list.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
}

/// A condition on the labels of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelectorRule {
    /// Label key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::LABELKEY), length(max = 63))]
    pub key: Option<String>,
    /// Relation between the value of the label and the listed values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<NodeSelectorOperator>,
    /// Values that the operator compares with.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = rules::LABELVAL), length(max = 63)))]
    pub values: Vec<String>,
}

/// Operators of conditions on labels of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodeSelectorOperator {
    /// The value is one of the listed values.
    In,
    /// The value is not one of the listed values, or the label is absent.
    NotIn,
    /// The label is present.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// The value is a number above the only listed value.
    Gt,
    /// The value is a number below the only listed value.
    Lt,
}

impl NodeSelectorOperator {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "In",
            Self::NotIn => "NotIn",
            Self::Exists => "Exists",
            Self::DoesNotExist => "DoesNotExist",
            Self::Gt => "Gt",
            Self::Lt => "Lt",
        }
    }
}

/// CPU and memory of the main container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComputeResources {
    /// Amounts that the scheduler reserves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceList>,
    /// Amounts that the kernel allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceList>,
}

/// Amounts of CPU and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceList {
    /// Memory in bytes as a quantity, for example 256Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::QUANTITY))]
    pub memory: Option<String>,
    /// CPU cores as a quantity, for example 500m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::QUANTITY))]
    pub cpu: Option<String>,
}

/// The way of replacing pods when the server changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// Kind of update; `RollingUpdate` when absent.
    #[serde(rename = "type", default)]
    pub type_: UpdateStrategyType,
    /// Parameters of a rolling update. The schema fills them in for `OnDelete`, too, where they have no effect.
    #[serde(default)]
    #[schemars(extend("x-tars-default" = {}))]
    pub rolling_update: RollingUpdate,
}

impl UpdateStrategy {
    /// Returns the parameters if the kind of update is a rolling update. The API server refuses a StatefulSet that has them with
    /// `OnDelete`.
    pub fn effective_rolling_update(&self) -> Option<&RollingUpdate> {
        (self.type_ == UpdateStrategyType::RollingUpdate).then_some(&self.rolling_update)
    }
}

/// The kind of update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdateStrategyType {
    /// The workload replaces one pod after the other.
    #[default]
    RollingUpdate,
    /// The workload replaces a pod when somebody deletes it.
    OnDelete,
}

impl UpdateStrategyType {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RollingUpdate => "RollingUpdate",
            Self::OnDelete => "OnDelete",
        }
    }
}

/// Parameters of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollingUpdate {
    /// Smallest ordinal of the pods that an update replaces; 0 when absent. For a DaemonSet it is the number of pods that may be
    /// unavailable during an update, at least 1.
    #[serde(default, deserialize_with = "decode_integer")]
    pub partition: i32,
}
