//! Finds the nodes that can run a server, by their labels alone.

use crate::views::NodeView;
use std::sync::Arc;
use tars_common::{
    node_labels,
    v1beta3::{NodeSelectorOperator, NodeSelectorRule, TServerSpec},
};

/// A demand that a server makes on the labels of a node.
enum Demand<'a> {
    Label(String),
    Rule(&'a NodeSelectorRule),
}

/// Explains why no node satisfies every demand of `spec`; `None` if some node does.
pub fn explain_mismatch(namespace: &str, spec: &TServerSpec, nodes: &[Arc<NodeView>]) -> Option<String> {
    if nodes.is_empty() {
        return Some("the cluster has no node; add one".to_owned());
    }
    let demands = list_demands(namespace, spec);
    if nodes.iter().any(|node| demands.iter().all(|demand| demand.holds(node))) {
        return None;
    }
    if let Some(demand) = demands.iter().find(|demand| !nodes.iter().any(|node| demand.holds(node))) {
        return Some(format!("0 of {} nodes {}", nodes.len(), demand.explain()));
    }
    let all: Vec<String> = demands.iter().map(Demand::describe).collect();
    Some(format!("0 of {} nodes satisfy all of: {}; label a node accordingly", nodes.len(), all.join(", ")))
}

/// The demands of `spec` in words, each with the number of nodes that satisfy it.
pub fn count_matches(namespace: &str, spec: &TServerSpec, nodes: &[Arc<NodeView>]) -> Vec<(String, usize)> {
    let count = |demand: &Demand<'_>| nodes.iter().filter(|node| demand.holds(node)).count();
    list_demands(namespace, spec).iter().map(|demand| (demand.describe(), count(demand))).collect()
}

/// How many nodes can run pods of the server and hold its local volume called `mount`.
pub fn count_with_volumes(namespace: &str, spec: &TServerSpec, nodes: &[Arc<NodeView>], mount: &str) -> usize {
    let mut demands = list_demands(namespace, spec);
    demands.extend(node_labels::find_for_volume(mount).map(|key| Demand::Label(key.to_owned())));
    nodes.iter().filter(|node| demands.iter().all(|demand| demand.holds(node))).count()
}

/// The demands, in the order in which an administrator prepares a node.
fn list_demands<'a>(namespace: &str, spec: &'a TServerSpec) -> Vec<Demand<'a>> {
    let mut demands: Vec<_> = node_labels::find_for_pods(namespace, spec).into_keys().map(Demand::Label).collect();
    demands.extend(spec.k8s.node_selector.iter().map(Demand::Rule));
    demands
}

impl Demand<'_> {
    fn holds(&self, node: &NodeView) -> bool {
        let rule = match self {
            Self::Label(key) => return node.labels.contains_key(key),
            Self::Rule(rule) => rule,
        };
        let value = rule.key.as_ref().and_then(|key| node.labels.get(key));
        let compare = |holds: fn(i64, i64) -> bool| {
            let (have, limit) =
                (value.and_then(|value| value.parse().ok()), rule.values.first().and_then(|value| value.parse().ok()));
            have.zip(limit).is_some_and(|(have, limit)| holds(have, limit))
        };
        match rule.operator {
            Some(NodeSelectorOperator::In) => value.is_some_and(|value| rule.values.contains(value)),
            Some(NodeSelectorOperator::NotIn) => value.is_none_or(|value| !rule.values.contains(value)),
            Some(NodeSelectorOperator::Exists) => value.is_some(),
            Some(NodeSelectorOperator::DoesNotExist) => value.is_none(),
            Some(NodeSelectorOperator::Gt) => compare(|have, limit| have > limit),
            Some(NodeSelectorOperator::Lt) => compare(|have, limit| have < limit),
            None => true,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Label(key) => format!("label {key}"),
            Self::Rule(rule) => {
                let operator = rule.operator.map_or("", NodeSelectorOperator::as_str);
                let text = format!("label {} {operator} {}", rule.key.as_deref().unwrap_or_default(), rule.values.join(","));
                text.trim_end().to_owned()
            }
        }
    }

    fn explain(&self) -> String {
        match self {
            Self::Label(key) => format!("have the label {key}; add it to a node: kubectl label node NODE {key}="),
            Self::Rule(rule) if compares_with_text(rule) => format!(
                "satisfy spec.k8s.nodeSelector: {}; its value is no integer, so no node ever matches; correct the selector",
                self.describe()
            ),
            Self::Rule(_) => format!("satisfy spec.k8s.nodeSelector: {}; label a node, or correct the selector", self.describe()),
        }
    }
}

