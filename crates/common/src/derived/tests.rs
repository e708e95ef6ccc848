//! The chart's templates name every derived kind.

use super::*;
use crate::{admission::Resource, names::label};
use regex::Regex;
use serde_json::Value;

const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../helm/tarscontroller/templates");

/// Reads the YAML documents of a template of the chart. The values that Helm fills in become `x`.
fn read_template(file: &str) -> Vec<Value> {
    let path = format!("{TEMPLATES}/{file}");
    let mut text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    for (action, value) in [(r"(?s)\{\{-? */\*.*?\*/ *-?\}\}", ""), (r"(?m)^\s*(\{\{.*?\}\}\s*)+$", ""), (r"\{\{.*?\}\}", "x")] {
        text = Regex::new(action).unwrap().replace_all(&text, value).into_owned();
    }
    text.split("---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{path}: {error}")))
        .collect()
}

fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn has(list: &Value, text: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|one| one == text))
}

/// The webhooks of a kind of configuration.
fn webhooks(kind: &str) -> Vec<Value> {
    let configurations = read_template("webhook-configurations.yaml");
    let configuration = configurations.iter().find(|document| document["kind"] == kind).unwrap();
    list(configuration, "/webhooks").cloned().collect()
}

#[test]
fn the_controller_may_do_what_it_needs_with_each_derived_kind() {
    let documents = read_template("controller-rbac.yaml");
    let role = documents.iter().find(|document| document["kind"] == "ClusterRole").unwrap();
    let may = |group: &str, resource: &str, verb: &str| {
        list(role, "/rules")
            .any(|rule| has(&rule["apiGroups"], group) && has(&rule["resources"], resource) && has(&rule["verbs"], verb))
    };
    for kind in DerivedKind::ALL {
        let Descriptor { group, plural, writes_status, verbs, .. } = *kind.descriptor();
        for verb in verbs {
            assert!(may(group, plural, verb), "controller-rbac.yaml does not allow the controller to {verb} {plural}");
        }
        assert_eq!(verbs.contains(&"get"), may(group, plural, "get"), "controller-rbac.yaml: get {plural}");
        let patches_status = may(group, &format!("{plural}/status"), "patch");
        assert_eq!(patches_status, writes_status, "controller-rbac.yaml: patch {plural}/status");
    }
}

#[test]
fn the_webhook_sees_each_change_of_a_protected_kind_and_no_other_object() {
    let hooks = webhooks("ValidatingWebhookConfiguration");
    let selected = |hook: &&Value| {
        let keys: Vec<_> = list(hook, "/objectSelector/matchExpressions").map(|one| (&one["key"], &one["operator"])).collect();
        [label::SERVER_APP, label::SERVER_NAME].iter().all(|key| keys.iter().any(|(k, o)| *k == key && *o == "Exists"))
    };
    let rules: Vec<_> = hooks.iter().filter(selected).flat_map(|hook| list(hook, "/rules")).collect();
    for kind in DerivedKind::ALL {
        let Descriptor { group, version, plural, protected, .. } = *kind.descriptor();
        let rule = rules.iter().find(|rule| has(&rule["apiGroups"], group) && has(&rule["resources"], plural));
        assert_eq!(rule.is_some(), protected, "webhook-configurations.yaml: a rule for {plural} with the labels of a server");
        if let Some(rule) = rule {
            let complete =
                has(&rule["apiVersions"], version) && ["CREATE", "UPDATE"].iter().all(|verb| has(&rule["operations"], verb));
            assert!(complete, "webhook-configurations.yaml: the rule for {plural} is incomplete: {rule}");
        }
    }
}

#[test]
fn admission_has_rules_for_every_resource_that_the_chart_registers() {
    for hook in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"].into_iter().flat_map(webhooks) {
        for rule in list(&hook, "/rules") {
            for (group, plural) in
                list(rule, "/apiGroups").flat_map(|group| list(rule, "/resources").map(move |one| (group, one)))
            {
                // A review names the resource and the subresource apart.
                let resource = plural.as_str().unwrap().split('/').next().unwrap();
                let known = Resource::of(group.as_str().unwrap(), resource);
                assert!(
                    known.is_some(),
                    "webhook-configurations.yaml registers {group} {plural}, and admission does not know it"
                );
            }
        }
    }
}

#[test]
fn each_kind_has_the_names_that_kubernetes_expects() {
    for kind in DerivedKind::ALL {
        let Descriptor { kind: name, group, singular, plural, .. } = *kind.descriptor();
        assert_eq!((singular, plural), (&*name.to_lowercase(), &*format!("{singular}s")));
        assert_eq!(DerivedKind::of(group, plural), Some(*kind));
        assert_eq!(kind.resource().kind, name);
    }
    assert_eq!(DerivedKind::of("apps", "services"), None);
}

/// A thief of the controller's token can change nothing that people write, and no node or pod beyond what the controller does.
#[test]
fn the_controller_may_do_no_more_than_it_needs_with_what_others_make() {
    let documents = read_template("controller-rbac.yaml");
    let role = documents.iter().find(|document| document["kind"] == "ClusterRole").unwrap();
    let writes = |group: &str, resource: &str| -> Vec<&Value> {
        let rules = list(role, "/rules").filter(|rule| has(&rule["apiGroups"], group) && has(&rule["resources"], resource));
        rules
            .flat_map(|rule| list(rule, "/verbs"))
            .filter(|verb| !["get", "list", "watch"].iter().any(|read| verb == read))
            .collect()
    };
    for kind in ["tservers", "ttemplates", "tplugins", "tframeworkkeys", "tframeworkconfigs"] {
        assert_eq!(writes("k8s.tars.io", kind), [""; 0], "{kind}");
    }
    assert_eq!(writes("", "nodes"), ["patch"]);
    assert_eq!(writes("", "pods"), ["delete"]);
    assert_eq!(writes("", "pods/status"), [""; 0]);
    let everything = |rule: &Value| ["apiGroups", "resources", "verbs"].iter().any(|field| has(&rule[*field], "*"));
    assert!(!list(role, "/rules").any(everything));
}
