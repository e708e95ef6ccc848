//! The main container, and what of it the init container follows.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, ResourceRequirements};
use tars_common::v1beta3::{LauncherType, TServerSpec};

/// The main container.
#[derive(Clone, Debug)]
pub struct Container {
    /// Command; empty for that of the image.
    pub command: Vec<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Environment, each name once.
    pub env: Vec<EnvVar>,
    /// Environment from ConfigMaps and Secrets.
    pub env_from: Vec<EnvFromSource>,
    /// Resources.
    pub resources: Option<ResourceRequirements>,
    /// Pull policy.
    pub pull_policy: &'static str,
    /// Pull policy of the init container: `Always`, unless the server says that its images need not come from a registry.
    pub node_pull_policy: &'static str,
    /// Value of `LauncherType` for the init container, `None` for the default.
    pub launcher: Option<&'static str>,
    /// Service account.
    pub service_account: Option<String>,
}

pub(super) fn container(spec: &TServerSpec) -> Container {
    let k8s = &spec.k8s;
    let resources = ResourceRequirements::from(&k8s.resources);
    Container {
        command: k8s.command.clone(),
        args: k8s.args.clone(),
        env: last_of_each(k8s.env.iter().map(Into::into).collect()),
        env_from: k8s.env_from.iter().map(env_from).collect(),
        resources: Some(resources).filter(|resources| resources.limits.is_some() || resources.requests.is_some()),
        pull_policy: k8s.image_pull_policy.as_str(),
        // The specification says `Always`. But a server whose own image is on the node already (a cluster without registry) has
        // its node image there, too; and the field's default keeps what the existing controller does.
        node_pull_policy: k8s.image_pull_policy.as_str(),
        launcher: (k8s.launcher_type != LauncherType::default()).then(|| k8s.launcher_type.as_str()),
        service_account: k8s.service_account.clone().filter(|name| !name.is_empty()),
    }
}

fn env_from(source: &tars_common::v1beta3::EnvFromSource) -> EnvFromSource {
    let mut source = EnvFromSource::from(source);
    source.prefix = source.prefix.filter(|prefix| !prefix.is_empty());
    source
}

/// Server-side apply identifies variables by name and refuses two of one; the kubelet lets the last one win. So do we, and also
/// complete what the API server would complete inside of atomic fields, lest what it stores differ from what we sent.
fn last_of_each(env: Vec<EnvVar>) -> Vec<EnvVar> {
    let mut kept: Vec<EnvVar> = Vec::with_capacity(env.len());
    for mut variable in env {
        kept.retain(|earlier| earlier.name != variable.name);
        variable.value = variable.value.filter(|value| !value.is_empty());
        if let Some(field) = variable.value_from.as_mut().and_then(|from| from.field_ref.as_mut()) {
            field.api_version.get_or_insert_with(|| "v1".to_owned());
        }
        kept.push(variable);
    }
    kept
}
