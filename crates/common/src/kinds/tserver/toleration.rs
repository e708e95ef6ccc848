//! Tolerations: which taints of nodes the pods put up with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Taints that the pods tolerate. A field that is absent or empty admits every taint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the taint; all keys when absent, and then the operator is Exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Relation between the value of the taint and `value`; Equal when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// Value of the taint; not with Exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Effect of the taint; all effects when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// Seconds that a pod stays on a node that gets the taint, with the effect `NoExecute` only; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// Operators of tolerations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// As Equal.
    #[serde(rename = "")]
    Unset,
    /// The taint has the value.
    #[default]
    Equal,
    /// The taint may have any value.
    Exists,
}

impl TolerationOperator {
    /// The word in pods.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset | Self::Equal => "Equal",
            Self::Exists => "Exists",
        }
    }
}

/// Effects of taints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// Every effect.
    #[serde(rename = "")]
    Unset,
    /// The node gets no new pods.
    NoSchedule,
    /// The node gets new pods only if no other node can take them.
    PreferNoSchedule,
    /// The node gets no new pods, and the pods on it are evicted.
    NoExecute,
}

impl TaintEffect {
    /// The word in manifests; empty for [`TaintEffect::Unset`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}
