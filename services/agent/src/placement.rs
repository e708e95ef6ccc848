//! Chooses the nodes that make volumes for waiting pods (docs/reference/local-volumes.md#11.3).
//!
//! The storage class has no provisioner, so the scheduler places a pod only where a volume exists already. The agents of K8SFramework
//! make a volume on each node, and one of them is used. Here all agents choose the same few nodes, without talking to each other:
//!
//! 1. A node is eligible if it can run the pod (labels, selector, required affinity, taints, readiness) and has no claimed volume of it.
//! 2. Eligible nodes are ranked by the pod's preferred affinity, and then by a hash of server and node. All agents compute the same
//!    ranking.
//! 3. Each waiting pod gets one node, in the order of the ranking.
//! 4. An agent does not know whether another node has room, or whether its agent runs. Then pods go on waiting, and the number of nodes
//!    doubles every [`WIDEN_AFTER`]. In the worst case each eligible node makes a volume. Unused volumes are removed later.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint, Toleration};
use kube::ResourceExt;
use std::cmp::Reverse;
use tars_common::names::label;

/// How long a pod waits before more nodes make a volume for it. An agent needs well below a second to make one, and the scheduler looks
/// again within a second.
pub const WIDEN_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// Chooses nodes for `waiting` pods like `pod`, and returns their names. The oldest of the pods was created at `since`. A node must have
/// all labels in `required`, and must not be `taken` by a volume of another pod of the server.
pub fn choose_nodes<'a>(
    pod: &Pod,
    waiting: usize,
    since: Timestamp,
    now: Timestamp,
    nodes: impl Iterator<Item = &'a Node>,
    taken: impl Fn(&Node) -> bool,
    required: &[&str],
) -> Vec<&'a str> {
    let label = |key| pod.labels().get(key).map_or("", String::as_str);
    let server = format!("{}/{}.{}", pod.namespace().unwrap_or_default(), label(label::SERVER_APP), label(label::SERVER_NAME));
    let labelled = |node: &Node| required.iter().all(|key| node.labels().contains_key(*key));
    let mut ranked: Vec<_> = nodes
        .filter(|node| labelled(node) && !taken(node))
        .filter_map(|node| {
            let name = node.metadata.name.as_deref()?;
            Some(((Reverse(rate_node(pod, node)?), compute_rank(&server, name)), name))
        })
        .collect();
    ranked.sort_unstable();
    ranked.truncate(waiting.saturating_mul(compute_widening(now.duration_since(since))));
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// Computes the factor for the number of nodes. It begins with 1 and doubles after each period. The bound prevents an overflow.
fn compute_widening(waited: SignedDuration) -> usize {
    let periods = (waited.as_secs() / WIDEN_AFTER.as_secs()).clamp(0, 16);
    1 << periods
}

/// Computes a number that all agents agree on, and that spreads the servers over the nodes.
fn compute_rank(server: &str, node: &str) -> u64 {
    let bytes = server.bytes().chain([0]).chain(node.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // FNV alone gives close numbers to names that differ in their last letter only.
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Computes how much the pod prefers the node. `None` if the pod cannot run there.
fn rate_node(pod: &Pod, node: &Node) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let is_ready = is_ready(node) && node.spec.as_ref().is_none_or(|spec| !spec.unschedulable.unwrap_or(false));
    let selected = spec.node_selector.iter().flatten().all(|(key, value)| node.labels().get(key) == Some(value));
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let tolerated = taints.filter(|taint| taint.effect != "PreferNoSchedule").all(|taint| is_tolerated(taint, tolerations));
    if !(is_ready && selected && tolerated) {
        return None;
    }
    let Some(affinity) = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()) else { return Some(0) };
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref();
    if !required.is_none_or(|required| required.node_selector_terms.iter().any(|term| is_term_met(term, node))) {
        return None;
    }
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten();
    Some(preferred.filter(|term| is_term_met(&term.preference, node)).map(|term| term.weight).sum())
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True")
}

fn is_tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|toleration| {
        let effect = toleration.effect.as_deref().is_none_or(|effect| effect.is_empty() || effect == taint.effect);
        let key = toleration.key.as_deref().unwrap_or_default();
        let value = match toleration.operator.as_deref() {
            Some("Exists") => key.is_empty() || key == taint.key,
            _ => {
                key == taint.key && toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default()
            }
        };
        effect && value
    })
}

/// Whether the node meets all requirements of a term. No node meets an empty term.
fn is_term_met(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let by_label =
        |requirement: &NodeSelectorRequirement| is_met(requirement, node.labels().get(&requirement.key).map(String::as_str));
    // The API server admits no other field than `metadata.name`.
    let by_field = |requirement: &NodeSelectorRequirement| is_met(requirement, node.metadata.name.as_deref());
    !(expressions.is_empty() && fields.is_empty()) && expressions.iter().all(by_label) && fields.iter().all(by_field)
}

