//! Each test builds a cluster and compares the plans of its agents.

use super::*;
use serde_json::{Value, json};

const NOW: &str = "2026-03-04T15:06:07Z";

fn labels(mount: &str) -> Value {
    json!({"tars.io/ServerApp": "Trade", "tars.io/ServerName": "Audit", "tars.io/LocalVolume": mount})
}

fn node(name: &str) -> Arc<Node> {
    let node = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": format!("host-of-{name}"), "tars.io/node": "", "tars.io/SupportLocalVolume": ""}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    Arc::new(serde_json::from_value(node).unwrap())
}

fn claim(namespace: &str, mount: &str, ordinal: u32, phase: &str, volume: Option<&str>) -> Arc<PersistentVolumeClaim> {
    let claim = json!({
        "metadata": {"name": format!("{mount}-trade-audit-{ordinal}"), "namespace": namespace, "labels": labels(mount), "uid": format!("uid-{mount}-{ordinal}")},
        "spec": {
            "storageClassName": "tars-storage-class", "accessModes": ["ReadWriteOnce"], "volumeName": volume,
            "resources": {"requests": {"storage": "2G"}}, "selector": {"matchLabels": labels(mount)},
        },
        "status": {"phase": phase},
    });
    Arc::new(serde_json::from_value(claim).unwrap())
}

fn pod(namespace: &str, ordinal: u32, mounts: &[&str]) -> Arc<Pod> {
    let volumes: Vec<Value> = mounts
        .iter()
        .map(|mount| json!({"name": mount, "persistentVolumeClaim": {"claimName": format!("{mount}-trade-audit-{ordinal}")}}))
        .collect();
    let pod = json!({
        "metadata": {"name": format!("trade-audit-{ordinal}"), "namespace": namespace, "labels": labels("x"), "creationTimestamp": NOW},
        "spec": {"containers": [], "volumes": volumes}, "status": {"phase": "Pending"},
    });
    Arc::new(serde_json::from_value(pod).unwrap())
}

#[derive(Default)]
struct Cluster {
    claims: Vec<Arc<PersistentVolumeClaim>>,
    volumes: Vec<Arc<PersistentVolume>>,
    pods: Vec<Arc<Pod>>,
    nodes: Vec<Arc<Node>>,
    later: SignedDuration,
}

impl Cluster {
    fn waiting(namespace: &str, pods: u32, mounts: &[&str], nodes: usize) -> Self {
        let mut cluster = Self { nodes: (0..nodes).map(|number| node(&format!("node-{number}"))).collect(), ..Self::default() };
        for ordinal in 0..pods {
            cluster.pods.push(pod(namespace, ordinal, mounts));
            cluster.claims.extend(mounts.iter().map(|mount| claim(namespace, mount, ordinal, "Pending", None)));
        }
        cluster
    }

    fn plan(&self, me: &str) -> Vec<Step> {
        plan(&World {
            me,
            host_root: "/data",
            policy: "Delete",
            claims: &self.claims,
            volumes: &self.volumes,
            pods: &self.pods,
            nodes: &self.nodes,
            now: NOW.parse::<Timestamp>().unwrap() + self.later,
        })
    }

    /// Lets every agent plan, adds the planned volumes in `phase`, and returns their number.
    fn provision(&mut self, phase: &str) -> usize {
        let names: Vec<String> = self.nodes.iter().map(|node| node.name_any()).collect();
        let made = names.iter().flat_map(|name| self.plan(name)).filter_map(|step| match step {
            Step::Make(new) => Some(stored(new.volume, phase)),
            _ => None,
        });
        let made: Vec<_> = made.collect();
        self.volumes.extend(made.iter().cloned());
        made.len()
    }
}

fn stored(volume: PersistentVolume, phase: &str) -> Arc<PersistentVolume> {
    let mut volume = volume;
    volume.metadata.creation_timestamp = serde_json::from_value(json!(NOW)).unwrap();
    volume.status = serde_json::from_value(json!({"phase": phase})).unwrap();
    Arc::new(volume)
}

