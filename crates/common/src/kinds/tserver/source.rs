//! The sources of mounts: the types of volumes.

use crate::{
    lenient::{decode_or_default, int, yes},
    rules,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Defines the source of a mount of a version: the volumes that all versions have, and those that only this version has. It is a macro
/// because the rule that exactly one field is there names all fields.
macro_rules! mount_source {
    ([$($own:literal),*], { $($fields:tt)* }) => {
        /// The source of a mount: exactly one of its fields.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("oneOf" = [
            {"required": ["configMap"]}, {"required": ["secret"]}, {"required": ["persistentVolumeClaim"]},
            {"required": ["persistentVolumeClaimTemplate"]}, {"required": ["hostPath"]}, {"required": ["emptyDir"]},
            {"required": ["tLocalVolume"]} $(, {"required": [$own]})*
        ]))]
        pub struct MountSource {
            /// Files of a ConfigMap.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub config_map: Option<$crate::kinds::tserver::ConfigMapVolume>,
            /// Files of a Secret.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub secret: Option<$crate::kinds::tserver::SecretVolume>,
            /// Existing claim.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub persistent_volume_claim: Option<$crate::kinds::tserver::ClaimVolume>,
            /// Template from which the StatefulSet makes a claim for each pod; not with `daemonSet`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub persistent_volume_claim_template: Option<$crate::kinds::tserver::ClaimTemplate>,
            /// Path on the node.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub host_path: Option<$crate::kinds::tserver::HostPathVolume>,
            /// Scratch space that is deleted with the pod.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub empty_dir: Option<$crate::kinds::tserver::EmptyDirVolume>,
            /// Directory on the node that the node agent manages; not with `daemonSet`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub t_local_volume: Option<$crate::kinds::tserver::TLocalVolume>,
            $($fields)*
        }
    };
}

pub(super) use mount_source;

/// Files of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapVolume {
    /// Name of the ConfigMap.
    pub name: String,
    /// Keys that become files; all keys when empty.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<KeyToPath>,
    /// Mode of files without a mode of their own, 0 to 0777; 0644 when absent.
    #[serde(default = "int::<0o644>")]
    #[schemars(range(min = 0, max = 511))]
    pub default_mode: i32,
    /// Whether the pod starts if the object is missing; true when absent.
    #[serde(default = "yes")]
    pub optional: bool,
}

/// Files of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVolume {
    /// Name of the Secret.
    pub secret_name: String,
    /// Keys that become files; all keys when empty.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<KeyToPath>,
    /// Mode of files without a mode of their own, 0 to 0777; 0644 when absent.
    #[serde(default = "int::<0o644>")]
    #[schemars(range(min = 0, max = 511))]
    pub default_mode: i32,
    /// Whether the pod starts if the object is missing; true when absent.
    #[serde(default = "yes")]
    pub optional: bool,
}

/// A key that becomes a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyToPath {
    /// Key in the ConfigMap or Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::DATAKEY))]
    pub key: Option<String>,
    /// Path of the file in the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Mode of the file, 0 to 0777; 0644 when absent.
    #[serde(default = "int::<0o644>")]
    #[schemars(range(min = 0, max = 511))]
    pub mode: i32,
}

/// An existing claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimVolume {
    /// Name of the claim.
    pub claim_name: String,
    /// Whether the volume is read-only; false when absent.
    #[serde(default)]
    pub read_only: bool,
}

/// A template for the claims of pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimTemplate {
    /// Labels and annotations of the claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ClaimMetadata>,
    /// Spec of the claims.
    pub spec: ClaimSpec,
}

/// The labels and annotations of claims.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimMetadata {
    /// Labels of the claims.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "rules::build_label_map")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the claims. Their values have the same rule as the values of labels.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "rules::build_label_map")]
    pub annotations: BTreeMap<String, String>,
}

/// The spec of claims.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSpec {
    /// Access modes, at least one.
    #[schemars(length(min = 1))]
    pub access_modes: Vec<AccessMode>,
    /// Name of the volume to bind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_name: Option<String>,
    /// Name of the storage class; the default class when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    /// Whether the volume is a file system or a block device; Filesystem when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<VolumeMode>,
    /// Amount of storage.
    pub resources: ClaimResources,
    /// Labels of the volumes that the claim can bind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// An access mode of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// One node can read and write the volume.
    ReadWriteOnce,
    /// Many nodes can read the volume.
    ReadOnlyMany,
    /// Many nodes can read and write the volume.
    ReadWriteMany,
}

