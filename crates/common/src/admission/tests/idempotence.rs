//! A second mutation changes nothing, and the first one changes only what it owns: tried on objects that are built by chance from
//! the schemas of all kinds.

use super::Fixture;
use crate::{
    admission::{ConfigFacts, Facts, NodeImage, Operation, ReleaseFacts, Resource, mutate},
    by_chance::{Dice, build, list_differences, schema},
    crd::{CrdOptions, build_all},
    structural,
    version::Version,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static DEFINITIONS: LazyLock<Vec<CustomResourceDefinition>> = LazyLock::new(|| build_all(&CrdOptions::default()));

/// The kinds that a mutation changes, and the members that it owns. A path also stands for everything below it.
const OWNED: [(&str, &[&str]); 6] = [
    (
        "TServer",
        &[
            ".metadata.labels.tars.io/",
            ".spec.k8s.notStacked",
            ".spec.k8s.readinessGate",
            ".spec.k8s.replicas",
            ".spec.normal.ports",
            ".spec.release",
        ],
    ),
    (
        "TConfig",
        &[
            ".metadata.annotations.tars.io/ActivatedAt",
            ".metadata.annotations.tars.io/LiveSince",
            ".metadata.finalizers",
            ".metadata.labels.tars.io/",
            ".updateTime",
            ".version",
        ],
    ),
    ("TTemplate", &[".metadata.labels.tars.io/Parent", ".spec"]),
    ("TTree", &[".apps"]),
    ("TAccount", &[".spec.authentication"]),
    ("TImage", &[".metadata.labels.tars.io/", ".releases"]),
];

/// Builds an object of a kind as the API server hands it to a mutation: with the defaults of its schema.
fn build_object(definition: &CustomResourceDefinition, version: Version, dice: &mut Dice) -> Value {
    let mut object = build(schema(definition, version).unwrap(), "", dice);
    let kind = definition.spec.names.kind.as_str();
    let annotations = [
        ("tars.io/AutoRelease", ["true", "false"]),
        ("tars.io/MinReplicas", ["0", "2"]),
        ("tars.io/MaxReplicas", ["3", "99"]),
        ("tars.io/ActivatedAt", ["2026-01-01T00:00:00.000000Z", "forged"]),
        ("mine", ["kept", "é"]),
    ];
    let mut metadata = json!({"name": "by-chance", "labels": {"mine": "kept", "tars.io/ServerID": "forged"}, "annotations": {}});
    for (key, values) in annotations {
        if dice.roll(2) == 0 {
            metadata["annotations"][key] = json!(dice.pick(&values));
        }
    }
    let header = json!({"apiVersion": version.api_version(), "kind": kind, "metadata": metadata});
    object.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    name_by_its_identity(&mut object, kind, dice);
    complete(&mut object, version);
    object
}

/// Sets the members whose rules hardly any value obeys by chance.
fn name_by_its_identity(object: &mut Value, kind: &str, dice: &mut Dice) {
    match kind {
        "TServer" => {
            object["metadata"]["name"] = json!("trade-audit");
            (object["spec"]["app"], object["spec"]["server"]) = (json!("Trade"), json!("Audit"));
            if object.pointer("/spec/tars").is_some() {
                object["spec"]["tars"]["template"] = json!("leaf");
            }
        }
        "TTree" => {
            object["metadata"]["name"] = json!("tars-tree");
            let businesses = json!([{"name": "One", "show": "1", "weight": 1}, {"name": "Two", "show": "2", "weight": 2}]);
            object["businesses"] = businesses;
            for app in object["apps"].as_array_mut().into_iter().flatten() {
                app["businessRef"] = json!(dice.pick(&["One", "Two", "Three", ""]));
            }
        }
        _ => {}
    }
}

fn complete(object: &mut Value, version: Version) {
    let kind = object["kind"].as_str().unwrap().to_owned();
    structural::complete(object, structural::find_schema(&kind, version, &[]).unwrap());
}

/// Answers to all questions, which stay the same during a review.
fn build_facts(dice: &mut Dice) -> Facts {
    let by_chance = |dice: &mut Dice| dice.roll(2) == 0;
    let live = ConfigFacts {
        name: "earlier".to_owned(),
        pod_seq: Some("m".to_owned()),
        activated: true,
        deactivating: false,
        deleting: false,
        activation: None,
    };
    let release = ReleaseFacts { id: "v7".to_owned(), image: "repo/audit:7".to_owned(), secret: String::new() };
    Facts {
        node_image: Some(NodeImage { image: "repo/node:1".to_owned(), secret: "pull".to_owned() }),
        image_release: by_chance(dice).then_some(release),
        configs: if by_chance(dice) { vec![live] } else { Vec::new() },
        ..Facts::default()
    }
}

/// Mutates twice, as a creation or as an update of another object of the kind. Returns whether the object was accepted.
fn check_mutation(definition: &CustomResourceDefinition, version: Version, seed: u64) -> Result<bool, String> {
    let kind = definition.spec.names.kind.as_str();
    let resource = Resource::of_kind(kind).unwrap();
    let mut dice = Dice(seed);
    let facts = build_facts(&mut dice);
    let mut fixture = Fixture::create(resource, build_object(definition, version, &mut dice));
    if dice.roll(2) == 0 {
        fixture.operation = Operation::Update;
        fixture.old = build_object(definition, version, &mut dice);
    }
    let Ok(mut first) = mutate(&fixture.request(), &facts) else { return Ok(false) };
    let mut changed = Vec::new();
    list_differences(&fixture.object, &first, "", &mut changed);
    let owned = OWNED.iter().find(|(other, _)| *other == kind).map_or(&[][..], |(_, paths)| *paths);
    changed.retain(|change| !owned.iter().any(|path| change.starts_with(path)));
    if !changed.is_empty() {
        return Err(format!("the mutation of a {kind} changes what it does not own: {changed:?}"));
    }

    complete(&mut first, version);
    fixture.object = first.clone();
    let again = mutate(&fixture.request(), &facts).map_err(|denied| format!("the second time: {denied}"))?;
    let mut differences = Vec::new();
    list_differences(&first, &again, "", &mut differences);
    fixture.operation = Operation::Update;
    fixture.old = first.clone();
    fixture.now += jiff::SignedDuration::from_hours(30);
    let unchanged = mutate(&fixture.request(), &facts).map_err(|denied| format!("an update without a change: {denied}"))?;
    list_differences(&first, &unchanged, "", &mut differences);
    if differences.is_empty() { Ok(true) } else { Err(format!("a second mutation of a {kind} changes {differences:?}")) }
}

fn list_kinds() -> impl Iterator<Item = (&'static CustomResourceDefinition, Version)> {
    let has_rules = |definition: &&CustomResourceDefinition| Resource::of_kind(&definition.spec.names.kind).is_some();
    let versions = [Version::V1Beta2, Version::V1Beta3];
    DEFINITIONS.iter().filter(has_rules).flat_map(move |definition| {
        versions.into_iter().filter(|version| schema(definition, *version).is_some()).map(move |version| (definition, version))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_second_mutation_changes_nothing(seed in any::<u64>()) {
        for (definition, version) in list_kinds() {
            check_mutation(definition, version, seed).map_err(TestCaseError::fail)?;
        }
    }
}

/// A generator whose objects are all refused would prove nothing.
#[test]
fn most_objects_by_chance_are_accepted() {
    for (definition, version) in list_kinds() {
        let accepted = (0..40).filter(|seed| check_mutation(definition, version, *seed).unwrap()).count();
        let kind = &definition.spec.names.kind;
        assert!(accepted >= 10, "only {accepted} of 40 objects of {kind} in {} are accepted", version.as_str());
    }
}
