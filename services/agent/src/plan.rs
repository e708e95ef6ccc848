//! Plans the steps of this node from the objects of the cluster. Pure: no client, no clock, no disk.
//!
//! | the cluster has | step |
//! | --- | --- |
//! | a pod that waits for a claim, and this node is among the chosen ones ([`crate::placement`]) | make directory and volume |
//! | a bound claim of a volume of this node | ensure owner and mode of the directory |
//! | a claim that lost its volume, which was on this node | make the volume again, for the same directory |
//! | a volume of this node whose claim is gone | remove the volume; **the directory stays** |
//! | a new volume of this node that a pod waits for | touch the volume, so that the scheduler looks again |
//! | a volume of this node that nobody used and no pod waits for | remove the volume; the directory stays |
//!
//! Rules (docs/reference/local-volumes.md#5 and docs/reference/local-volumes.md#6):
//! - No step removes a directory, because the server may return to its data.
//! - No step removes a volume that has a claim.
//! - Every step can be repeated. If nothing is missing, the plan contains only the check of the owners.
//! - The selector of a claim has no namespace. So servers of the same application and name in two namespaces could bind each other's
//!   volumes, and only one of the namespaces is served at a time.

use crate::{
    identity::Identity,
    owner::{DEFAULT_OWNER, Owner},
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
    names::{STORAGE_CLASS, label},
    node_labels,
};

mod volume;
pub use volume::NewVolume;

/// Least age at which an unused volume is removed. A younger one may have a pod that the agent does not see yet.
const IDLE: SignedDuration = SignedDuration::from_mins(1);

/// Everything that a plan depends on.
pub struct World<'a> {
    /// Name of this node.
    pub me: &'a str,
    /// Directory of all local volumes on this node.
    pub host_root: &'a str,
    /// Reclaim policy for new volumes.
    pub policy: &'a str,
    /// Claims with the label `tars.io/LocalVolume`.
    pub claims: &'a [Arc<PersistentVolumeClaim>],
    /// Volumes with the same label.
    pub volumes: &'a [Arc<PersistentVolume>],
    /// Pods of Tars servers that do not run yet.
    pub pods: &'a [Arc<Pod>],
    pub nodes: &'a [Arc<Node>],
    pub now: Timestamp,
}

/// A step of a plan. Each can be repeated.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make the directory, then the volume.
    Make(Box<NewVolume>),
    /// Ensure that the directory of a bound claim exists with this owner and mode.
    Own { claim: Arc<PersistentVolumeClaim>, identity: Identity, owner: Owner },
    /// Remove the object of a volume, if it is still as the plan saw it.
    Remove { volume: Arc<PersistentVolume>, reason: &'static str },
    /// Touch a volume that a pod waits for and no claim has taken, so that the scheduler notices it.
    ///
    /// The scheduler keeps volumes in its own cache. When a new volume makes the scheduler look at a waiting pod again, this cache may
    /// not have the volume yet. Then the scheduler looks again only after five minutes, unless the volume changes. The step is planned
    /// at once, but taken only if it is still planned a moment later.
    Remind { volume: Arc<PersistentVolume> },
    /// Tell the owner of a claim what is wrong with it.
    Complain { claim: Arc<PersistentVolumeClaim>, problem: String },
}

/// A claim of a local volume with its identity.
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

/// A local volume with its identity and the hostname that it is bound to.
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

/// Plans the steps, the most urgent ones first.
pub fn plan(world: &World<'_>) -> Vec<Step> {
    // Without the object of the node, its hostname is unknown.
    let Some(host) = world.nodes.iter().find(|node| node.name_any() == world.me).map(|node| get_hostname(node)) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    let claims = read_claims(world, &mut steps);
    let volumes: Vec<Volume<'_>> = world.volumes.iter().filter_map(read_volume).collect();
    let waiting = group_waiting_pods(world, &claims);
    for claim in claims.values() {
        steps.extend(plan_claim(world, claim, &volumes, host));
    }
    steps.extend(waiting.iter().flat_map(|group| plan_new_volumes(world, group, &claims, &volumes, host)));
    let mine = volumes.iter().filter(|volume| volume.host == host);
    steps.extend(mine.filter_map(|volume| plan_volume(world, volume, &claims, &waiting)));
    steps
}