impl AccessMode {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadOnlyMany => "ReadOnlyMany",
            Self::ReadWriteMany => "ReadWriteMany",
        }
    }
}

/// The mode of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VolumeMode {
    /// A block device.
    Block,
    /// A file system.
    Filesystem,
}

impl VolumeMode {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "Block",
            Self::Filesystem => "Filesystem",
        }
    }
}

/// The amount of storage that a claim requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimResources {
    /// Maximal amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<StorageAmount>,
    /// Minimal amount.
    pub requests: StorageAmount,
}

/// An amount of storage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageAmount {
    /// Number of bytes as a quantity, for example 10Gi.
    #[schemars(extend("pattern" = rules::QUANTITY))]
    pub storage: Quantity,
}

/// The labels of the volumes that a claim can bind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that the volumes must have.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "rules::build_label_map")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions on the labels.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRule>,
}

/// One condition on labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelectorRule {
    /// Label key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::LABELKEY), length(max = 63))]
    pub key: Option<String>,
    /// Relation between the value of the label and the listed values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<LabelSelectorOperator>,
    /// Values that the operator compares with.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = rules::LABELVAL), length(max = 63)))]
    pub values: Vec<String>,
}

/// Operators of conditions on labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelSelectorOperator {
    /// The value is one of the listed values.
    In,
    /// The value is not one of the listed values, or the label is absent.
    NotIn,
    /// The label is present.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl LabelSelectorOperator {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "In",
            Self::NotIn => "NotIn",
            Self::Exists => "Exists",
            Self::DoesNotExist => "DoesNotExist",
        }
    }
}

/// A path on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostPathVolume {
    /// Path on the node.
    pub path: String,
    /// Type of file that must be at the path. The field is required; an empty text means that the kubelet does not check.
    #[serde(rename = "type")]
    pub type_: HostPathType,
}

/// The type of file that must be at a path on the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HostPathType {
    /// The kubelet does not check the path.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// A directory.
    Directory,
    /// A directory. The kubelet creates it if it is missing.
    DirectoryOrCreate,
    /// A file. The kubelet creates it if it is missing.
    FileOrCreate,
    /// A file.
    File,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl HostPathType {
    /// The word in manifests; empty for [`HostPathType::Unset`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Directory => "Directory",
            Self::DirectoryOrCreate => "DirectoryOrCreate",
            Self::FileOrCreate => "FileOrCreate",
            Self::File => "File",
            Self::Socket => "Socket",
            Self::CharDevice => "CharDevice",
            Self::BlockDevice => "BlockDevice",
        }
    }
}

/// Scratch space of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDirVolume {
    /// Empty for the disk of the node, Memory for memory; the disk when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<EmptyDirMedium>,
    /// Maximal number of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<Quantity>,
}

/// The medium of scratch space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EmptyDirMedium {
    /// The disk of the node.
    #[serde(rename = "")]
    Disk,
    /// Memory.
    Memory,
}

/// A directory of an NFS server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NfsVolume {
    /// Host name or address of the server.
    #[schemars(length(min = 1))]
    pub server: String,
    /// Directory that the server exports, from the root on.
    #[schemars(regex(pattern = rules::ABSOLUTE))]
    pub path: String,
    /// Whether the volume is read-only; false when absent.
    #[serde(default)]
    pub read_only: bool,
}

/// A directory on the node that the node agent manages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TLocalVolume {
    /// User that owns the directory, as decimal text; 0 when absent.
    #[serde(default = "root_id")]
    #[schemars(regex(pattern = rules::UIDGID))]
    pub uid: String,
    /// Group that owns the directory, as decimal text; 0 when absent.
    #[serde(default = "root_id")]
    #[schemars(regex(pattern = rules::UIDGID))]
    pub gid: String,
    /// Permissions of the directory, as octal text; 755 when absent.
    #[serde(default = "directory_mode")]
    pub mode: String,
}

impl Default for TLocalVolume {
    fn default() -> Self {
        Self { uid: root_id(), gid: root_id(), mode: directory_mode() }
    }
}

fn root_id() -> String {
    "0".to_owned()
}

fn directory_mode() -> String {
    "755".to_owned()
}

/// An amount. Manifests have a number or a text (`1`, `"500Mi"`); this type keeps it as a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl Default for Quantity {
    /// One, the default of `divisor`. No other amount has a default.
    fn default() -> Self {
        Self("1".to_owned())
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(serde_json::Number),
            Text(String),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Number(number) => number.to_string(),
            Either::Text(text) => text,
        }))
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true })
    }
}
