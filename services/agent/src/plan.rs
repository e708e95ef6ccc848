//! What is to be done on this node, from what the cluster says. Pure.
//!
//! | seen | step |
//! | --- | --- |
//! | a pod waits for a claim, and this node is among the chosen ones ([`crate::placement`]) | make directory and volume |
//! | a bound claim of a volume of this node | make sure of the directory's owner and mode |
//! | a claim that lost its volume, which was of this node | make the volume again, for the same directory |
//! | a volume of this node whose claim is gone | remove the volume; **the directory stays** |
//! | a fresh volume of this node that a pod still waits for | touch the volume, so that the scheduler looks again |
//! | a volume of this node that was never used and that no pod waits for | remove the volume; the directory stays |
//!
//! Rules:
//! - Directories are made and given owners, never removed: the same server may come back to its data.
//! - A volume that has a claim is never removed.
//! - Every step is safe to repeat, and the plan of a settled world is empty (owners aside, which cost a look at the disk).
//! - Volumes of one application and server in two namespaces look alike to Kubernetes, because the selector of the claims has no
//!   namespace. So that none binds the other's data, only one namespace is served at a time.

use crate::{
    disk::Owner,
    identity::{Identity, Unusable},
    placement,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tars_common::{
    names::{STORAGE_CLASS, annotation, label},
    node_labels,
};

mod volume;
pub use volume::Making;

/// An unused volume is removed no earlier than this after it was made: its pod may just be on its way.
const IDLE: SignedDuration = SignedDuration::from_mins(1);

/// What the cluster says.
pub struct World<'a> {
    /// Name of this node.
    pub me: &'a str,
    /// Where the root of local volumes is on this node.
    pub host_root: &'a str,
    /// Reclaim policy of the storage class.
    pub policy: &'a str,
    /// Claims with the label `tars.io/LocalVolume`.
    pub claims: &'a [Arc<PersistentVolumeClaim>],
    /// Volumes with the same label.
    pub volumes: &'a [Arc<PersistentVolume>],
    /// Pods of Tars servers that do not run yet.
    pub pods: &'a [Arc<Pod>],
    /// Nodes for Tars servers.
    pub nodes: &'a [Arc<Node>],
    /// The time.
    pub now: Timestamp,
}

/// One thing to do. Each is safe to repeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make the directory, then the volume.
    Make(Box<Making>),
    /// Make sure of a bound claim's directory.
    Own {
        /// For events.
        claim: Arc<PersistentVolumeClaim>,
        /// Whose directory.
        identity: Identity,
        /// Its owner and mode.
        owner: Owner,
    },
    /// Remove a volume object, if it is still as it was seen.
    Remove {
        /// The volume.
        volume: Arc<PersistentVolume>,
        /// Why.
        reason: &'static str,
    },
    /// Change an annotation of a volume that nobody took yet.
    ///
    /// The scheduler keeps volumes in a cache of its own, which can be a moment behind the event that makes it look at a waiting pod
    /// again; it then finds nothing and does not look for another five minutes, unless the volume changes. Planned for each volume that
    /// is wanted and free, and to be taken only if that is still so after a moment.
    Remind {
        /// The volume.
        volume: Arc<PersistentVolume>,
    },
    /// Tell the owner of a claim what is wrong with it.
    Complain {
        /// The claim.
        claim: Arc<PersistentVolumeClaim>,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// A claim of our class with what it says.
struct Claim<'a> {
    object: &'a Arc<PersistentVolumeClaim>,
    identity: Identity,
}

impl Claim<'_> {
    fn phase(&self) -> &str {
        self.object.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
    }

    fn volume_name(&self) -> &str {
        self.object.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default()
    }

    fn is_leaving(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }
}

/// A volume of our class with what it says.
struct Volume<'a> {
    object: &'a Arc<PersistentVolume>,
    identity: Identity,
    host: &'a str,
}

impl Volume<'_> {
    fn phase(&self) -> &str {
        self.object.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
    }

    fn is_claimed(&self) -> bool {
        self.object.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_some())
    }

    fn is_leaving(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }
}