/// The hostname that binds volumes to the node, or the name of the node if the label is missing (docs/reference/local-volumes.md#4.7).
fn get_hostname(node: &Node) -> &str {
    node.labels().get(label::HOSTNAME).or(node.metadata.name.as_ref()).map_or("", String::as_str)
}

type ClaimKey<'a> = (&'a str, &'a str);

/// Reads the claims of local volumes, and complains about those that cannot be served.
fn read_claims<'a>(world: &World<'a>, steps: &mut Vec<Step>) -> BTreeMap<ClaimKey<'a>, Claim<'a>> {
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
            // All agents see this claim. One of them complains (docs/reference/local-volumes.md#5.2).
            Err(problem) if is_first(world) => steps.push(complain(object, &problem)),
            Err(_) => {}
        }
    }
    claims
}

fn complain(claim: &Arc<PersistentVolumeClaim>, problem: &impl ToString) -> Step {
    Step::Complain { claim: claim.clone(), problem: problem.to_string() }
}

/// Whether the name of this node comes before those of all others.
fn is_first(world: &World<'_>) -> bool {
    world.nodes.iter().filter_map(|node| node.metadata.name.as_deref()).min() == Some(world.me)
}

fn read_volume(object: &Arc<PersistentVolume>) -> Option<Volume<'_>> {
    Some(Volume { object, identity: Identity::of_volume(object)?, host: find_host(object)? })
}

/// Finds the hostname that a volume is bound to.
pub fn find_host(volume: &PersistentVolume) -> Option<&String> {
    let required = volume.spec.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    let mut expressions = required.node_selector_terms.iter().flat_map(|term| term.match_expressions.iter().flatten());
    expressions.find(|expression| expression.key == label::HOSTNAME)?.values.as_ref()?.first()
}

/// Pods of one server that wait for volumes.
struct Group<'a> {
    /// Any of the pods: all are placed alike.
    pod: &'a Pod,
    pods: usize,
    /// When the oldest of the pods was created.
    since: Timestamp,
    /// Claims without a volume.
    pending: BTreeSet<ClaimKey<'a>>,
    /// Mounts of the pods that are local volumes, with or without a volume.
    mounts: BTreeSet<&'a str>,
}

fn group_waiting_pods<'a>(world: &World<'a>, claims: &BTreeMap<ClaimKey<'a>, Claim<'a>>) -> Vec<Group<'a>> {
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
            get_label(pod, label::SERVER_APP),
            get_label(pod, label::SERVER_NAME),
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
    keep_one_namespace(groups)
}

/// Keeps one group for each application and server name: that of the first namespace (docs/reference/local-volumes.md#11.7).
fn keep_one_namespace<'a>(groups: BTreeMap<(&str, &str, &str), Group<'a>>) -> Vec<Group<'a>> {
    let mut served = BTreeSet::new();
    groups.into_iter().filter(|((_, app, server), _)| served.insert((*app, *server))).map(|(_, group)| group).collect()
}

fn get_label<'a>(pod: &'a Pod, key: &str) -> &'a str {
    pod.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map_or("", String::as_str)
}

/// Plans the volumes that this node makes for a group.
fn plan_new_volumes(
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
        // The claims of this namespace could take that volume. It must go first.
        return Vec::new();
    }
    // A node is taken if another pod of the server has one of the missing volumes there.
    let taken = |node: &Node| {
        let held = |volume: &Volume<'_>| {
            volume.host == get_hostname(node) && volume.is_claimed() && pending.contains_key(&volume.identity)
        };
        volumes.iter().any(held)
    };
    let required = list_node_labels(group);
    let bound_to = find_bound_hosts(group, claims, volumes);
    let nodes = world.nodes.iter().map(AsRef::as_ref).filter(|node| bound_to.is_empty() || bound_to.contains(get_hostname(node)));
    // A pod that has a volume already can run only on the node of that volume.
    let pods = if bound_to.is_empty() { group.pods } else { bound_to.len() };
    let chosen = placement::choose_nodes(group.pod, pods, group.since, world.now, nodes, taken, &required);
    if !chosen.contains(&world.me) {
        return Vec::new();
    }
    let missing = pending.iter().filter(|(identity, _)| !exists(volumes, identity, host));
    missing.map(|(identity, claim)| make_volume(world, claim, identity, identity.format_volume_name(world.me), host)).collect()
}

