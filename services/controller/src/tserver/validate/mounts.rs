//! Mounts: which volume is mounted where, and which claims a StatefulSet makes.

use crate::tserver::problem::Problem;
use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaimSpec, Volume, VolumeMount},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::collections::HashSet;
use tars_common::{
    names::DELAY_BIND,
    v1beta3::{Mount, MountSource, TServerSpec},
};

/// Everything that is mounted, in the order of `spec.k8s.mounts`.
#[derive(Clone, Debug, Default)]
pub struct Mounts {
    /// The mounts of the main container.
    pub places: Vec<VolumeMount>,
    /// The volumes of the pod, without claims.
    pub volumes: Vec<Volume>,
    /// The claims that the StatefulSet makes for each pod, with their names.
    pub claims: Vec<(String, ClaimSource)>,
}

/// Where a claim template comes from.
#[derive(Clone, Debug)]
pub enum ClaimSource {
    /// Written out in the TServer. The claims stay when the TServer goes.
    Stated {
        /// The labels and annotations of the claims.
        metadata: Box<ObjectMeta>,
        spec: Box<PersistentVolumeClaimSpec>,
    },
    /// A local volume of the node agent. The claims are deleted together with the TServer.
    Local(LocalVolume),
}

/// The owner and the mode of the directory of a local volume, as the agent reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalVolume {
    Directory {
        /// User id, decimal.
        uid: String,
        /// Group id, decimal.
        gid: String,
        /// Permissions, octal.
        mode: String,
    },
    /// No directory; the claim only binds the pod to its node.
    DelayBind,
}

pub fn validate_mounts(spec: &TServerSpec, problems: &mut Vec<Problem>) -> Mounts {
    let k8s = &spec.k8s;
    let mut mounts = Mounts::default();
    let mut names = HashSet::new();
    for (index, mount) in k8s.mounts.iter().enumerate() {
        let field = format!("spec.k8s.mounts[{index}]");
        let Some((name, source)) = validate_mount(&field, mount, problems) else { continue };
        if !names.insert(name.clone()) {
            problems.push(Problem::new(field, format!("another mount is called {name:?}, too"), "give each mount its own name"));
            continue;
        }
        let claim = choose_claim(source);
        if claim.is_some() && k8s.daemon_set {
            // Admission refuses a claim for each pod of a DaemonSet. Older objects may have one, which is skipped.
            continue;
        }
        mounts.places.push(build_mount(name.clone(), mount));
        match (claim, source.to_volume(&name)) {
            (Some(claim), _) => mounts.claims.push((name, claim)),
            (None, Some(volume)) => mounts.volumes.push(volume),
            (None, None) => {
                problems.push(Problem::new(
                    format!("{field}.source"),
                    "the source states no kind of volume",
                    "state one, for example emptyDir",
                ));
            }
        }
    }
    let on_host = k8s.host_ipc || k8s.host_network || !k8s.host_ports.is_empty();
    if on_host && !k8s.daemon_set {
        mounts.claims.push((DELAY_BIND.to_owned(), ClaimSource::Local(LocalVolume::DelayBind)));
    }
    mounts
}

/// Returns the name and the source of a mount. The schema lets name, mountPath and source be absent.
fn validate_mount<'a>(field: &str, mount: &'a Mount, problems: &mut Vec<Problem>) -> Option<(String, &'a MountSource)> {
    let name = mount.name.clone().unwrap_or_default();
    if name.is_empty() {
        problems.push(Problem::new(format!("{field}.name"), "the field is missing", "name the volume"));
    } else if name.chars().any(|c| c.is_ascii_uppercase()) {
        let remedy = format!("use {:?}", name.to_lowercase());
        problems.push(Problem::new(
            format!("{field}.name"),
            format!("Kubernetes does not accept upper-case letters in {name:?}"),
            remedy,
        ));
    }
    if mount.mount_path.as_deref().is_none_or(str::is_empty) {
        problems.push(Problem::new(format!("{field}.mountPath"), "the field is missing", "say where to mount the volume"));
    }
    let Some(source) = &mount.source else {
        problems.push(Problem::new(format!("{field}.source"), "the field is missing", "state the volume to mount"));
        return None;
    };
    Some((name, source))
}

fn build_mount(name: String, mount: &Mount) -> VolumeMount {
    let mut built = VolumeMount { name, ..VolumeMount::from(mount) };
    built.sub_path = built.sub_path.filter(|path| !path.is_empty());
    built.sub_path_expr = built.sub_path_expr.filter(|path| !path.is_empty());
    built
}

fn choose_claim(source: &MountSource) -> Option<ClaimSource> {
    if let Some(volume) = &source.t_local_volume {
        let (uid, gid, mode) = (volume.uid.clone(), volume.gid.clone(), volume.mode.clone());
        return Some(ClaimSource::Local(LocalVolume::Directory { uid, gid, mode }));
    }
    let template = source.persistent_volume_claim_template.as_ref()?;
    let metadata = Box::new(template.metadata.as_ref().map(Into::into).unwrap_or_default());
    Some(ClaimSource::Stated { metadata, spec: Box::new((&template.spec).into()) })
}