/// What there is to do, in the order in which it is best done.
pub fn plan(world: &World<'_>) -> Vec<Step> {
    // A node that the API server does not list (yet) has no hostname to bind volumes to.
    let Some(host) = world.nodes.iter().find(|node| node.name_any() == world.me).map(|node| hostname(node)) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    let claims = usable_claims(world, &mut steps);
    let volumes: Vec<Volume<'_>> = world.volumes.iter().filter_map(read_volume).collect();
    let waiting = waiting(world, &claims);
    for claim in claims.values() {
        steps.extend(look_after(world, claim, &volumes, host));
    }
    steps.extend(waiting.iter().flat_map(|group| provision(world, group, &claims, &volumes, host)));
    let mine = volumes.iter().filter(|volume| volume.host == host);
    steps.extend(mine.filter_map(|volume| tend(world, volume, &claims, &waiting)));
    steps
}

/// The value by which volumes are bound to the node; its name where the label is missing.
fn hostname(node: &Node) -> &str {
    node.labels().get(label::HOSTNAME).or(node.metadata.name.as_ref()).map_or("", String::as_str)
}

type ClaimKey<'a> = (&'a str, &'a str);

fn usable_claims<'a>(world: &World<'a>, steps: &mut Vec<Step>) -> BTreeMap<ClaimKey<'a>, Claim<'a>> {
    let mut claims = BTreeMap::new();
    for object in world.claims {
        let class = object.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
        let (Some(namespace), Some(name)) = (object.metadata.namespace.as_deref(), object.metadata.name.as_deref()) else {
            continue;
        };
        if class != Some(STORAGE_CLASS) {
            continue;
        }
        match Identity::of_claim(object) {
            Ok(identity) => {
                claims.insert((namespace, name), Claim { object, identity });
            }
            // Every node sees this; the first one in the alphabet says it.
            Err(problem) if is_first(world) => steps.push(complain(object, &problem)),
            Err(_) => {}
        }
    }
    claims
}

fn complain(claim: &Arc<PersistentVolumeClaim>, problem: &Unusable) -> Step {
    Step::Complain { claim: claim.clone(), problem: problem.to_string() }
}

fn is_first(world: &World<'_>) -> bool {
    world.nodes.iter().filter_map(|node| node.metadata.name.as_deref()).min() == Some(world.me)
}

fn read_volume(object: &Arc<PersistentVolume>) -> Option<Volume<'_>> {
    Some(Volume { object, identity: Identity::of_volume(object)?, host: host_of(object)? })
}

/// The hostname that a volume is bound to.
pub fn host_of(volume: &PersistentVolume) -> Option<&String> {
    let required = volume.spec.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    let mut expressions = required.node_selector_terms.iter().flat_map(|term| term.match_expressions.iter().flatten());
    expressions.find(|expression| expression.key == label::HOSTNAME)?.values.as_ref()?.first()
}

/// Pods of one server that cannot be scheduled before they have volumes.
struct Group<'a> {
    pod: &'a Pod,
    pods: usize,
    since: Timestamp,
    /// The claims that are missing a volume.
    pending: BTreeSet<ClaimKey<'a>>,
    /// All mounts of the server that are local volumes.
    mounts: BTreeSet<&'a str>,
}

fn waiting<'a>(world: &World<'a>, claims: &BTreeMap<ClaimKey<'a>, Claim<'a>>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(&str, &str, &str), Group<'a>> = BTreeMap::new();
    let unplaced = |pod: &&Arc<Pod>| {
        pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_none()) && pod.metadata.deletion_timestamp.is_none()
    };
    for pod in world.pods.iter().filter(unplaced) {
        let Some(namespace) = pod.metadata.namespace.as_deref() else { continue };
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let names = volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()));
        let own: Vec<(ClaimKey<'a>, &Claim<'a>)> =
            names.filter_map(|name| claims.get_key_value(&(namespace, name)).map(|(key, claim)| (*key, claim))).collect();
        let pending = || {
            own.iter().filter(|(_, claim)| claim.phase() == "Pending" && claim.volume_name().is_empty() && !claim.is_leaving())
        };
        let Some((_, first)) = pending().next() else { continue };
        let key = (
            first.object.metadata.namespace.as_deref().unwrap_or_default(),
            pod_label(pod, label::SERVER_APP),
            pod_label(pod, label::SERVER_NAME),
        );
        let made = pod.metadata.creation_timestamp.as_ref().map_or(world.now, |time| time.0);
        let group = groups.entry(key).or_insert_with(|| Group {
            pod,
            pods: 0,
            since: made,
            pending: BTreeSet::new(),
            mounts: BTreeSet::new(),
        });
        group.pods += 1;
        group.since = group.since.min(made);
        group.pending.extend(pending().map(|(key, _)| *key));
        group
            .mounts
            .extend(own.iter().filter_map(|(_, claim)| claim.object.labels().get(label::LOCAL_VOLUME).map(String::as_str)));
    }
    one_namespace_each(groups)
}

