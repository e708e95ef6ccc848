//! Names, printer columns, selectable fields and subresources of the kinds (docs/reference/resources.md#2 and docs/reference/resources.md#5).

use crate::{
    schema::build_structural,
    v1beta1, v1beta2, v1beta3,
    version::Version::{self, V1Beta1, V1Beta2, V1Beta3},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, JSONSchemaProps, SelectableField,
};
use schemars::JsonSchema;

/// One kind of the group.
pub(super) struct KindDefinition {
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub short: &'static str,
    /// The words by which `kubectl get` lists the kind together with others.
    pub categories: &'static [&'static str],
    /// The paths that a field selector may name. They are the same in all versions, and at most eight.
    pub selectable: &'static [&'static str],
    /// Whether `status` is a subresource.
    pub status: bool,
    /// Whether there is a `scale` subresource, with the paths of TServer.
    pub scale: bool,
    /// Whether the versions differ in more than `apiVersion`, so that objects must be converted.
    pub converted: bool,
    pub versions: &'static [VersionDefinition],
}

impl KindDefinition {
    /// Chooses the version to store if the installation wants `wanted`.
    pub fn choose_storage(&self, wanted: Version) -> Version {
        if self.versions.iter().any(|of| of.version == wanted) { wanted } else { V1Beta3 }
    }
}

/// One version of a kind.
pub(super) struct VersionDefinition {
    pub version: Version,
    pub schema: fn() -> JSONSchemaProps,
    /// The printer columns without the age.
    pub columns: &'static [Column],
}

/// The category of the kinds that `kubectl get tars` lists. Kinds with credentials are left out, because no role of the chart reads them.
const LISTED: &[&str] = &["tars"];

/// Name, type and path of a printer column.
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

/// Describes the version `version` of a kind, whose objects have the type `T`.
const fn describe<T: JsonSchema>(version: Version, columns: &'static [Column]) -> VersionDefinition {
    VersionDefinition { version, schema: build_structural::<T>, columns }
}

/// A kind without subresources and without conversion.
const PLAIN: KindDefinition = KindDefinition {
    kind: "",
    plural: "",
    singular: "",
    short: "",
    categories: LISTED,
    selectable: &[],
    status: false,
    scale: false,
    converted: false,
    versions: &[],
};