/// Binds a volume to a claim, both ways.
fn bind(cluster: &mut Cluster, volume: usize, claim_index: usize) {
    let claim = Arc::make_mut(&mut cluster.claims[claim_index]);
    let volume = Arc::make_mut(&mut cluster.volumes[volume]);
    let reference = json!({"namespace": claim.metadata.namespace, "name": claim.metadata.name, "uid": claim.metadata.uid});
    volume.spec.as_mut().unwrap().claim_ref = serde_json::from_value(reference).unwrap();
    volume.status = serde_json::from_value(json!({"phase": "Bound"})).unwrap();
    claim.spec.as_mut().unwrap().volume_name = volume.metadata.name.clone();
    claim.status = serde_json::from_value(json!({"phase": "Bound"})).unwrap();
}

#[test]
fn a_volume_is_what_the_claims_of_its_server_select() {
    let cluster = Cluster::waiting("ledger", 1, &["data"], 1);
    let steps = cluster.plan("node-0");
    let [Step::Make(new)] = steps.as_slice() else { panic!("{steps:?}") };
    let expected = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {
            "name": new.identity.format_volume_name("node-0"), "labels": labels("data"),
            "annotations": {"pv.kubernetes.io/provisioned-by": "tars-local-volume-provisioner"},
        },
        "spec": {
            "capacity": {"storage": "2G"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "tars-storage-class",
            "persistentVolumeReclaimPolicy": "Delete", "local": {"path": "/data/ledger/Trade.Audit/data"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": ["host-of-node-0"]},
            ]}]}},
        },
    });
    let mut object = serde_json::to_value(&new.volume).unwrap();
    object.sort_all_objects();
    let mut expected = expected;
    expected.sort_all_objects();
    assert_eq!(object, expected);
    assert_eq!(Identity::of_volume(&new.volume).as_ref(), Some(&new.identity));
}

#[test]
fn a_hundred_nodes_make_one_volume_per_claim_and_then_none() {
    let mut cluster = Cluster::waiting("ledger", 4, &["data", "log"], 100);
    assert_eq!(cluster.provision("Available"), 8);
    let hosts: BTreeSet<String> = cluster.volumes.iter().map(|volume| read_volume(volume).unwrap().host.to_owned()).collect();
    assert_eq!(hosts.len(), 4, "both volumes of a pod are on one node");
    assert_eq!(cluster.provision("Available"), 0);
}

#[test]
fn without_a_waiting_pod_nothing_is_made() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 3);
    cluster.pods.clear();
    assert_eq!(cluster.provision("Available"), 0);
}

#[test]
fn a_pod_that_goes_on_waiting_gets_a_second_place_which_goes_when_it_is_not_needed() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 5);
    assert_eq!(cluster.provision("Available"), 1);
    cluster.later = placement::WIDEN_AFTER;
    assert_eq!(cluster.provision("Available"), 1);
    bind(&mut cluster, 1, 0);
    cluster.pods.clear();
    let removals = |cluster: &Cluster| -> Vec<Step> {
        let steps = cluster.nodes.iter().flat_map(|node| cluster.plan(&node.name_any()));
        steps.filter(|step| matches!(step, Step::Remove { .. })).collect()
    };
    assert!(removals(&cluster).is_empty(), "not at once");
    cluster.later = IDLE;
    let gone = removals(&cluster);
    assert_eq!(gone, [Step::Remove { volume: cluster.volumes[0].clone(), reason: "no pod waits for it" }]);
}

#[test]
fn a_volume_that_the_scheduler_overlooked_is_shown_again_for_a_while() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 1);
    cluster.provision("Available");
    assert_eq!(cluster.plan("node-0"), [Step::Remind { volume: cluster.volumes[0].clone() }]);
    cluster.later = IDLE;
    assert_eq!(cluster.plan("node-0"), [], "a pod that waits for something else causes no writes for ever");
    cluster.later = SignedDuration::ZERO;
    bind(&mut cluster, 0, 0);
    assert!(!cluster.plan("node-0").iter().any(|step| matches!(step, Step::Remind { .. })));
}

#[test]
fn a_pod_that_has_one_volume_gets_the_other_on_the_same_node() {
    let mut cluster = Cluster::waiting("ledger", 2, &["data"], 20);
    cluster.provision("Available");
    bind(&mut cluster, 0, 0);
    bind(&mut cluster, 1, 1);
    // A mount is added. The controller makes the StatefulSet again, and each pod waits for a second claim.
    for ordinal in 0..2 {
        cluster.pods[ordinal] = pod("ledger", u32::try_from(ordinal).unwrap(), &["data", "log"]);
        cluster.claims.push(claim("ledger", "log", u32::try_from(ordinal).unwrap(), "Pending", None));
    }
    assert_eq!(cluster.provision("Available"), 2);
    let host = |index: usize| read_volume(&cluster.volumes[index]).unwrap().host.to_owned();
    assert_eq!(BTreeSet::from([host(0), host(1)]), BTreeSet::from([host(2), host(3)]));
}