/// Of servers that only their namespace tells apart, the first one.
fn one_namespace_each<'a>(groups: BTreeMap<(&str, &str, &str), Group<'a>>) -> Vec<Group<'a>> {
    let mut served = BTreeSet::new();
    groups.into_iter().filter(|((_, app, server), _)| served.insert((*app, *server))).map(|(_, group)| group).collect()
}

fn pod_label<'a>(pod: &'a Pod, key: &str) -> &'a str {
    pod.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map_or("", String::as_str)
}

/// The volumes that this node is to make for a group.
fn provision(
    world: &World<'_>,
    group: &Group<'_>,
    claims: &BTreeMap<ClaimKey<'_>, Claim<'_>>,
    volumes: &[Volume<'_>],
    host: &str,
) -> Vec<Step> {
    let pending: BTreeMap<&Identity, &Claim<'_>> =
        group.pending.iter().map(|key| (&claims[key].identity, &claims[key])).collect();
    let Some(any) = pending.keys().next() else { return Vec::new() };
    let of_server = |volume: &&Volume<'_>| {
        let other = &volume.identity;
        (&other.app, &other.server) == (&any.app, &any.server)
    };
    let foreign =
        volumes.iter().filter(of_server).any(|volume| volume.identity.namespace != any.namespace && !volume.is_claimed());
    if foreign {
        // A volume of the other namespace is free: this one's claims could take it or be taken for it. It goes first.
        return Vec::new();
    }
    // A node is taken once it holds one of the volumes that are missing here, for another pod of the server.
    let taken = |node: &Node| {
        let held =
            |volume: &Volume<'_>| volume.host == hostname(node) && volume.is_claimed() && pending.contains_key(&volume.identity);
        volumes.iter().any(held)
    };
    let required = labels_of_nodes(group);
    let bound_to = bound_hosts(group, claims, volumes);
    let nodes = world.nodes.iter().map(AsRef::as_ref).filter(|node| bound_to.is_empty() || bound_to.contains(hostname(node)));
    // Pods with a volume somewhere need that node, not the best-ranked ones.
    let pods = if bound_to.is_empty() { group.pods } else { bound_to.len() };
    let chosen = placement::chosen(group.pod, pods, group.since, world.now, nodes, taken, &required);
    if !chosen.contains(&world.me) {
        return Vec::new();
    }
    let missing = pending.iter().filter(|(identity, _)| !exists(volumes, identity, host));
    missing.map(|(identity, claim)| make(world, claim, identity, identity.volume_name(world.me), host)).collect()
}

/// Labels that a node needs to make the volumes of a group. Agents run only on nodes with the first one.
fn labels_of_nodes(group: &Group<'_>) -> Vec<&'static str> {
    let for_volumes: BTreeSet<&str> = group.mounts.iter().filter_map(|mount| node_labels::find_for_volume(mount)).collect();
    [label::NODE].into_iter().chain(for_volumes).collect()
}

fn exists(volumes: &[Volume<'_>], identity: &Identity, host: &str) -> bool {
    volumes.iter().any(|volume| volume.identity == *identity && volume.host == host)
}

/// Hosts to which waiting pods are tied by claims that are bound already.
fn bound_hosts<'a>(
    group: &Group<'_>,
    claims: &BTreeMap<ClaimKey<'_>, Claim<'_>>,
    volumes: &'a [Volume<'_>],
) -> BTreeSet<&'a str> {
    // The claims of one pod end alike: MOUNT-NAME-ORDINAL.
    let pods: BTreeSet<&str> =
        group.pending.iter().filter_map(|(_, name)| pod_of(name, &claims_mount(claims, group, name))).collect();
    let tied = |volume: &&Volume<'_>| {
        let reference = volume.object.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        let Some((namespace, name)) = reference.and_then(|claim| Some((claim.namespace.as_deref()?, claim.name.as_deref()?)))
        else {
            return false;
        };
        group.pod.metadata.namespace.as_deref() == Some(namespace)
            && pod_of(name, &volume.identity.mount).is_some_and(|pod| pods.contains(pod))
    };
    volumes.iter().filter(tied).map(|volume| volume.host).collect()
}

fn claims_mount(claims: &BTreeMap<ClaimKey<'_>, Claim<'_>>, group: &Group<'_>, name: &str) -> String {
    let namespace = group.pod.metadata.namespace.as_deref().unwrap_or_default();
    claims.get(&(namespace, name)).map(|claim| claim.identity.mount.clone()).unwrap_or_default()
}

