//! Names, printer columns and subresources of the kinds (docs/reference/resources.md#2 and docs/reference/resources.md#5).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceColumnDefinition, JSONSchemaProps};

use super::Version::{self, V1Beta1, V1Beta2, V1Beta3};
use crate::schema::structural;
use crate::{v1beta1, v1beta2, v1beta3};

/// One kind.
pub(super) struct KindDefinition {
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub short: &'static str,
    /// Whether `status` is a subresource.
    pub status: bool,
    /// Whether there is a `scale` subresource, with the paths of TServer.
    pub scale: bool,
    /// Whether its versions differ in more than `apiVersion`.
    pub converted: bool,
    pub versions: &'static [VersionDefinition],
}

impl KindDefinition {
    /// The version that is stored if the installation wants `wanted`.
    pub fn storage(&self, wanted: Version) -> Version {
        if self.versions.iter().any(|of| of.version == wanted) { wanted } else { V1Beta3 }
    }
}

/// One version of a kind.
pub(super) struct VersionDefinition {
    pub version: Version,
    pub schema: fn() -> JSONSchemaProps,
    /// Name, type and path of each printer column, without the age.
    pub columns: &'static [Column],
}

type Column = (&'static str, &'static str, &'static str);

const APP: Column = ("App", "string", ".spec.app");
const SERVER: Column = ("Server", "string", ".spec.server");
const SUB_TYPE: Column = ("SubType", "string", ".spec.subType");
const REPLICAS: Column = ("Replicas", "integer", ".spec.k8s.replicas");
const READY: Column = ("Ready", "integer", ".status.readyReplicas");
const AGE: Column = ("Age", "date", ".metadata.creationTimestamp");

const SERVER_BEFORE: &[Column] = &[APP, SERVER, SUB_TYPE, REPLICAS, READY];
const SERVER_NOW: &[Column] = &[
    APP,
    SERVER,
    SUB_TYPE,
    ("ReleaseImage", "string", ".spec.release.image"),
    ("NodeImage", "string", ".spec.release.nodeImage"),
    ("Template", "string", ".spec.tars.template"),
    REPLICAS,
    READY,
    ("Status", "string", r#".status.conditions[?(@.type=="Ready")].reason"#),
];
const CONFIG: &[Column] = &[
    ("App", "string", ".app"),
    ("Server", "string", ".server"),
    ("PodSeq", "string", ".podSeq"),
    ("ConfigName", "string", ".configName"),
    ("Version", "string", ".version"),
    ("Activated", "boolean", ".activated"),
];
const TEMPLATE: &[Column] = &[("Parent", "string", ".spec.parent")];
const ACCOUNT: &[Column] = &[("Username", "string", ".spec.username")];
const IMAGE: &[Column] = &[("type", "string", ".imageType")];

/// Lists the versions of a kind: the module and type, its name in [`Version`], its columns.
macro_rules! versions {
    ($($Version:ident $module:ident::$Kind:ident $columns:expr),+ $(,)?) => {
        &[$(VersionDefinition { version: $Version, schema: structural::<$module::$Kind>, columns: $columns }),+]
    };
}

/// A kind without subresources that nobody has to convert.
const PLAIN: KindDefinition = KindDefinition {
    kind: "",
    plural: "",
    singular: "",
    short: "",
    status: false,
    scale: false,
    converted: false,
    versions: &[],
};

/// All kinds.
pub(super) static KINDS: &[KindDefinition] = &[
    KindDefinition {
        kind: "TServer",
        plural: "tservers",
        singular: "tserver",
        short: "ts",
        status: true,
        scale: true,
        converted: true,
        versions: versions![
            V1Beta1 v1beta1::TServer SERVER_BEFORE,
            V1Beta2 v1beta2::TServer SERVER_BEFORE,
            V1Beta3 v1beta3::TServer SERVER_NOW,
        ],
    },
    KindDefinition {
        kind: "TConfig",
        plural: "tconfigs",
        singular: "tconfig",
        short: "tc",
        versions: versions![
            V1Beta1 v1beta1::TConfig CONFIG,
            V1Beta2 v1beta2::TConfig CONFIG,
            V1Beta3 v1beta3::TConfig CONFIG,
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TTemplate",
        plural: "ttemplates",
        singular: "ttemplate",
        short: "tt",
        versions: versions![
            V1Beta1 v1beta1::TTemplate &[],
            V1Beta2 v1beta2::TTemplate &[],
            V1Beta3 v1beta3::TTemplate TEMPLATE,
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TAccount",
        plural: "taccounts",
        singular: "taccount",
        short: "ta",
        versions: versions![
            V1Beta1 v1beta1::TAccount &[],
            V1Beta2 v1beta2::TAccount ACCOUNT,
            V1Beta3 v1beta3::TAccount ACCOUNT,
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TImage",
        plural: "timages",
        singular: "timage",
        short: "ti",
        versions: versions![
            V1Beta1 v1beta1::TImage &[],
            V1Beta2 v1beta2::TImage &[],
            V1Beta3 v1beta3::TImage IMAGE,
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TEndpoint",
        plural: "tendpoints",
        singular: "tendpoint",
        short: "te",
        status: true,
        versions: versions![
            V1Beta1 v1beta1::TEndpoint &[],
            V1Beta2 v1beta2::TEndpoint &[],
            V1Beta3 v1beta3::TEndpoint &[],
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TExitedRecord",
        plural: "texitedrecords",
        singular: "texitedrecord",
        short: "ter",
        versions: versions![
            V1Beta1 v1beta1::TExitedRecord &[],
            V1Beta2 v1beta2::TExitedRecord &[],
            V1Beta3 v1beta3::TExitedRecord &[],
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TTree",
        plural: "ttrees",
        singular: "ttree",
        short: "ttr",
        versions: versions![
            V1Beta1 v1beta1::TTree &[],
            V1Beta2 v1beta2::TTree &[],
            V1Beta3 v1beta3::TTree &[],
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TPlugin",
        plural: "tplugins",
        singular: "tplugin",
        short: "tp",
        versions: versions![
            V1Beta1 v1beta1::TPlugin &[],
            V1Beta2 v1beta2::TPlugin &[],
            V1Beta3 v1beta3::TPlugin &[],
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TFrameworkConfig",
        plural: "tframeworkconfigs",
        singular: "tframeworkconfig",
        short: "tfc",
        converted: true,
        versions: versions![
            V1Beta2 v1beta2::TFrameworkConfig &[],
            V1Beta3 v1beta3::TFrameworkConfig &[],
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TFrameworkKey",
        plural: "tframeworkkey",
        singular: "tframeworkkey",
        short: "tfk",
        versions: versions![
            V1Beta2 v1beta2::TFrameworkKey &[],
            V1Beta3 v1beta3::TFrameworkKey &[],
        ],
        ..PLAIN
    },
];

/// The printer columns of a version, the age last; none where the API server's own (name and age) do.
pub(super) fn columns(of: &VersionDefinition) -> Option<Vec<CustomResourceColumnDefinition>> {
    let column = |&(name, type_, path): &Column| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    };
    (!of.columns.is_empty()).then(|| of.columns.iter().chain([&AGE]).map(column).collect())
}
