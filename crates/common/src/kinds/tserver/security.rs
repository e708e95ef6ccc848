//! Security contexts of the main container and of the pod.
//!
//! They are those of core Kubernetes without two fields. `windowsOptions` is missing because every pod of a TServer mounts a file of a
//! Linux node. `procMount` is missing because it needs a user namespace, and a TServer cannot request one.

use crate::lenient::decode_or_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rights of a container. They override the rights of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityContext {
    /// Whether a process may gain more rights than its parent process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_privilege_escalation: Option<bool>,
    /// `AppArmor` profile of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_armor_profile: Option<Profile>,
    /// Changes to the default capabilities of the container runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Whether the container has all rights of root on the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// Whether the root file system is read-only, so that processes can write to volumes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_root_filesystem: Option<bool>,
    /// Group id of the processes; the group of the image when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_group: Option<i64>,
    /// Whether the kubelet refuses to start a container as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,
    /// User id of the processes; the user of the image when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_user: Option<i64>,
    /// `SELinux` label of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub se_linux_options: Option<SeLinuxOptions>,
    /// Seccomp profile of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<Profile>,
}

/// Rights of the containers of a pod, and the owner of its volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurityContext {
    /// `AppArmor` profile of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_armor_profile: Option<Profile>,
    /// Group that owns the volumes, if their type supports an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub fs_group: Option<i64>,
    /// Condition for changing the owner of a volume; Always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs_group_change_policy: Option<FsGroupChangePolicy>,
    /// Group id of the processes; the group of the image when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_group: Option<i64>,
    /// Whether the kubelet refuses to start a container as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,
    /// User id of the processes; the user of the image when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_user: Option<i64>,
    /// Way of setting the `SELinux` label of volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub se_linux_change_policy: Option<SeLinuxChangePolicy>,
    /// `SELinux` label of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub se_linux_options: Option<SeLinuxOptions>,
    /// Seccomp profile of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<Profile>,
    /// Further group ids of the processes.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(range(min = 0, max = 2_147_483_647)))]
    pub supplemental_groups: Vec<i64>,
    /// Whether the processes also get the groups of the image; Merge when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplemental_groups_policy: Option<SupplementalGroupsPolicy>,
    /// Kernel parameters that the pod gets.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub sysctls: Vec<Sysctl>,
}

/// Changes to the default capabilities of the container runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Capabilities to add.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// Capabilities to remove; ALL removes all but the added ones.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
}

/// A seccomp or `AppArmor` profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Source of the profile.
    #[serde(rename = "type")]
    pub type_: ProfileType,
    /// Name of the profile on the node. Type Localhost requires it, and no other type may have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localhost_profile: Option<String>,
}

/// The source of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProfileType {
    /// A file of the node.
    Localhost,
    /// The default of the container runtime.
    RuntimeDefault,
    /// No profile.
    Unconfined,
}

impl ProfileType {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Localhost => "Localhost",
            Self::RuntimeDefault => "RuntimeDefault",
            Self::Unconfined => "Unconfined",
        }
    }
}

/// An `SELinux` label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeLinuxOptions {
    /// `SELinux` level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// `SELinux` role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `SELinux` type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// `SELinux` user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The condition for changing the owner of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FsGroupChangePolicy {
    /// Only if the root directory of the volume has another owner.
    OnRootMismatch,
    /// At every mount.
    Always,
}

impl FsGroupChangePolicy {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnRootMismatch => "OnRootMismatch",
            Self::Always => "Always",
        }
    }
}

/// The way of setting the `SELinux` label of volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SeLinuxChangePolicy {
    /// The label of each file is changed.
    Recursive,
    /// A mount option sets the label.
    MountOption,
}

impl SeLinuxChangePolicy {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recursive => "Recursive",
            Self::MountOption => "MountOption",
        }
    }
}

/// Whether processes also get the groups of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SupplementalGroupsPolicy {
    /// The groups of the image are added.
    Merge,
    /// Only the groups of the security context are used.
    Strict,
}

impl SupplementalGroupsPolicy {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "Merge",
            Self::Strict => "Strict",
        }
    }
}

/// A kernel parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sysctl {
    /// Name of the parameter.
    pub name: String,
    /// Value of the parameter.
    pub value: String,
}
