//! Where and how pods run: affinity, ports of the node, resources, update.

use crate::{
    lenient::{integer, null_default},
    rules,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether tarsnode supervises the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SubType {
    /// A Tars server under tarsnode.
    #[default]
    Tars,
    /// Any third-party process.
    Normal,
}

impl SubType {
    /// The word in the manifest and in the label `tars.io/SubType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tars => "tars",
            Self::Normal => "normal",
        }
    }
}

/// How the node labels `tars.io/ability.*` decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AbilityAffinity {
    /// Only nodes of the application's pool.
    AppRequired,
    /// Only nodes of the server's pool.
    ServerRequired,
    /// Nodes of either pool first.
    #[default]
    AppOrServerPreferred,
    /// Any node.
    None,
}

/// In which order a StatefulSet starts its pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodManagementPolicy {
    /// One after the other.
    OrderedReady,
    /// All at once.
    #[default]
    Parallel,
}

impl PodManagementPolicy {
    /// The word in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderedReady => "OrderedReady",
            Self::Parallel => "Parallel",
        }
    }
}

/// When the main container's image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// At every start.
    #[default]
    Always,
    /// Never: it must be on the node.
    Never,
    /// When the node does not have it.
    IfNotPresent,
}

impl ImagePullPolicy {
    /// The word in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Never => "Never",
            Self::IfNotPresent => "IfNotPresent",
        }
    }
}

/// Which process is the first of the container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LauncherType {
    /// The server; tarsnode only reports.
    Foreground,
    /// tarsnode, which supervises the server.
    #[default]
    Background,
}

impl LauncherType {
    /// The word in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreground => "foreground",
            Self::Background => "background",
        }
    }
}

/// Publishes a port on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostPort {
    /// Name of a servant or port of this server, compared without regard to case.
    #[schemars(regex(pattern = rules::DASHNAME), length(max = 63))]
    pub name_ref: String,
    /// Port of the node, 1 to 65535, unique in the list.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
}

/// A condition on labels of nodes; all of a list must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelectorRule {
    /// Label key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::LABELKEY), length(max = 63))]
    pub key: Option<String>,
    /// Operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<NodeSelectorOperator>,
    /// Values.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = rules::LABELVAL), length(max = 63)))]
    pub values: Vec<String>,
}

/// Operators of conditions on labels of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodeSelectorOperator {
    /// The value is listed.
    In,
    /// The value is not listed.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
    /// The value is a number above the only one listed.
    Gt,
    /// The value is a number below the only one listed.
    Lt,
}

impl NodeSelectorOperator {
    /// The word in the manifest.
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

/// Resources of the main container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComputeResources {
    /// What the scheduler reserves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceList>,
    /// What the kernel allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceList>,
}

/// Amounts of memory and CPU.
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

/// How pods are replaced when the server changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// Who replaces pods; `RollingUpdate` when absent.
    #[serde(rename = "type", default)]
    pub type_: UpdateStrategyType,
    /// Parameters of a rolling update. The schema's default puts them also where the strategy is `OnDelete`; read them through
    /// [`UpdateStrategy::effective_rolling_update`].
    #[serde(default)]
    #[schemars(extend("x-tars-default" = {}))]
    pub rolling_update: RollingUpdate,
}

impl UpdateStrategy {
    /// The parameters if the strategy is a rolling update. The API server refuses a StatefulSet that has them with `OnDelete`.
    pub fn effective_rolling_update(&self) -> Option<&RollingUpdate> {
        (self.type_ == UpdateStrategyType::RollingUpdate).then_some(&self.rolling_update)
    }
}

/// Who replaces pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdateStrategyType {
    /// The workload, one after the other.
    #[default]
    RollingUpdate,
    /// Whoever deletes them.
    OnDelete,
}

impl UpdateStrategyType {
    /// The word in the manifest.
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
    /// Pods of lower ordinals stay as they are. For a DaemonSet it is, oddly, how many pods may be away, at least one. 0
    /// when absent.
    #[serde(default, deserialize_with = "integer")]
    pub partition: i32,
}
