//! TTree: applications and their businesses (docs/reference/admission.md#5.3 and docs/reference/admission.md#6.3).

use crate::{
    admission::{
        denial::Denial,
        facts::{Facts, Query},
        json,
        request::{Operation, Request},
        resource::Resource,
    },
    names::TREE,
};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn list_queries(request: &Request<'_>) -> Vec<Query> {
    match request.operation {
        Operation::Create => vec![Query::Tree],
        Operation::Update if !request.is_from_controller() => {
            find_removed_apps(request).into_iter().map(|app| Query::ServerOfApp(app.to_owned())).collect()
        }
        Operation::Update | Operation::Delete => Vec::new(),
    }
}

/// Detaches applications from businesses that the tree does not have.
pub(super) fn mutate(request: &Request<'_>, object: &mut Value) -> Result<(), Denial> {
    detach_apps(object);
    // Without a name, the API server has yet to generate it.
    if request.operation == Operation::Create && !request.name.is_empty() { validate_name(request) } else { Ok(()) }
}

fn detach_apps(object: &mut Value) {
    let businesses: BTreeSet<String> = names(object, "/businesses").map(str::to_owned).collect();
    let Some(apps) = object.get_mut("apps").and_then(Value::as_array_mut) else { return };
    for app in apps {
        let detached = !json::text(app, "/businessRef").is_empty() && !businesses.contains(json::text(app, "/businessRef"));
        if detached && let Some(app) = app.as_object_mut() {
            app.insert("businessRef".to_owned(), Value::from(""));
        }
    }
}

pub(super) fn validate(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    match request.operation {
        Operation::Create => {
            validate_name(request)?;
            if facts.tree_exists {
                return Err(refuse_creation());
            }
            validate_unique(request.object)
        }
        Operation::Update if request.is_from_controller() => Ok(()),
        Operation::Update => {
            validate_unique(request.object)?;
            validate_removed_apps(request, facts)
        }
        Operation::Delete if request.name != TREE || request.is_from_controller() || request.is_from_kubernetes() => Ok(()),
        Operation::Delete => {
            Err(Denial::forbidden("6.3.4", "delete ttree operation is defined", "the framework needs the ttree, edit it instead"))
        }
    }
}

fn validate_name(request: &Request<'_>) -> Result<(), Denial> {
    if request.name == TREE { Ok(()) } else { Err(refuse_creation()) }
}

fn refuse_creation() -> Denial {
    let remedy = format!("a namespace has exactly one ttree, and its name is {TREE}");
    Denial::forbidden("6.3.1", "create ttree operation is defined", remedy).at("metadata.name")
}

fn validate_unique(object: &Value) -> Result<(), Denial> {
    for (word, pointer) in [("business", "/businesses"), ("app", "/apps")] {
        let mut seen = BTreeSet::new();
        if let Some((index, name)) = names(object, pointer).enumerate().find(|(_, name)| !seen.insert(*name)) {
            let reason = format!("duplicate {word} name : {name}");
            let denial = Denial::invalid("6.3.2", Resource::Tree, reason, "remove the second entry");
            return Err(denial.at(format!("{pointer}[{index}].name")));
        }
    }
    Ok(())
}

fn validate_removed_apps(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    let used = find_removed_apps(request).into_iter().find_map(|app| Some((app, facts.server_of_app.get(app)?)));
    match used {
        None => Ok(()),
        Some((app, server)) => {
            let reason = format!("cannot delete ttree/apps[{app}] because it is reference by some tserver");
            Err(Denial::invalid(
                "6.3.3",
                Resource::Tree,
                reason,
                format!("tserver {server} belongs to the application, delete that tserver first"),
            )
            .at("apps"))
        }
    }
}

fn find_removed_apps<'a>(request: &Request<'a>) -> Vec<&'a str> {
    let kept: BTreeSet<&str> = names(request.object, "/apps").collect();
    names(request.old, "/apps").filter(|name| !kept.contains(name)).collect()
}

fn names<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    json::list(object, pointer).iter().map(|entry| json::text(entry, "/name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{mutate, tests::Fixture, validate};
    use serde_json::json;

    fn tree(apps: &[(&str, &str)], businesses: &[&str]) -> Value {
        let apps: Vec<Value> = apps.iter().map(|(name, business)| json!({"name": name, "businessRef": business})).collect();
        let businesses: Vec<Value> = businesses.iter().map(|name| json!({"name": name, "show": name, "weight": 3})).collect();
        json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TTree", "metadata": {"name": TREE}, "apps": apps, "businesses": businesses})
    }

    #[test]
    fn apps_of_a_removed_business_are_detached() {
        let fixture = Fixture::create(Resource::Tree, tree(&[("Pay", "money"), ("Shop", "gone"), ("Free", "")], &["money"]));
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(
            stored["apps"],
            json!([{"name": "Pay", "businessRef": "money"}, {"name": "Shop", "businessRef": ""}, {"name": "Free", "businessRef": ""}])
        );
    }

    #[test]
    fn there_is_one_tree_and_its_names_are_unique() {
        let there = Facts { tree_exists: true, ..Facts::default() };
        let cases = [
            ("tars-tree", tree(&[], &[]), Facts::default(), None),
            ("tars-tree", tree(&[], &[]), there, Some("create ttree operation is defined;")),
            ("oak", tree(&[], &[]), Facts::default(), Some("create ttree operation is defined;")),
            (
                "tars-tree",
                tree(&[("A", ""), ("A", "")], &[]),
                Facts::default(),
                Some("ttree resource is invalid : duplicate app name : A;"),
            ),
            (
                "tars-tree",
                tree(&[], &["b", "b"]),
                Facts::default(),
                Some("ttree resource is invalid : duplicate business name : b;"),
            ),
        ];
        for (name, mut object, facts, expected) in cases {
            object["metadata"]["name"] = json!(name);
            let fixture = Fixture::create(Resource::Tree, object);
            assert_eq!(mutate(&fixture.request(), &facts).is_err(), name != TREE, "the schema has the rule about the name, too");
            let text = validate(&fixture.request(), &facts).err().map(|denied| denied.to_string());
            assert_eq!(text.as_deref().map(|text| &text[..=text.find(';').unwrap()]), expected);
        }
    }

    #[test]
    fn an_app_with_servers_stays() {
        let mut fixture = Fixture::create(Resource::Tree, tree(&[("Shop", "")], &[]));
        fixture.operation = Operation::Update;
        fixture.old = tree(&[("Shop", ""), ("Pay", "")], &[]);
        assert_eq!(list_queries(&fixture.request()), [Query::ServerOfApp("Pay".to_owned())]);
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
        let used = Facts { server_of_app: [("Pay".to_owned(), "pay-bank".to_owned())].into(), ..Facts::default() };
        let text = validate(&fixture.request(), &used).unwrap_err().to_string();
        assert!(
            text.contains("cannot delete ttree/apps[Pay] because it is reference by some tserver; tserver pay-bank"),
            "{text}"
        );
        fixture.user = crate::names::CONTROLLER_USER;
        assert!(validate(&fixture.request(), &used).is_ok());
    }

    #[test]
    fn the_tree_goes_only_with_its_namespace() {
        let mut fixture = Fixture::delete(Resource::Tree, tree(&[], &[]));
        assert!(validate(&fixture.request(), &Facts::default()).is_err());
        fixture.user = "system:serviceaccount:kube-system:namespace-controller";
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
    }
}
