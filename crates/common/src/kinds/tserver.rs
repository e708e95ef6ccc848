//! TServer: one server, as people declare it (docs/reference/resources.md#4.1).
//!
//! ```text
//! spec ─┬─ app, server, subType, important      who it is
//!       ├─ tars | normal                        what it serves
//!       ├─ k8s ─ env, mounts, placement, …      how it runs          blocks.rs, env.rs, mounts.rs, placement.rs,
//!       │                                                            probe.rs, security.rs
//!       └─ release                              which build runs
//! status ─ replicas, selector, conditions       what came of it      status.rs
//! ```
//!
//! The versions differ in a handful of fields. The shared ones are written once, in the macros of `blocks.rs`.

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
    EmptyDirVolume, HostPathType, HostPathVolume, KeyToPath, LabelSelector, LabelSelectorOperator, LabelSelectorRule,
    MountSource, Quantity, SecretVolume, StorageAmount, TLocalVolume, VolumeMode,
};
pub use status::TServerStatus;
pub use tars::{TServerNormal, TServerPort, TServerServant, TServerTars};

#[cfg(test)]
mod tests;