/// Lists the labels that a node needs to make the volumes of a group. Agents run only on nodes with the first label.
fn list_node_labels(group: &Group<'_>) -> Vec<&'static str> {
    let for_volumes: BTreeSet<&str> = group.mounts.iter().filter_map(|mount| node_labels::find_for_volume(mount)).collect();
    [label::NODE].into_iter().chain(for_volumes).collect()
}

fn exists(volumes: &[Volume<'_>], identity: &Identity, host: &str) -> bool {
    volumes.iter().any(|volume| volume.identity == *identity && volume.host == host)
}

/// Finds the hosts of volumes that pods of the group have already.
fn find_bound_hosts<'a>(
    group: &Group<'_>,
    claims: &BTreeMap<ClaimKey<'_>, Claim<'_>>,
    volumes: &'a [Volume<'_>],
) -> BTreeSet<&'a str> {
    // All claims of a pod end with its name: MOUNT-SERVER-ORDINAL.
    let pods: BTreeSet<&str> =
        group.pending.iter().filter_map(|(_, name)| find_pod(name, &find_mount(claims, group, name))).collect();
    let tied = |volume: &&Volume<'_>| {
        let reference = volume.object.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        let Some((namespace, name)) = reference.and_then(|claim| Some((claim.namespace.as_deref()?, claim.name.as_deref()?)))
        else {
            return false;
        };
        group.pod.metadata.namespace.as_deref() == Some(namespace)
            && find_pod(name, &volume.identity.mount).is_some_and(|pod| pods.contains(pod))
    };
    volumes.iter().filter(tied).map(|volume| volume.host).collect()
}

fn find_mount(claims: &BTreeMap<ClaimKey<'_>, Claim<'_>>, group: &Group<'_>, name: &str) -> String {
    let namespace = group.pod.metadata.namespace.as_deref().unwrap_or_default();
    claims.get(&(namespace, name)).map(|claim| claim.identity.mount.clone()).unwrap_or_default()
}

/// Finds the name of the pod that a claim belongs to.
fn find_pod<'a>(claim: &'a str, mount: &str) -> Option<&'a str> {
    claim.strip_prefix(mount)?.strip_prefix('-')
}

fn make_volume(world: &World<'_>, claim: &Claim<'_>, identity: &Identity, name: String, host: &str) -> Step {
    let owner = Owner::of_claim(claim.object).unwrap_or(DEFAULT_OWNER);
    Step::Make(Box::new(NewVolume::new(claim.object.clone(), identity.clone(), owner, name, host, world.host_root, world.policy)))
}

/// Plans the steps for a claim that has, or had, a volume on this node.
fn plan_claim(world: &World<'_>, claim: &Claim<'_>, volumes: &[Volume<'_>], host: &str) -> Vec<Step> {
    if claim.is_leaving() || !claim.identity.has_volume_name(claim.volume_name(), world.me) {
        return Vec::new();
    }
    match claim.phase() {
        "Bound" => match Owner::of_claim(claim.object) {
            Ok(owner) => vec![Step::Own { claim: claim.object.clone(), identity: claim.identity.clone(), owner }],
            Err(problem) => vec![complain(claim.object, &problem)],
        },
        // Somebody removed the volume. Its data is still here, and the claim binds to a new volume of the same name.
        "Lost" if !exists(volumes, &claim.identity, host) => {
            vec![make_volume(world, claim, &claim.identity, claim.volume_name().to_owned(), host)]
        }
        _ => Vec::new(),
    }
}

/// Plans the step for a volume of this node: to remove it, or to make the scheduler notice it.
fn plan_volume(
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
            let age = compute_age(world, volume);
            let wanted = waiting.iter().flat_map(|group| &group.pending).any(|key| claims[key].identity == volume.identity);
            match wanted {
                // Only while the volume is new: a pod that waits for something else must not cause writes for ever.
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

fn compute_age(world: &World<'_>, volume: &Volume<'_>) -> SignedDuration {
    let made = volume.object.metadata.creation_timestamp.as_ref().map_or(world.now, |time| time.0);
    world.now.duration_since(made)
}

#[cfg(test)]
mod tests;
