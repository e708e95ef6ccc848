//! The manifests that are judged together, and what they know of each other.

use super::{
    MOST_VIOLATIONS,
    finding::{Finding, Severity},
};
use crate::{
    admission::{self, ConfigFacts, Facts, NodeImage, Operation, Query, Request, Resource, list_host_ports},
    crd::CrdOptions,
    kube_syntax::is_dns_subdomain,
    names::{self, label},
    structural::{complete, find_schema, fits, list_violations},
    templates::LONGEST_CHAIN,
    version::Version,
};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// The user of the requests that a linter thinks of: somebody without special rights.
const AUTHOR: &str = "lint";

/// The rule that refuses a spec which does not fit the schema.
const UNDECODABLE: &str = "6.1.19";

/// An object that somebody wants to apply.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The object, as written.
    pub object: Value,
    /// The object of this name in the cluster, in the same version; `null` if there is none, or if it is not known.
    pub live: Value,
}

/// Something about a cluster that was taken for granted, because nobody looked at one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assumption(pub String);

/// Manifests that are judged together.
#[derive(Debug)]
pub struct Batch {
    entries: Vec<Entry>,
    now: Timestamp,
}

/// What can be said about one manifest.
#[derive(Debug)]
enum Entry {
    /// The manifest is not of our group, so there are no rules.
    Foreign,
    /// The manifest is of no kind and version that exists.
    Broken(Finding),
    Known(Box<Known>),
}

#[derive(Debug)]
struct Known {
    kind: String,
    /// `None` for a kind that admission has no rules for.
    resource: Option<Resource>,
    version: Version,
    namespace: String,
    name: String,
    /// The object with its defaults, as admission sees it.
    object: Value,
    live: Value,
}

impl Batch {
    /// Reads manifests. Those without a namespace belong to `namespace`. `now` is the time of the requests.
    pub fn new(manifests: Vec<Manifest>, namespace: &str, now: Timestamp) -> Self {
        Self { entries: manifests.into_iter().map(|manifest| Entry::read(manifest, namespace)).collect(), now }
    }

    /// The number of manifests.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no manifests.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the manifest is of our group, so that there are rules for it.
    ///
    /// # Panics
    /// If there is no manifest of this index.
    pub fn is_ours(&self, index: usize) -> bool {
        !matches!(self.entries[index], Entry::Foreign)
    }

    /// Lists the questions about the cluster that a manifest needs answered, and the namespace and name of its object. `None` if there are
    /// no questions.
    ///
    /// # Panics
    /// If there is no manifest of this index.
    pub fn list_queries(&self, index: usize) -> Option<(&str, &str, Vec<Query>)> {
        let Entry::Known(known) = &self.entries[index] else { return None };
        let mut queries = known.resource.map(|resource| admission::list_queries(&known.request(resource, self.now)))?;
        let more: Vec<Query> = queries.iter().filter_map(|query| self.follow_parents(known, query)).collect();
        queries.extend(more);
        (!queries.is_empty()).then_some((&known.namespace, &known.name, queries))
    }

    /// Templates of the batch are not in the cluster yet, so the cluster is asked about the first ancestor that the batch does not have.
    fn follow_parents(&self, known: &Known, query: &Query) -> Option<Query> {
        let Query::Lineage(name) = query else { return None };
        let templates = self.list_templates(&known.namespace);
        let mut next = templates.get(name)?;
        for _ in 0..LONGEST_CHAIN {
            match next {
                None => return None,
                Some(parent) => match templates.get(parent) {
                    None => return Some(Query::Lineage(parent.clone())),
                    Some(above) => next = above,
                },
            }
        }
        None
    }

    /// Judges one manifest. `facts` answer the questions of [`Batch::list_queries`].
    ///
    /// # Panics
    /// If there is no manifest of this index.
    pub fn judge(&self, index: usize, mut facts: Facts) -> Vec<Finding> {
        let known = match &self.entries[index] {
            Entry::Foreign => return Vec::new(),
            Entry::Broken(finding) => return vec![finding.clone()],
            Entry::Known(known) => known,
        };
        let mut findings = known.check_form();
        findings.extend(self.warn_of_repetition(index, known));
        if let Some(resource) = known.resource {
            self.add_facts(index, known, &mut facts);
            findings.extend(known.check_rules(resource, &facts, self.now));
        }
        leave_out_repetitions(&mut findings);
        findings.sort_by_key(|one| one.severity);
        findings
    }

    /// Warns about an object that stands in the batch twice.
    fn warn_of_repetition(&self, index: usize, known: &Known) -> Option<Finding> {
        let same = |one: &Known| !known.name.is_empty() && (&one.kind, &one.name) == (&known.kind, &known.name);
        self.list_known(&known.namespace).find(|(other, one)| *other < index && same(one))?;
        let problem = format!("{} {}/{} stands here twice", known.kind.to_lowercase(), known.namespace, known.name);
        Some(Finding::warning("metadata.name", problem, "remove one of the two: of what both set, the last one stays"))
    }