fn is_met(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = value.is_some_and(|value| values.iter().any(|listed| listed == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let compared = || Some((number(value?)?, number(values.first()?)?));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared().is_some_and(|(value, bound)| value > bound),
        "Lt" => compared().is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, labels: &[&str]) -> Node {
        let labels: serde_json::Map<_, _> = labels.iter().map(|label| ((*label).to_owned(), json!(""))).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels}, "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap()
    }

    fn pod() -> Pod {
        let terms = json!([{"matchExpressions": [{"key": "tars.io/node.ledger", "operator": "Exists"}]}]);
        let preferred = json!([{"weight": 30, "preference": {"matchExpressions": [{"key": "tars.io/ability.ledger.Trade", "operator": "Exists"}]}}]);
        serde_json::from_value(json!({
            "metadata": {"name": "trade-audit-0", "namespace": "ledger", "labels": {"tars.io/ServerName": "Audit"}},
            "spec": {"containers": [], "affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
                "preferredDuringSchedulingIgnoredDuringExecution": preferred,
            }}},
        }))
        .unwrap()
    }

    const FRAMEWORK: &[&str] = &["tars.io/node", "tars.io/node.ledger", "tars.io/SupportLocalVolume"];

    /// The labels that a node needs for volumes that hold data.
    const DISK: &[&str] = &[label::NODE, label::SUPPORT_LOCAL_VOLUME];

    fn choose(nodes: &[Node], waiting: usize, waited: i64) -> Vec<&str> {
        let now: Timestamp = "2026-03-04T15:06:07Z".parse().unwrap();
        choose_nodes(&pod(), waiting, now - SignedDuration::from_secs(waited), now, nodes.iter(), |_| false, DISK)
    }

    fn hundred() -> Vec<Node> {
        (0..100).map(|number| node(&format!("node-{number}"), FRAMEWORK)).collect()
    }

    #[test]
    fn as_many_nodes_as_pods_whoever_asks() {
        let mut nodes = hundred();
        let first: Vec<String> = choose(&nodes, 3, 0).into_iter().map(str::to_owned).collect();
        assert_eq!(first.len(), 3);
        nodes.reverse();
        assert_eq!(choose(&nodes, 3, 0), first, "the order in which a node sees the others does not matter");
    }

    #[test]
    fn pods_that_go_on_waiting_get_more() {
        let nodes = hundred();
        let counts: Vec<usize> = [0, 9, 10, 20, 30, 1000].map(|waited| choose(&nodes, 1, waited).len()).to_vec();
        assert_eq!(counts, [1, 1, 2, 4, 8, 100]);
    }

    #[test]
    fn nodes_that_cannot_run_the_pod_are_passed_over() {
        let mut nodes = vec![
            node("other-framework", &["tars.io/node", "tars.io/node.other", "tars.io/SupportLocalVolume"]),
            node("no-agent", &["tars.io/node.ledger", "tars.io/SupportLocalVolume"]),
            node("no-volumes", &["tars.io/node", "tars.io/node.ledger"]),
            node("away", FRAMEWORK),
            node("tainted", FRAMEWORK),
            node("cordoned", FRAMEWORK),
            node("good", FRAMEWORK),
        ];
        nodes[3].status = None;
        let taint = json!({"taints": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]});
        nodes[4].spec = serde_json::from_value(taint).unwrap();
        nodes[5].spec = serde_json::from_value(json!({"unschedulable": true})).unwrap();
        assert_eq!(choose(&nodes, 9, 0), ["good"]);
        let now = Timestamp::UNIX_EPOCH;
        let mut tolerant = pod();
        let tolerations = json!([{"key": "dedicated", "operator": "Exists"}]);
        tolerant.spec.as_mut().unwrap().tolerations = serde_json::from_value(tolerations).unwrap();
        let mut names = choose_nodes(&tolerant, 9, now, now, nodes.iter(), |_| false, &DISK[..1]);
        names.sort_unstable();
        assert_eq!(names, ["good", "no-volumes", "tainted"], "delay-bind needs no support for local volumes");
    }

    #[test]
    fn preferred_nodes_come_first_and_taken_ones_never() {
        let mut nodes = hundred();
        nodes.push(node("pool", &[FRAMEWORK, &["tars.io/ability.ledger.Trade"]].concat()));
        assert_eq!(choose(&nodes, 1, 0), ["pool"]);
        let now = Timestamp::UNIX_EPOCH;
        let taken = |node: &Node| node.name_any() == "pool";
        assert_ne!(choose_nodes(&pod(), 1, now, now, nodes.iter(), taken, DISK), ["pool"]);
    }

    #[test]
    fn servers_are_spread() {
        let nodes = hundred();
        let mut used = std::collections::BTreeSet::new();
        for number in 0..40 {
            let mut pod = pod();
            pod.metadata.labels = Some([(label::SERVER_NAME.to_owned(), format!("Server{number}"))].into());
            let now = Timestamp::UNIX_EPOCH;
            used.extend(choose_nodes(&pod, 1, now, now, nodes.iter(), |_| false, DISK));
        }
        assert!(used.len() > 25, "{} nodes for 40 servers", used.len());
    }
}
