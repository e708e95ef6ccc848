//! The fixture of the tests of all rules, and the test of their numbers.

mod idempotence;

use super::{Operation, Request, Resource};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// An owned request. Where the rules allow it, names differ from app, server and namespace, so that a test finds swapped fields.
pub(super) struct Fixture {
    pub operation: Operation,
    pub resource: Resource,
    pub user: &'static str,
    pub object: Value,
    pub old: Value,
    pub now: Timestamp,
}

impl Fixture {
    pub fn create(resource: Resource, object: Value) -> Self {
        let now = "2026-03-04T15:06:07Z".parse().unwrap();
        Self { operation: Operation::Create, resource, user: "somebody", object, old: Value::Null, now }
    }

    pub fn delete(resource: Resource, old: Value) -> Self {
        Self { operation: Operation::Delete, old, ..Self::create(resource, Value::Null) }
    }

    pub fn request(&self) -> Request<'_> {
        let subject = if self.object.is_null() { &self.old } else { &self.object };
        Request {
            operation: self.operation,
            resource: self.resource,
            namespace: "ledger",
            name: subject["metadata"]["name"].as_str().unwrap(),
            user: self.user,
            object: &self.object,
            old: &self.old,
            now: self.now,
            salt: *b"0123456789abcdef",
        }
    }
}

/// Lists the files of the rules.
fn list_sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list_sources(&path, found);
        } else if path.file_name().unwrap() != "tests.rs" {
            found.push(path);
        }
    }
}

/// Whether a text has the form of the number of a rule, such as `6.1.4`.
fn is_rule(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    matches!(parts.len(), 2 | 3) && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn each_number_of_a_rule_is_an_anchor_of_the_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/reference/admission.md")).unwrap();
    let mut sources = Vec::new();
    list_sources(&root.join("src/admission"), &mut sources);
    let texts: Vec<String> = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let rules: BTreeSet<&str> = texts.iter().flat_map(|text| text.split('"')).filter(|text| is_rule(text)).collect();
    assert!(rules.contains("6.1.4") && rules.len() > 30, "the sources were not read: {rules:?}");
    let missing: Vec<&&str> = rules.iter().filter(|rule| !page.contains(&format!("**{rule}** *"))).collect();
    assert!(missing.is_empty(), "{missing:?} are no rules of docs/reference/admission.md");
}

/// Rules that no test on a cluster can try, each with the reason.
const WITHOUT_CLUSTER: [(&str, &str); 4] = [
    ("6.1.16", "no webhook of today stores an object that breaks a rule"),
    ("6.1.19", "the schema refuses such an object earlier"),
    ("6.2.11", "the controller does it: its tests have the rule controller 7.10.6"),
    ("6.4.6", "no webhook of today stores a template whose ancestor is missing"),
];

#[test]
fn each_rule_is_tried_on_a_cluster_or_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/reference/admission.md")).unwrap();
    let numbers = page.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let rules: BTreeSet<&str> = numbers.filter(|rule| rule.starts_with(['5', '6']) && rule.split('.').count() == 3).collect();
    let mut sources = Vec::new();
    list_sources(&root.join("../../integration/e2e/tests"), &mut sources);
    let texts: Vec<String> = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let tried: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii() || !is_part(c as u8)))
        .map(|word| word.trim_matches('.'))
        .collect();
    assert!(rules.len() > 70 && tried.contains("6.1.4"), "{rules:?}");
    for rule in rules {
        let excused = WITHOUT_CLUSTER.iter().any(|(other, _)| *other == rule);
        assert!(tried.contains(rule) != excused, "rule {rule} needs a case in integration/e2e/tests, or a reason here");
    }
}