    /// Adds what the other manifests bring along.
    fn add_facts(&self, index: usize, known: &Known, facts: &mut Facts) {
        facts.templates.extend(self.list_templates(&known.namespace));
        for (other, one) in self.list_known(&known.namespace) {
            let text = |pointer: &str| read(&one.object, pointer).to_owned();
            match one.resource {
                Some(Resource::Framework) if one.name == names::FRAMEWORK_CONFIG => {
                    let (image, secret) = (text("/nodeImage/image"), text("/nodeImage/secret"));
                    facts.node_image = Some(NodeImage { image, secret }).filter(|node| !node.image.is_empty());
                }
                Some(Resource::Server) => {
                    let same = ["/app", "/server"]
                        .iter()
                        .all(|part| read(&known.object, part) == read(&one.object, &format!("/spec{part}")));
                    if same {
                        facts.configured_server = Some(one.name.clone());
                    }
                    if other != index {
                        let ports = list_host_ports(&one.object).into_iter();
                        facts.host_port_users.extend(ports.map(|port| (port, format!("{}/{}", one.namespace, one.name))));
                    }
                }
                Some(Resource::Config) if other != index && has_same_configuration(&one.object, &known.object) => {
                    facts.configs.retain(|config| config.name != one.name);
                    facts.configs.push(one.as_config());
                }
                _ => {}
            }
        }
    }

    fn list_known<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (usize, &'a Known)> {
        self.entries.iter().enumerate().filter_map(move |(index, entry)| match entry {
            Entry::Known(known) if known.namespace == namespace => Some((index, &**known)),
            _ => None,
        })
    }

    /// The templates of the batch with their parents, as in [`Facts::templates`].
    fn list_templates(&self, namespace: &str) -> BTreeMap<String, Option<String>> {
        let templates = self.list_known(namespace).filter(|(_, known)| known.resource == Some(Resource::Template));
        templates
            .map(|(_, template)| {
                let parent = read(&template.object, "/spec/parent");
                let parent = (!parent.is_empty() && parent != template.name).then(|| parent.to_owned());
                (template.name.clone(), parent)
            })
            .collect()
    }

    /// Answers the questions of a manifest without a cluster: what it refers to is taken for granted. Adds to `assumed` what that is, unless the batch has it.
    ///
    /// # Panics
    /// If there is no manifest of this index.
    pub fn assume(&self, index: usize, assumed: &mut Vec<Assumption>) -> Facts {
        let mut facts = Facts::default();
        let (Some((namespace, _, queries)), Entry::Known(known)) = (self.list_queries(index), &self.entries[index]) else {
            return facts;
        };
        let templates = self.list_templates(namespace);
        let has = |resource: Resource, wanted: &dyn Fn(&Known) -> bool| {
            self.list_known(namespace).any(|(_, known)| known.resource == Some(resource) && wanted(known))
        };
        let mut note = |text: String| {
            let assumption = Assumption(text);
            if !assumed.contains(&assumption) {
                assumed.push(assumption);
            }
        };
        for query in queries {
            match query {
                Query::Lineage(template) if !template.is_empty() && !templates.contains_key(&template) => {
                    note(format!("namespace {namespace} has the ttemplate {template}"));
                    facts.templates.insert(template, None);
                }
                Query::NodeImage if !has(Resource::Framework, &|known| known.name == names::FRAMEWORK_CONFIG) => {
                    note(format!("the tframeworkconfig of namespace {namespace} has a node image"));
                    facts.node_image = Some(NodeImage { image: "assumed".to_owned(), secret: String::new() });
                }
                Query::Configs { app, server, config } => {
                    let is_master = |one: &Known| {
                        has_same_configuration(&one.object, &known.object)
                            && one.as_config().activated
                            && read(&one.object, "/podSeq") == "m"
                    };
                    if read(&known.object, "/podSeq") != "m" && !has(Resource::Config, &is_master) {
                        note(format!("namespace {namespace} has an active tconfig {config} with podSeq m for {app}.{server}"));
                        facts.configs.push(assume_config());
                    }
                }
                Query::Server { app, server } => {
                    let expected = names::server_object_name(&app, &server);
                    if !has(Resource::Server, &|known| known.name == expected) {
                        note(format!("namespace {namespace} has the tserver {expected}"));
                    }
                    facts.configured_server = Some(expected);
                }
                _ => {}
            }
        }
        facts
    }
}