#[test]
fn a_volume_goes_with_its_claim_and_only_then() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 1);
    cluster.provision("Available");
    bind(&mut cluster, 0, 0);
    cluster.pods.clear();
    let steps = |cluster: &Cluster| cluster.plan("node-0");
    assert!(matches!(steps(&cluster).as_slice(), [Step::Own { .. }]));
    let released = |cluster: &mut Cluster| {
        Arc::make_mut(&mut cluster.volumes[0]).status = serde_json::from_value(json!({"phase": "Released"})).unwrap();
    };
    released(&mut cluster);
    assert!(!steps(&cluster).iter().any(|step| matches!(step, Step::Remove { .. })), "the claim is still there");
    cluster.claims.clear();
    assert_eq!(steps(&cluster), [Step::Remove { volume: cluster.volumes[0].clone(), reason: "its claim is gone" }]);
    // A later claim of the same name has another uid.
    let mut again = Cluster::waiting("ledger", 1, &["data"], 1).claims;
    Arc::make_mut(&mut again[0]).metadata.uid = Some("another".to_owned());
    cluster.claims = again;
    assert!(steps(&cluster).iter().any(|step| matches!(step, Step::Remove { .. })));
}

#[test]
fn a_lost_volume_is_made_again_under_its_name() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 2);
    cluster.provision("Available");
    bind(&mut cluster, 0, 0);
    let name = cluster.volumes[0].name_any();
    cluster.volumes.clear();
    cluster.pods.clear();
    Arc::make_mut(&mut cluster.claims[0]).status = serde_json::from_value(json!({"phase": "Lost"})).unwrap();
    assert_eq!(cluster.provision("Available"), 1);
    assert_eq!(cluster.volumes[0].name_any(), name);
}

#[test]
fn two_namespaces_with_the_same_server_are_served_one_after_the_other() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 3);
    let other = Cluster::waiting("backup", 1, &["data"], 0);
    cluster.claims.extend(other.claims);
    cluster.pods.extend(other.pods);
    assert_eq!(cluster.provision("Available"), 1);
    assert_eq!(read_volume(&cluster.volumes[0]).unwrap().identity.namespace, "backup");
    bind(&mut cluster, 0, 1);
    cluster.pods.pop();
    assert_eq!(cluster.provision("Available"), 1);
    assert_eq!(read_volume(&cluster.volumes[1]).unwrap().identity.namespace, "ledger");
}

#[test]
fn claims_that_cannot_be_served_are_told_so_by_one_node() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 3);
    Arc::make_mut(&mut cluster.claims[0]).spec.as_mut().unwrap().selector = None;
    let steps: Vec<Step> = cluster.nodes.iter().flat_map(|node| cluster.plan(&node.name_any())).collect();
    let [Step::Complain { problem, .. }] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(problem.starts_with("spec.selector.matchLabels has no tars.io/ServerApp;"), "{problem}");
}

#[test]
fn foreign_objects_are_never_touched() {
    let mut cluster = Cluster::waiting("ledger", 1, &["data"], 1);
    cluster.pods.clear();
    Arc::make_mut(&mut cluster.claims[0]).spec.as_mut().unwrap().storage_class_name = Some("other".to_owned());
    let mut volume = Cluster::waiting("ledger", 1, &["data"], 1);
    volume.provision("Released");
    let mut foreign = (*volume.volumes[0]).clone();
    foreign.spec.as_mut().unwrap().storage_class_name = Some("other".to_owned());
    let mut elsewhere = (*volume.volumes[0]).clone();
    elsewhere.spec.as_mut().unwrap().local.as_mut().unwrap().path = "/srv/data".to_owned();
    cluster.volumes = vec![Arc::new(foreign), Arc::new(elsewhere)];
    cluster.later = IDLE * 10;
    assert_eq!(cluster.plan("node-0"), []);
}
