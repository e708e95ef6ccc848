//! The custom resource definitions of the group, generated from the types.
//!
//! ```text
//! KINDS (names, columns, subresources) ─┐
//! types ─schema─► structural schema ────┼─► build_all(&CrdOptions) ─► [CustomResourceDefinition] ─► YAML
//! CrdOptions (served, storage, …) ──────┘                     └─► chart: the same, with Helm's actions in the place of options
//! ```
//!
//! The repository holds the output of [`render_chart`] as a file of the chart. A test fails if the file differs from the types.

mod kinds;
mod render;

use crate::{names, version::Version};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec,
        CustomResourceDefinitionVersion, CustomResourceSubresourceScale, CustomResourceSubresourceStatus,
        CustomResourceSubresources, CustomResourceValidation, ServiceReference, WebhookClientConfig, WebhookConversion,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kinds::{KINDS, KindDefinition, VersionDefinition};
pub use render::{RenderError, render, render_chart};
use std::collections::BTreeMap;

/// The way to convert objects of the kinds whose versions differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// The webhook converts. `caBundle` is left out, because the webhook writes it when it has made its CA.
    #[default]
    Webhook,
    /// The API server only rewrites `apiVersion`. This is for tests of the schema.
    None,
}

/// The decisions of an installation about the definitions.
#[derive(Clone, Debug)]
pub struct CrdOptions {
    /// API group. Only tests use another group than ours.
    pub group: String,
    /// The versions that the API server serves.
    pub served: Vec<Version>,
    /// The version in which the API server stores objects. A kind without this version is stored in its newest version.
    pub storage: Version,
    /// The way to convert.
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

/// Builds the definitions of all kinds.
pub fn build_all(options: &CrdOptions) -> Vec<CustomResourceDefinition> {
    KINDS.iter().map(|kind| build_definition(kind, options)).collect()
}

fn build_definition(kind: &KindDefinition, options: &CrdOptions) -> CustomResourceDefinition {
    let keep = (names::annotation::HELM_RESOURCE_POLICY.to_owned(), "keep".to_owned());
    let storage = kind.choose_storage(options.storage);
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
                categories: kinds::build_categories(kind),
            },
            scope: "Namespaced".to_owned(),
            versions: kind.versions.iter().map(|of| build_version(kind, of, options, storage)).collect(),
            conversion: Some(build_conversion(kind, options)),
            preserve_unknown_fields: None,
        },
        status: None,
    }
}

fn build_version(
    kind: &KindDefinition,
    of: &VersionDefinition,
    options: &CrdOptions,
    storage: Version,
) -> CustomResourceDefinitionVersion {
    let group = &options.group;
    let name = of.version.as_str();
    let warning =
        format!("{group}/{name} {0} is deprecated; please migrate to {group}/{1} {0}", kind.kind, Version::CURRENT.as_str());
    CustomResourceDefinitionVersion {
        name: name.to_owned(),
        served: options.served.contains(&of.version),
        storage: of.version == storage,
        deprecated: of.version.is_deprecated().then_some(true),
        deprecation_warning: of.version.is_deprecated().then_some(warning),
        schema: Some(CustomResourceValidation { open_api_v3_schema: Some((of.schema)()) }),
        subresources: build_subresources(kind),
        additional_printer_columns: kinds::build_columns(of),
        selectable_fields: kinds::build_selectable_fields(kind, of.version),
    }
}

fn build_subresources(kind: &KindDefinition) -> Option<CustomResourceSubresources> {
    let scale = kind.scale.then(|| CustomResourceSubresourceScale {
        spec_replicas_path: ".spec.k8s.replicas".to_owned(),
        status_replicas_path: ".status.currentReplicas".to_owned(),
        label_selector_path: Some(".status.selector".to_owned()),
    });
    kind.status
        .then(|| CustomResourceSubresources { status: Some(CustomResourceSubresourceStatus(serde_json::json!({}))), scale })
}

fn build_conversion(kind: &KindDefinition, options: &CrdOptions) -> CustomResourceConversion {
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