impl Entry {
    fn read(manifest: Manifest, namespace: &str) -> Self {
        let Manifest { mut object, live } = manifest;
        let api_version = read(&object, "/apiVersion").to_owned();
        if api_version.split('/').next() != Some(names::GROUP) {
            return Self::Foreign;
        }
        let Some(version) = Version::parse(&api_version) else {
            let known = CrdOptions::default().served.iter().map(|version| version.as_str()).collect::<Vec<_>>().join(" or ");
            let problem = format!("the group {} has no version {api_version:?}", names::GROUP);
            return Self::Broken(Finding::error("apiVersion", problem, format!("use {known}")));
        };
        let kind = read(&object, "/kind").to_owned();
        let Some(schema) = find_schema(&kind, version, &[]) else {
            let problem = format!("{api_version} has no kind {kind:?}");
            return Self::Broken(Finding::error("kind", problem, "correct the kind, or use another version of the group"));
        };
        complete(&mut object, schema);
        let own = read(&object, "/metadata/namespace");
        let namespace = if own.is_empty() { namespace } else { own }.to_owned();
        let name = read(&object, "/metadata/name").to_owned();
        let resource = Resource::of_kind(&kind);
        Self::Known(Box::new(Known { kind, resource, version, namespace, name, object, live }))
    }
}

impl Known {
    fn request(&self, resource: Resource, now: Timestamp) -> Request<'_> {
        Request {
            operation: if self.live.is_null() { Operation::Create } else { Operation::Update },
            resource,
            namespace: &self.namespace,
            name: &self.name,
            user: AUTHOR,
            object: &self.object,
            old: &self.live,
            now,
            // The hash of a password is thrown away.
            salt: [0; 16],
        }
    }

    /// Checks what the API server checks: names and the schema.
    fn check_form(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let generated = !read(&self.object, "/metadata/generateName").is_empty();
        let named = is_dns_subdomain(&self.name) || (generated && self.name.is_empty());
        if !named {
            let problem = format!("{:?} is no name of an object", self.name);
            findings.push(Finding::error("metadata.name", problem, "use lower-case letters, digits, and inner '-' and '.'"));
        }
        if self.version.is_deprecated() {
            let served = CrdOptions::default().served.contains(&self.version);
            let rare = if served { "" } else { ", and clusters serve it only where the value crds.servers of the chart says so" };
            let problem = format!("{} of {} is deprecated{rare}", self.version.as_str(), self.kind);
            let remedy = format!("write the object in {}", Version::CURRENT.as_str());
            findings.push(Finding::warning("apiVersion", problem, remedy));
        }
        if let Some(schema) = find_schema(&self.kind, self.version, &[]) {
            findings.extend(list_violations(&self.object, schema, MOST_VIOLATIONS).into_iter().map(Finding::from));
        }
        findings
    }

    /// Applies the rules of both phases of admission. The first refusal ends a phase, as in the webhook.
    fn check_rules(&self, resource: Resource, facts: &Facts, now: Timestamp) -> Vec<Finding> {
        let request = self.request(resource, now);
        let mut findings = Vec::new();
        let stored = match admission::mutate(&request, facts) {
            Ok(stored) => {
                findings.extend(admission::list_changes(&request, &stored).into_iter().map(Finding::from));
                stored
            }
            Err(denied) => {
                findings.push(Finding::refused(&denied));
                self.object.clone()
            }
        };
        // The API server asks the second phase only about objects that fit the schema. Its words would mislead about others.
        if find_schema(&self.kind, self.version, &[]).is_some_and(|schema| !fits(&stored, schema)) {
            return findings;
        }
        let stored = Request { object: &stored, ..request };
        if let Err(denied) = admission::validate(&stored, facts) {
            let refusal = Finding::refused(&denied);
            // Both phases have the rules about names.
            if !findings.contains(&refusal) {
                findings.push(refusal);
            }
        }
        findings.extend(admission::list_warnings(&stored, facts).into_iter().map(Finding::from));
        findings
    }

    fn as_config(&self) -> ConfigFacts {
        ConfigFacts {
            name: self.name.clone(),
            pod_seq: Some(read(&self.object, "/podSeq").to_owned()),
            activated: self.object.get("activated").and_then(Value::as_bool).unwrap_or(true),
            deactivating: false,
            deleting: self.object.pointer("/metadata/labels").is_some_and(|labels| labels.get(label::DELETING).is_some()),
            activation: None,
        }
    }
}

/// What the schema refuses, a rule may refuse once more, and a warning may repeat what a refusal says.
fn leave_out_repetitions(findings: &mut Vec<Finding>) {
    let errors = findings.iter().filter(|one| one.severity == Severity::Error);
    let refused: Vec<(String, &str)> = errors.map(|one| (one.field.clone(), one.rule)).collect();
    findings.retain(|one| match one.severity {
        Severity::Error => one.rule != UNDECODABLE || refused.iter().all(|(_, rule)| !rule.is_empty()),
        Severity::Warning => refused.iter().all(|(field, _)| *field != one.field),
    });
}

/// An active version of a configuration for all pods.
fn assume_config() -> ConfigFacts {
    ConfigFacts {
        name: String::new(),
        pod_seq: Some("m".to_owned()),
        activated: true,
        deactivating: false,
        deleting: false,
        activation: None,
    }
}

fn has_same_configuration(one: &Value, other: &Value) -> bool {
    ["/app", "/server", "/configName"].iter().all(|pointer| read(one, pointer) == read(other, pointer))
}

fn read<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
