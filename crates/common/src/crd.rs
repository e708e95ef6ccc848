//! The custom resource definitions of the group, generated from the types.
//!
//! ```text
//! KINDS (names, columns, subresources) ─┐
//! types ─schema─► structural schema ────┼─► all(&CrdOptions) ─► [CustomResourceDefinition] ─► yaml
//! CrdOptions (served, storage, …) ──────┘                  └─► chart: the same with Helm's conditions in the place of options
//! ```
//!
//! The chart's copy is [`render_chart`]'s output, checked in; a test fails where the two differ.

pub mod cases;
mod kinds;
mod render;
mod sample;
pub mod table;

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec,
    CustomResourceDefinitionVersion, CustomResourceSubresourceScale, CustomResourceSubresourceStatus, CustomResourceSubresources,
    CustomResourceValidation, ServiceReference, WebhookClientConfig, WebhookConversion,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::names;
use kinds::{KINDS, KindDefinition, VersionDefinition};
pub use render::{RenderError, render, render_chart};

/// A version of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `v1beta1`: kept for stored objects, not served by default.
    V1Beta1,
    /// `v1beta2`: deprecated.
    V1Beta2,
    /// `v1beta3`: current.
    V1Beta3,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 3] = [Self::V1Beta1, Self::V1Beta2, Self::V1Beta3];

    /// As in `apiVersion`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1Beta1 => "v1beta1",
            Self::V1Beta2 => "v1beta2",
            Self::V1Beta3 => "v1beta3",
        }
    }

    /// Whether users are asked to move on.
    pub const fn deprecated(self) -> bool {
        !matches!(self, Self::V1Beta3)
    }
}

/// Who converts objects of the kinds whose versions differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// The webhook. Its `caBundle` is left out: the webhook itself puts it in once it has made its CA.
    #[default]
    Webhook,
    /// Nobody: the API server only rewrites `apiVersion`. For tests of the schema.
    None,
}

/// What an installation decides about the definitions.
#[derive(Clone, Debug)]
pub struct CrdOptions {
    /// API group; another one than ours only in tests.
    pub group: String,
    /// Versions that are served.
    pub served: Vec<Version>,
    /// The version that is stored. A kind that does not have it is stored in the newest it has.
    pub storage: Version,
    /// Who converts.
    pub conversion: Conversion,
}

impl Default for CrdOptions {
    fn default() -> Self {
        Self {
            group: names::GROUP.to_owned(),
            served: vec![Version::V1Beta2, Version::V1Beta3],
            storage: Version::V1Beta3,
            conversion: Conversion::default(),
        }
    }
}

/// The definitions of all kinds, in the order of the specification.
pub fn all(options: &CrdOptions) -> Vec<CustomResourceDefinition> {
    KINDS.iter().map(|kind| definition(kind, options)).collect()
}

fn definition(kind: &KindDefinition, options: &CrdOptions) -> CustomResourceDefinition {
    let keep = (names::annotation::HELM_RESOURCE_POLICY.to_owned(), "keep".to_owned());
    let storage = kind.storage(options.storage);
    CustomResourceDefinition {
        metadata: ObjectMeta {
            name: Some(format!("{}.{}", kind.plural, options.group)),
            annotations: Some(BTreeMap::from([keep])),
            ..ObjectMeta::default()
        },
        spec: CustomResourceDefinitionSpec {
            group: options.group.clone(),
            names: CustomResourceDefinitionNames {
                kind: kind.kind.to_owned(),
                list_kind: Some(format!("{}List", kind.kind)),
                plural: kind.plural.to_owned(),
                singular: Some(kind.singular.to_owned()),
                short_names: Some(vec![kind.short.to_owned()]),
                categories: None,
            },
            scope: "Namespaced".to_owned(),
            versions: kind.versions.iter().map(|of| version(kind, of, options, storage)).collect(),
            conversion: Some(conversion(kind, options)),
            preserve_unknown_fields: None,
        },
        status: None,
    }
}

fn version(
    kind: &KindDefinition,
    of: &VersionDefinition,
    options: &CrdOptions,
    storage: Version,
) -> CustomResourceDefinitionVersion {
    let group = &options.group;
    let name = of.version.as_str();
    let warning = format!("{group}/{name} {0} is deprecated; please migrate to {group}/{1} {0}", kind.kind, names::VERSION);
    CustomResourceDefinitionVersion {
        name: name.to_owned(),
        served: options.served.contains(&of.version),
        storage: of.version == storage,
        deprecated: of.version.deprecated().then_some(true),
        deprecation_warning: of.version.deprecated().then_some(warning),
        schema: Some(CustomResourceValidation { open_api_v3_schema: Some((of.schema)()) }),
        subresources: subresources(kind),
        additional_printer_columns: kinds::columns(of),
        selectable_fields: None,
    }
}

fn subresources(kind: &KindDefinition) -> Option<CustomResourceSubresources> {
    let scale = kind.scale.then(|| CustomResourceSubresourceScale {
        spec_replicas_path: ".spec.k8s.replicas".to_owned(),
        status_replicas_path: ".status.currentReplicas".to_owned(),
        label_selector_path: Some(".status.selector".to_owned()),
    });
    kind.status
        .then(|| CustomResourceSubresources { status: Some(CustomResourceSubresourceStatus(serde_json::json!({}))), scale })
}

fn conversion(kind: &KindDefinition, options: &CrdOptions) -> CustomResourceConversion {
    if !kind.converted || options.conversion == Conversion::None {
        return CustomResourceConversion { strategy: "None".to_owned(), webhook: None };
    }
    let service = ServiceReference {
        name: names::WEBHOOK_SERVICE.to_owned(),
        namespace: names::SYSTEM_NAMESPACE.to_owned(),
        path: Some(names::CONVERSION_PATH.to_owned()),
        port: Some(443),
    };
    CustomResourceConversion {
        strategy: "Webhook".to_owned(),
        webhook: Some(WebhookConversion {
            client_config: Some(WebhookClientConfig { service: Some(service), ..WebhookClientConfig::default() }),
            conversion_review_versions: vec!["v1".to_owned()],
        }),
    }
}

#[cfg(test)]
mod tests;