/// Whether the rule compares with a value that is no integer. Kubernetes accepts that, and it matches no node.
fn compares_with_text(rule: &NodeSelectorRule) -> bool {
    matches!(rule.operator, Some(NodeSelectorOperator::Gt | NodeSelectorOperator::Lt))
        && rule.values.iter().any(|value| value.parse::<i64>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(k8s: &serde_json::Value) -> TServerSpec {
        serde_json::from_value(json!({"app": "Ledger", "server": "Audit", "subType": "normal", "normal": {}, "k8s": k8s}))
            .unwrap()
    }

    fn nodes(labels: &[&[(&str, &str)]]) -> Vec<Arc<NodeView>> {
        let node = |labels: &&[(&str, &str)]| {
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Arc::new(NodeView { labels, deleting: false })
        };
        labels.iter().map(node).collect()
    }

    #[test]
    fn the_first_demand_that_no_node_satisfies_is_named_with_the_command_that_helps() {
        let why = explain_mismatch("bank", &spec(&json!({})), &nodes(&[&[("zone", "a")]])).unwrap();
        assert_eq!(
            why,
            "0 of 1 nodes have the label tars.io/node.bank; add it to a node: kubectl label node NODE tars.io/node.bank="
        );
        let pool = spec(&json!({"abilityAffinity": "ServerRequired"}));
        let why = explain_mismatch("bank", &pool, &nodes(&[&[("tars.io/node.bank", "")]])).unwrap();
        assert!(why.contains("tars.io/ability.bank.Ledger-Audit"), "{why}");
    }

    #[test]
    fn every_operator_is_judged_as_the_scheduler_does() {
        let cases = [
            ("In", json!(["a", "b"]), true),
            ("In", json!(["c"]), false),
            ("NotIn", json!(["a"]), false),
            ("NotIn", json!(["c"]), true),
            ("Exists", json!([]), true),
            ("DoesNotExist", json!([]), false),
        ];
        let node = nodes(&[&[("tars.io/node.bank", ""), ("zone", "a"), ("cores", "16")]]);
        for (operator, values, matches) in cases {
            let spec = spec(&json!({"nodeSelector": [{"key": "zone", "operator": operator, "values": values}]}));
            assert_eq!(explain_mismatch("bank", &spec, &node).is_none(), matches, "{operator} {values}");
        }
        for (operator, limit, matches) in [("Gt", "15", true), ("Gt", "16", false), ("Lt", "17", true), ("Lt", "x", false)] {
            let spec = spec(&json!({"nodeSelector": [{"key": "cores", "operator": operator, "values": [limit]}]}));
            assert_eq!(explain_mismatch("bank", &spec, &node).is_none(), matches, "{operator} {limit}");
        }
    }

    #[test]
    fn a_comparison_with_a_text_is_explained() {
        let spec = spec(&json!({"nodeSelector": [{"key": "cores", "operator": "Gt", "values": ["many"]}]}));
        let why = explain_mismatch("bank", &spec, &nodes(&[&[("tars.io/node.bank", ""), ("cores", "16")]])).unwrap();
        let expected = "0 of 1 nodes satisfy spec.k8s.nodeSelector: label cores Gt many; its value is no integer, so no node ever matches; correct the selector";
        assert_eq!(why, expected);
    }

    #[test]
    fn demands_that_only_different_nodes_satisfy_are_all_named() {
        let spec = spec(&json!({"nodeSelector": [{"key": "zone", "operator": "In", "values": ["a"]}]}));
        let why = explain_mismatch("bank", &spec, &nodes(&[&[("tars.io/node.bank", "")], &[("zone", "a")]])).unwrap();
        assert!(why.contains("label tars.io/node.bank, label zone In a"), "{why}");
    }
}