/// Name of the pod whose claim this is.
fn pod_of<'a>(claim: &'a str, mount: &str) -> Option<&'a str> {
    claim.strip_prefix(mount)?.strip_prefix('-')
}

fn make(world: &World<'_>, claim: &Claim<'_>, identity: &Identity, name: String, host: &str) -> Step {
    let owner = owner(claim.object).unwrap_or(DEFAULT_OWNER);
    Step::Make(Box::new(Making::new(claim.object.clone(), identity.clone(), owner, name, host, world.host_root, world.policy)))
}

/// Claims that have a volume here, or had one.
fn look_after(world: &World<'_>, claim: &Claim<'_>, volumes: &[Volume<'_>], host: &str) -> Vec<Step> {
    if claim.is_leaving() || !claim.identity.has_volume_name(claim.volume_name(), world.me) {
        return Vec::new();
    }
    match claim.phase() {
        "Bound" => match owner(claim.object) {
            Ok(owner) => vec![Step::Own { claim: claim.object.clone(), identity: claim.identity.clone(), owner }],
            Err(problem) => vec![Step::Complain { claim: claim.object.clone(), problem }],
        },
        // Somebody removed the volume. The data is still here, and the claim binds to a volume of the same name again.
        "Lost" if !exists(volumes, &claim.identity, host) => {
            vec![make(world, claim, &claim.identity, claim.volume_name().to_owned(), host)]
        }
        _ => Vec::new(),
    }
}

/// What a volume of this node needs: to go, or to be noticed.
fn tend(
    world: &World<'_>,
    volume: &Volume<'_>,
    claims: &BTreeMap<ClaimKey<'_>, Claim<'_>>,
    waiting: &[Group<'_>],
) -> Option<Step> {
    if volume.is_leaving() {
        return None;
    }
    let remove = |reason| Some(Step::Remove { volume: volume.object.clone(), reason });
    match volume.phase() {
        "Released" | "Failed" if !is_claim_alive(volume, claims) => remove("its claim is gone"),
        "Available" if !volume.is_claimed() => {
            let age = age(world, volume);
            let wanted = waiting.iter().flat_map(|group| &group.pending).any(|key| claims[key].identity == volume.identity);
            match wanted {
                // For a while only: a pod that waits for something else must not cause writes for ever.
                true if age < IDLE => Some(Step::Remind { volume: volume.object.clone() }),
                false if age >= IDLE => remove("no pod waits for it"),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_claim_alive(volume: &Volume<'_>, claims: &BTreeMap<ClaimKey<'_>, Claim<'_>>) -> bool {
    let Some(reference) = volume.object.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) else { return false };
    let key = (reference.namespace.as_deref().unwrap_or_default(), reference.name.as_deref().unwrap_or_default());
    claims.get(&key).is_some_and(|claim| claim.object.metadata.uid == reference.uid)
}

fn age(world: &World<'_>, volume: &Volume<'_>) -> SignedDuration {
    let made = volume.object.metadata.creation_timestamp.as_ref().map_or(world.now, |time| time.0);
    world.now.duration_since(made)
}

const DEFAULT_OWNER: Owner = Owner { uid: 0, gid: 0, mode: 0o755 };

/// Owner and mode that the claim's annotations ask for (docs/reference/local-volumes.md#7). What is missing or empty is root's, 0755.
fn owner(claim: &PersistentVolumeClaim) -> Result<Owner, String> {
    let read = |key: &str, radix: u32, absent: u32| match claim.annotations().get(key).map(String::as_str) {
        None | Some("") => Ok(absent),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            u32::from_str_radix(text, radix).map_err(|_| format!("annotation {key} is {text:?}, which is no number of that kind"))
        }
        Some(text) => Err(format!("annotation {key} is {text:?}; write digits only, for a mode octal ones such as 0755")),
    };
    let mode = read(annotation::LOCAL_VOLUME_MODE, 8, DEFAULT_OWNER.mode)?;
    if mode > 0o777 {
        return Err(format!(
            "annotation {} is more than 777; only the nine permission bits can be set",
            annotation::LOCAL_VOLUME_MODE
        ));
    }
    Ok(Owner { uid: read(annotation::LOCAL_VOLUME_UID, 10, 0)?, gid: read(annotation::LOCAL_VOLUME_GID, 10, 0)?, mode })
}

#[cfg(test)]
mod tests;
