//! Sources of mounts: seven kinds of volumes.

use crate::{
    lenient::{int, null_default, yes},
    rules,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Source of a mount: exactly one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [
    {"required": ["configMap"]}, {"required": ["secret"]}, {"required": ["persistentVolumeClaim"]},
    {"required": ["persistentVolumeClaimTemplate"]}, {"required": ["hostPath"]}, {"required": ["emptyDir"]},
    {"required": ["tLocalVolume"]}
]))]
pub struct MountSource {
    /// Files of a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapVolume>,
    /// Files of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretVolume>,
    /// An existing claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimVolume>,
    /// A claim per pod, made by the StatefulSet; not with `daemonSet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim_template: Option<ClaimTemplate>,
    /// A path of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_path: Option<HostPathVolume>,
    /// Scratch space that lives with the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDirVolume>,
    /// A directory of the node kept by the node agent; not with `daemonSet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t_local_volume: Option<TLocalVolume>,
}

/// Files of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapVolume {
    /// Name of the ConfigMap.
    pub name: String,
    /// Which keys become which files; all keys when empty.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<KeyToPath>,
    /// Mode of files that name none, 0 to 0777; 0644 when absent.
    #[serde(default = "int::<0o644>")]
    #[schemars(range(min = 0, max = 511))]
    pub default_mode: i32,
    /// Whether the pod starts without it; true when absent.
    #[serde(default = "yes")]
    pub optional: bool,
}

/// Files of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVolume {
    /// Name of the Secret.
    pub secret_name: String,
    /// Which keys become which files; all keys when empty.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<KeyToPath>,
    /// Mode of files that name none, 0 to 0777; 0644 when absent.
    #[serde(default = "int::<0o644>")]
    #[schemars(range(min = 0, max = 511))]
    pub default_mode: i32,
    /// Whether the pod starts without it; true when absent.
    #[serde(default = "yes")]
    pub optional: bool,
}

/// One key as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyToPath {
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = rules::DATAKEY))]
    pub key: Option<String>,
    /// Relative path of the file.
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
    /// Whether the volume is read only; false when absent.
    #[serde(default)]
    pub read_only: bool,
}

/// A claim per pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimTemplate {
    /// Labels and annotations of the claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ClaimMetadata>,
    /// What is claimed.
    pub spec: ClaimSpec,
}

/// Labels and annotations of claims.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimMetadata {
    /// Labels.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "rules::label_map")]
    pub labels: BTreeMap<String, String>,
    /// Annotations; their values are limited to the alphabet of labels.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "rules::label_map")]
    pub annotations: BTreeMap<String, String>,
}

/// What is claimed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSpec {
    /// Access modes, at least one.
    #[schemars(length(min = 1))]
    pub access_modes: Vec<AccessMode>,
    /// A volume bound in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_name: Option<String>,
    /// Storage class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    /// Volume mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<VolumeMode>,
    /// How much.
    pub resources: ClaimResources,
    /// Which volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Access modes of claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// Read and written by one node.
    ReadWriteOnce,
    /// Read by many nodes.
    ReadOnlyMany,
    /// Read and written by many nodes.
    ReadWriteMany,
}

impl AccessMode {
    /// The word in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadOnlyMany => "ReadOnlyMany",
            Self::ReadWriteMany => "ReadWriteMany",
        }
    }
}

/// Volume modes of claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VolumeMode {
    /// A block device.
    Block,
    /// A file system.
    Filesystem,
}

impl VolumeMode {
    /// The word in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "Block",
            Self::Filesystem => "Filesystem",
        }
    }
}

/// How much storage is claimed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimResources {
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<StorageAmount>,
    /// At least.
    pub requests: StorageAmount,
}

/// An amount of storage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageAmount {
    /// Bytes as a quantity.
    #[schemars(extend("pattern" = rules::QUANTITY))]
    pub storage: Quantity,
}

/// Which volumes a claim takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels they have.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "rules::label_map")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
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
    /// Operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<LabelSelectorOperator>,
    /// Values.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = rules::LABELVAL), length(max = 63)))]
    pub values: Vec<String>,
}

/// Operators of conditions on labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelSelectorOperator {
    /// The value is listed.
    In,
    /// The value is not listed.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

impl LabelSelectorOperator {
    /// The word in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "In",
            Self::NotIn => "NotIn",
            Self::Exists => "Exists",
            Self::DoesNotExist => "DoesNotExist",
        }
    }
}

/// A path of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostPathVolume {
    /// The path.
    pub path: String,
    /// What must be there; must be given, may be empty.
    #[serde(rename = "type")]
    pub type_: HostPathType,
}

/// What must be at a path of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HostPathType {
    /// Nothing is checked.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// A directory.
    Directory,
    /// A directory, made when absent.
    DirectoryOrCreate,
    /// A file, made when absent.
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
    /// The word in the manifest; empty for [`HostPathType::Unset`].
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

/// Scratch space.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDirVolume {
    /// Where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<EmptyDirMedium>,
    /// Most bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<Quantity>,
}

/// Where scratch space is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EmptyDirMedium {
    /// On the node's disk.
    #[serde(rename = "")]
    Disk,
    /// In memory.
    Memory,
}

/// A directory of the node kept by the node agent.
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

/// An amount that people write as a number or as text (`1`, `"500Mi"`); kept as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl Default for Quantity {
    /// One, the default of the only amount that has one.
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