/// All kinds of the group.
pub(super) static KINDS: &[KindDefinition] = &[
    KindDefinition {
        kind: "TServer",
        plural: "tservers",
        singular: "tserver",
        short: "ts",
        categories: LISTED,
        selectable: &[
            ".spec.app",
            ".spec.server",
            ".spec.subType",
            ".spec.tars.template",
            ".spec.release.id",
            ".spec.release.image",
        ],
        status: true,
        scale: true,
        converted: true,
        versions: &[
            describe::<v1beta1::TServer>(V1Beta1, SERVER_BEFORE),
            describe::<v1beta2::TServer>(V1Beta2, SERVER_BEFORE),
            describe::<v1beta3::TServer>(V1Beta3, SERVER_NOW),
        ],
    },
    KindDefinition {
        kind: "TConfig",
        plural: "tconfigs",
        singular: "tconfig",
        short: "tc",
        selectable: &[".app", ".server", ".configName", ".podSeq", ".activated"],
        versions: &[
            describe::<v1beta1::TConfig>(V1Beta1, CONFIG),
            describe::<v1beta2::TConfig>(V1Beta2, CONFIG),
            describe::<v1beta3::TConfig>(V1Beta3, CONFIG),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TTemplate",
        plural: "ttemplates",
        singular: "ttemplate",
        short: "tt",
        selectable: &[".spec.parent"],
        versions: &[
            describe::<v1beta1::TTemplate>(V1Beta1, &[]),
            describe::<v1beta2::TTemplate>(V1Beta2, &[]),
            describe::<v1beta3::TTemplate>(V1Beta3, TEMPLATE),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TAccount",
        plural: "taccounts",
        singular: "taccount",
        short: "ta",
        categories: &[],
        selectable: &[".spec.username"],
        versions: &[
            describe::<v1beta1::TAccount>(V1Beta1, &[]),
            describe::<v1beta2::TAccount>(V1Beta2, ACCOUNT),
            describe::<v1beta3::TAccount>(V1Beta3, ACCOUNT),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TImage",
        plural: "timages",
        singular: "timage",
        short: "ti",
        selectable: &[".imageType"],
        versions: &[
            describe::<v1beta1::TImage>(V1Beta1, &[]),
            describe::<v1beta2::TImage>(V1Beta2, &[]),
            describe::<v1beta3::TImage>(V1Beta3, IMAGE),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TEndpoint",
        plural: "tendpoints",
        singular: "tendpoint",
        short: "te",
        selectable: &[".spec.app", ".spec.server"],
        status: true,
        versions: &[
            describe::<v1beta1::TEndpoint>(V1Beta1, &[]),
            describe::<v1beta2::TEndpoint>(V1Beta2, &[]),
            describe::<v1beta3::TEndpoint>(V1Beta3, &[]),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TExitedRecord",
        plural: "texitedrecords",
        singular: "texitedrecord",
        short: "ter",
        selectable: &[".app", ".server"],
        versions: &[
            describe::<v1beta1::TExitedRecord>(V1Beta1, &[]),
            describe::<v1beta2::TExitedRecord>(V1Beta2, &[]),
            describe::<v1beta3::TExitedRecord>(V1Beta3, &[]),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TTree",
        plural: "ttrees",
        singular: "ttree",
        short: "ttr",
        versions: &[
            describe::<v1beta1::TTree>(V1Beta1, &[]),
            describe::<v1beta2::TTree>(V1Beta2, &[]),
            describe::<v1beta3::TTree>(V1Beta3, &[]),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TPlugin",
        plural: "tplugins",
        singular: "tplugin",
        short: "tp",
        versions: &[
            describe::<v1beta1::TPlugin>(V1Beta1, &[]),
            describe::<v1beta2::TPlugin>(V1Beta2, &[]),
            describe::<v1beta3::TPlugin>(V1Beta3, &[]),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TFrameworkConfig",
        plural: "tframeworkconfigs",
        singular: "tframeworkconfig",
        short: "tfc",
        converted: true,
        versions: &[describe::<v1beta2::TFrameworkConfig>(V1Beta2, &[]), describe::<v1beta3::TFrameworkConfig>(V1Beta3, &[])],
        ..PLAIN
    },
    KindDefinition {
        kind: "TFrameworkKey",
        plural: "tframeworkkey",
        singular: "tframeworkkey",
        short: "tfk",
        categories: &[],
        versions: &[describe::<v1beta2::TFrameworkKey>(V1Beta2, &[]), describe::<v1beta3::TFrameworkKey>(V1Beta3, &[])],
        ..PLAIN
    },
];

/// Builds the printer columns of a version, the age last. Without columns the API server shows name and age.
pub(super) fn build_columns(of: &VersionDefinition) -> Option<Vec<CustomResourceColumnDefinition>> {
    let column = |&(name, type_, path): &Column| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    };
    (!of.columns.is_empty()).then(|| of.columns.iter().chain([&AGE]).map(column).collect())
}

/// Builds the fields that a field selector may name. If the schemas of the versions differ, only the newest version has them. The API
/// server refuses a definition in which all versions have the same selectable fields and different schemas, and the reverse.
pub(super) fn build_selectable_fields(kind: &KindDefinition, version: Version) -> Option<Vec<SelectableField>> {
    let field = |path: &&str| SelectableField { json_path: (*path).to_owned() };
    ((version == Version::CURRENT || has_one_schema(kind)) && !kind.selectable.is_empty())
        .then(|| kind.selectable.iter().map(field).collect())
}

fn has_one_schema(kind: &KindDefinition) -> bool {
    let mut schemas = kind.versions.iter().map(|of| (of.schema)());
    let first = schemas.next();
    schemas.all(|schema| Some(schema) == first)
}

pub(super) fn build_categories(kind: &KindDefinition) -> Option<Vec<String>> {
    (!kind.categories.is_empty()).then(|| kind.categories.iter().map(|&category| category.to_owned()).collect())
}
