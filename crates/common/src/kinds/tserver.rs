//! TServer: a server, as its author declares it (docs/reference/resources.md#4.1).
//!
//! ```text
//! spec ─┬─ app, server, subType, important      identity
//!       ├─ tars | normal                        servants and ports       tars.rs
//!       ├─ k8s ─ env, mounts, placement, …      workload                 blocks.rs, env.rs, mounts.rs, placement.rs,
//!       │                                                                probe.rs, security.rs, source.rs, toleration.rs
//!       └─ release                              build that runs          blocks.rs
//! status ─ replicas, selector, conditions       observed state           status.rs
//! ```
//!
//! The versions differ in a few fields. The macros of `blocks.rs` declare the shared fields once. `core.rs` converts to the types of core
//! Kubernetes.

mod blocks;
mod core;
mod env;
mod mounts;
mod placement;
mod probe;
mod security;
mod source;
mod status;
mod tars;
mod toleration;
pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;

pub use env::{
    ConfigMapKeySelector, EnvFromRef, EnvFromSource, EnvVar, EnvVarSource, FieldRef, ResourceFieldRef, SecretKeySelector,
};
pub use mounts::{MountName, MountPropagation};
pub use placement::{
    AbilityAffinity, ComputeResources, HostPort, ImagePullPolicy, LauncherType, NodeSelectorOperator, NodeSelectorRule,
    PodManagementPolicy, ResourceList, RollingUpdate, SubType, UpdateStrategy, UpdateStrategyType,
};
pub use probe::{ExecProbe, GrpcProbe, HttpHeader, HttpProbe, Probe, ReadinessProbe, TcpProbe, UriScheme};
pub use security::{
    Capabilities, FsGroupChangePolicy, PodSecurityContext, Profile, ProfileType, SeLinuxChangePolicy, SeLinuxOptions,
    SecurityContext, SupplementalGroupsPolicy, Sysctl,
};
pub use source::{
    AccessMode, ClaimMetadata, ClaimResources, ClaimSpec, ClaimTemplate, ClaimVolume, ConfigMapVolume, EmptyDirMedium,
    EmptyDirVolume, HostPathType, HostPathVolume, KeyToPath, LabelSelector, LabelSelectorOperator, LabelSelectorRule, NfsVolume,
    Quantity, SecretVolume, StorageAmount, TLocalVolume, VolumeMode,
};
pub use status::{TServerRollout, TServerStatus};
pub use tars::{TServerNormal, TServerPort, TServerServant, TServerTars};
pub use toleration::{TaintEffect, Toleration, TolerationOperator};

#[cfg(test)]
mod tests;
