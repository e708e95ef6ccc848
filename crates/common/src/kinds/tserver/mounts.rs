//! Mounts: volumes together with their paths in the main container.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Propagation of mounts between host and container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MountPropagation {
    /// Mounts do not propagate.
    None,
    /// Mounts of the host appear in the container.
    HostToContainer,
    /// Mounts propagate in both directions.
    Bidirectional,
}

impl MountPropagation {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::HostToContainer => "HostToContainer",
            Self::Bidirectional => "Bidirectional",
        }
    }
}

/// Access to the name of a mount in every version.
pub trait MountName {
    /// The mount's name; empty when absent.
    fn mount_name(&self) -> &str;
}

/// Defines the mount of a version, which has `MountSource` in scope. It is a macro because the rule of the name differs, and a rule is an
/// attribute of the field.
macro_rules! mount {
    ($(#[$rule:meta])*) => {
        /// A volume and its path in the main container.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct Mount {
            /// Name of the volume, unique in the list.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            $(#[$rule])*
            pub name: Option<String>,
            /// Source of the volume.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub source: Option<MountSource>,
            /// Whether the mount is read only; false when absent.
            #[serde(default)]
            pub read_only: bool,
            /// Path in the container.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub mount_path: Option<String>,
            /// Path in the volume; the root of the volume when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub sub_path: Option<String>,
            /// Propagation of mounts between host and container; None when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub mount_propagation: Option<$crate::kinds::tserver::MountPropagation>,
            /// Path in the volume, in which `$(VAR)` stands for an environment variable.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub sub_path_expr: Option<String>,
        }

        impl $crate::kinds::tserver::MountName for Mount {
            fn mount_name(&self) -> &str {
                self.name.as_deref().unwrap_or_default()
            }
        }

        impl From<&Mount> for k8s_openapi::api::core::v1::VolumeMount {
            fn from(mount: &Mount) -> Self {
                Self {
                    name: $crate::kinds::tserver::MountName::mount_name(mount).to_owned(),
                    mount_path: mount.mount_path.clone().unwrap_or_default(),
                    read_only: mount.read_only.then_some(true),
                    sub_path: mount.sub_path.clone(),
                    sub_path_expr: mount.sub_path_expr.clone(),
                    mount_propagation: mount.mount_propagation.map(|propagation| propagation.as_str().to_owned()),
                    ..Self::default()
                }
            }
        }
    };
}

pub(super) use mount;
