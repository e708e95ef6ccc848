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

/// A printer column.
pub(super) struct Column {
    name: &'static str,
    type_: &'static str,
    path: &'static str,
    /// Whether only `-o wide` shows it.
    wide: bool,
}

const fn shown(name: &'static str, type_: &'static str, path: &'static str) -> Column {
    Column { name, type_, path, wide: false }
}

const fn wide(name: &'static str, path: &'static str) -> Column {
    Column { name, type_: "string", path, wide: true }
}

const APP: Column = shown("App", "string", ".spec.app");
const SERVER: Column = shown("Server", "string", ".spec.server");
const SUB_TYPE: Column = shown("SubType", "string", ".spec.subType");
const REPLICAS: Column = shown("Replicas", "integer", ".spec.k8s.replicas");
const READY: Column = shown("Ready", "integer", ".status.readyReplicas");
const AGE: Column = shown("Age", "date", ".metadata.creationTimestamp");

const SERVER_BEFORE: &[Column] = &[APP, SERVER, SUB_TYPE, REPLICAS, READY];
/// The row fits into 120 characters. What says nothing about the state is shown only with `-o wide`.
const SERVER_NOW: &[Column] = &[
    shown("Status", "string", r#".status.conditions[?(@.type=="Ready")].reason"#),
    READY,
    REPLICAS,
    shown("Release", "string", ".spec.release.id"),
    SUB_TYPE,
    wide("App", ".spec.app"),
    wide("Server", ".spec.server"),
    wide("ReleaseImage", ".spec.release.image"),
    wide("NodeImage", ".spec.release.nodeImage"),
    wide("Template", ".spec.tars.template"),
];
/// Which release the clients get, and whether they get any pod. A column shows the first element that its path selects.
const ENDPOINT: &[Column] = &[
    shown("Release", "string", ".spec.release.id"),
    shown("ActivePod", "string", r#".status.pods[?(@.presentState=="Active")].name"#),
    shown("OtherPod", "string", r#".status.pods[?(@.presentState!="Active")].name"#),
    shown("State", "string", r#".status.pods[?(@.presentState!="Active")].presentState"#),
];
/// The pod that ended last.
const RECORD: &[Column] = &[
    shown("LastPod", "string", ".pods[0].name"),
    shown("Release", "string", ".pods[0].id"),
    shown("Node", "string", ".pods[0].nodeIP"),
    shown("Ended", "date", ".pods[0].deleteTime"),
];
/// The application that was added last.
const TREE: &[Column] = &[shown("LatestApp", "string", ".apps[-1:].name"), shown("Added", "date", ".apps[-1:].createTime")];
const FRAMEWORK: &[Column] = &[
    shown("NodeImage", "string", ".nodeImage.image"),
    shown("NodeSecret", "string", ".nodeImage.secret"),
    shown("ExitedPods", "integer", ".recordLimit.texitedPod"),
    shown("ConfigVersions", "integer", ".recordLimit.tconfigHistory"),
];
const CONFIG: &[Column] = &[
    shown("App", "string", ".app"),
    shown("Server", "string", ".server"),
    shown("PodSeq", "string", ".podSeq"),
    shown("ConfigName", "string", ".configName"),
    shown("Version", "string", ".version"),
    shown("Activated", "boolean", ".activated"),
];
const TEMPLATE: &[Column] = &[shown("Parent", "string", ".spec.parent")];
const ACCOUNT: &[Column] = &[shown("Username", "string", ".spec.username")];
const IMAGE: &[Column] = &[shown("type", "string", ".imageType")];

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
            describe::<v1beta1::TEndpoint>(V1Beta1, ENDPOINT),
            describe::<v1beta2::TEndpoint>(V1Beta2, ENDPOINT),
            describe::<v1beta3::TEndpoint>(V1Beta3, ENDPOINT),
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
            describe::<v1beta1::TExitedRecord>(V1Beta1, RECORD),
            describe::<v1beta2::TExitedRecord>(V1Beta2, RECORD),
            describe::<v1beta3::TExitedRecord>(V1Beta3, RECORD),
        ],
        ..PLAIN
    },
    KindDefinition {
        kind: "TTree",
        plural: "ttrees",
        singular: "ttree",
        short: "ttr",
        versions: &[
            describe::<v1beta1::TTree>(V1Beta1, TREE),
            describe::<v1beta2::TTree>(V1Beta2, TREE),
            describe::<v1beta3::TTree>(V1Beta3, TREE),
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
        versions: &[
            describe::<v1beta2::TFrameworkConfig>(V1Beta2, FRAMEWORK),
            describe::<v1beta3::TFrameworkConfig>(V1Beta3, FRAMEWORK),
        ],
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
    let column = |column: &Column| CustomResourceColumnDefinition {
        name: column.name.to_owned(),
        type_: column.type_.to_owned(),
        json_path: column.path.to_owned(),
        priority: column.wide.then_some(1),
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
