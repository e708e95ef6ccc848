//! Converts the types of TServer to those of core Kubernetes, from which the controller builds pods.
//!
//! Only the form changes here. The controller decides the effect of a field on a workload.

mod probe;
mod security;

use super::{
    ClaimMetadata, ClaimSpec, ComputeResources, ConfigMapVolume, EmptyDirVolume, EnvFromSource, EnvVar, EnvVarSource,
    HostPathType, KeyToPath, LabelSelector, NfsVolume, NodeSelectorRule, Quantity, ResourceList, SecretVolume, StorageAmount,
    TaintEffect, Toleration, v1beta3::MountSource,
};
use k8s_openapi::{
    api::core::v1 as core,
    apimachinery::pkg::{api::resource::Quantity as CoreQuantity, apis::meta::v1 as meta},
};
use std::collections::BTreeMap;

/// Drops an empty text, because the API server does not store it.
fn drop_empty(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// Whether an object has any field. The API server does not store an empty object.
fn has_fields<T: Default + PartialEq>(object: &T) -> bool {
    *object != T::default()
}

impl From<&Quantity> for CoreQuantity {
    fn from(quantity: &Quantity) -> Self {
        Self(quantity.0.clone())
    }
}

impl From<&EnvVar> for core::EnvVar {
    fn from(env: &EnvVar) -> Self {
        Self { name: env.name.clone(), value: env.value.clone(), value_from: env.value_from.as_ref().map(Into::into) }
    }
}

impl From<&EnvVarSource> for core::EnvVarSource {
    fn from(source: &EnvVarSource) -> Self {
        Self {
            field_ref: source.field_ref.as_ref().map(|field| core::ObjectFieldSelector {
                api_version: field.api_version.clone(),
                field_path: field.field_path.clone().unwrap_or_default(),
            }),
            resource_field_ref: source.resource_field_ref.as_ref().map(|field| core::ResourceFieldSelector {
                container_name: field.container_name.clone(),
                divisor: Some((&field.divisor).into()),
                resource: field.resource.clone(),
            }),
            config_map_key_ref: source.config_map_key_ref.as_ref().map(|selector| core::ConfigMapKeySelector {
                name: selector.name.clone(),
                key: selector.key.clone(),
                optional: Some(selector.optional),
            }),
            secret_key_ref: source.secret_key_ref.as_ref().map(|selector| core::SecretKeySelector {
                name: selector.name.clone(),
                key: selector.key.clone(),
                optional: Some(selector.optional),
            }),
        }
    }
}

impl From<&EnvFromSource> for core::EnvFromSource {
    fn from(source: &EnvFromSource) -> Self {
        Self {
            config_map_ref: source
                .config_map_ref
                .as_ref()
                .map(|map| core::ConfigMapEnvSource { name: map.name.clone(), optional: Some(map.optional) }),
            secret_ref: source
                .secret_ref
                .as_ref()
                .map(|secret| core::SecretEnvSource { name: secret.name.clone(), optional: Some(secret.optional) }),
            prefix: source.prefix.clone(),
        }
    }
}

impl From<&NodeSelectorRule> for core::NodeSelectorRequirement {
    fn from(rule: &NodeSelectorRule) -> Self {
        Self {
            key: rule.key.clone().unwrap_or_default(),
            operator: rule.operator.map(|operator| operator.as_str().to_owned()).unwrap_or_default(),
            values: (!rule.values.is_empty()).then(|| rule.values.clone()),
        }
    }
}

impl ResourceList {
    /// Returns the amounts by the name of the resource.
    pub fn to_map(&self) -> BTreeMap<String, CoreQuantity> {
        let amounts = [("cpu", &self.cpu), ("memory", &self.memory)];
        amounts.into_iter().filter_map(|(name, amount)| Some((name.to_owned(), CoreQuantity(amount.clone()?)))).collect()
    }
}

impl From<&ComputeResources> for core::ResourceRequirements {
    fn from(resources: &ComputeResources) -> Self {
        Self {
            requests: resources.requests.as_ref().map(ResourceList::to_map),
            limits: resources.limits.as_ref().map(ResourceList::to_map),
            claims: None,
        }
    }
}

impl MountSource {
    /// Builds the volume with this name. Returns `None` for a source from which a StatefulSet makes a claim
    /// (`persistentVolumeClaimTemplate`, `tLocalVolume`), and for an empty source.
    pub fn to_volume(&self, name: &str) -> Option<core::Volume> {
        let volume = core::Volume { name: name.to_owned(), ..core::Volume::default() };
        if let Some(map) = &self.config_map {
            Some(core::Volume { config_map: Some(map.into()), ..volume })
        } else if let Some(secret) = &self.secret {
            Some(core::Volume { secret: Some(secret.into()), ..volume })
        } else if let Some(claim) = &self.persistent_volume_claim {
            let source = core::PersistentVolumeClaimVolumeSource {
                claim_name: claim.claim_name.clone(),
                read_only: claim.read_only.then_some(true),
            };
            Some(core::Volume { persistent_volume_claim: Some(source), ..volume })
        } else if let Some(path) = &self.host_path {
            let type_ = (path.type_ != HostPathType::Unset).then(|| path.type_.as_str().to_owned());
            Some(core::Volume { host_path: Some(core::HostPathVolumeSource { path: path.path.clone(), type_ }), ..volume })
        } else if let Some(nfs) = &self.nfs {
            Some(core::Volume { nfs: Some(nfs.into()), ..volume })
        } else {
            self.empty_dir.as_ref().map(|empty| core::Volume { empty_dir: Some(empty.into()), ..volume })
        }
    }
}

fn convert_items(items: &[KeyToPath]) -> Option<Vec<core::KeyToPath>> {
    let item = |item: &KeyToPath| core::KeyToPath {
        key: item.key.clone().unwrap_or_default(),
        path: item.path.clone().unwrap_or_default(),
        mode: Some(item.mode),
    };
    (!items.is_empty()).then(|| items.iter().map(item).collect())
}

impl From<&ConfigMapVolume> for core::ConfigMapVolumeSource {
    fn from(map: &ConfigMapVolume) -> Self {
        Self {
            name: map.name.clone(),
            items: convert_items(&map.items),
            default_mode: Some(map.default_mode),
            optional: Some(map.optional),
        }
    }
}

impl From<&SecretVolume> for core::SecretVolumeSource {
    fn from(secret: &SecretVolume) -> Self {
        Self {
            secret_name: Some(secret.secret_name.clone()),
            items: convert_items(&secret.items),
            default_mode: Some(secret.default_mode),
            optional: Some(secret.optional),
        }
    }
}

impl From<&EmptyDirVolume> for core::EmptyDirVolumeSource {
    fn from(empty: &EmptyDirVolume) -> Self {
        Self {
            medium: empty.medium.filter(|medium| *medium == super::EmptyDirMedium::Memory).map(|_| "Memory".to_owned()),
            size_limit: empty.size_limit.as_ref().map(Into::into),
        }
    }
}

impl From<&NfsVolume> for core::NFSVolumeSource {
    fn from(nfs: &NfsVolume) -> Self {
        Self { server: nfs.server.clone(), path: nfs.path.clone(), read_only: nfs.read_only.then_some(true) }
    }
}

/// The operator is always stated: a template without it would differ, although it means the same.
impl From<&Toleration> for core::Toleration {
    fn from(toleration: &Toleration) -> Self {
        Self {
            key: drop_empty(toleration.key.as_ref()),
            operator: Some(toleration.operator.unwrap_or_default().as_str().to_owned()),
            value: drop_empty(toleration.value.as_ref()),
            effect: toleration.effect.map(TaintEffect::as_str).filter(|effect| !effect.is_empty()).map(str::to_owned),
            toleration_seconds: toleration.toleration_seconds,
        }
    }
}

fn convert_amount(amount: &StorageAmount) -> BTreeMap<String, CoreQuantity> {
    BTreeMap::from([("storage".to_owned(), (&amount.storage).into())])
}

impl From<&ClaimSpec> for core::PersistentVolumeClaimSpec {
    fn from(claim: &ClaimSpec) -> Self {
        Self {
            access_modes: Some(claim.access_modes.iter().map(|mode| mode.as_str().to_owned()).collect()),
            volume_name: claim.volume_name.clone(),
            storage_class_name: claim.storage_class_name.clone(),
            volume_mode: claim.volume_mode.map(|mode| mode.as_str().to_owned()),
            resources: Some(core::VolumeResourceRequirements {
                limits: claim.resources.limits.as_ref().map(convert_amount),
                requests: Some(convert_amount(&claim.resources.requests)),
            }),
            selector: claim.selector.as_ref().map(Into::into),
            ..Self::default()
        }
    }
}

impl From<&ClaimMetadata> for meta::ObjectMeta {
    fn from(metadata: &ClaimMetadata) -> Self {
        Self {
            labels: (!metadata.labels.is_empty()).then(|| metadata.labels.clone()),
            annotations: (!metadata.annotations.is_empty()).then(|| metadata.annotations.clone()),
            ..Self::default()
        }
    }
}

impl From<&LabelSelector> for meta::LabelSelector {
    fn from(selector: &LabelSelector) -> Self {
        let rules = selector.match_expressions.iter().map(|rule| meta::LabelSelectorRequirement {
            key: rule.key.clone().unwrap_or_default(),
            operator: rule.operator.map(|operator| operator.as_str().to_owned()).unwrap_or_default(),
            values: (!rule.values.is_empty()).then(|| rule.values.clone()),
        });
        Self {
            match_labels: (!selector.match_labels.is_empty()).then(|| selector.match_labels.clone()),
            match_expressions: (!selector.match_expressions.is_empty()).then(|| rules.collect()),
        }
    }
}
