//! A real API server accepts and refuses what the table of schema rules says it must.
//!
//! The definitions are installed a second time, from the same code, under groups of their own, so that neither admission nor any
//! controller has a say. Each version has its own group, else the version that is stored would add its defaults and drop what it
//! does not know. `status` is no subresource: the API server would drop it on creation, unchecked. Objects are only tried
//! (server-side dry run), none is stored.

#![allow(clippy::expect_used, reason = "a failed expectation is how a test fails, in its helpers too")]

use std::collections::BTreeMap;

use e2e::{Space, client, eventually};
use futures::{StreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tars_common::crd::cases::{self, Case, Verdict};
use tars_common::crd::table::{RULES, Table};
use tars_common::crd::{Conversion, CrdOptions, Version, all};

/// The group in which a version is tried.
fn group(version: Version) -> String {
    format!("{}.schema-test.k8s.tars.io", version.as_str())
}

const NAME: &str = "tried";

/// Requests under way; the API server has two cores to answer with.
const AT_ONCE: usize = 8;

/// The definitions under [`group`]; they go with [`Copies::delete`], and the next run replaces what a failed one left.
struct Copies {
    client: Client,
    definitions: Vec<CustomResourceDefinition>,
}

impl Copies {
    async fn install(client: Client) -> Self {
        let definitions = Version::ALL.into_iter().flat_map(of_version).collect();
        let copies = Self { client, definitions };
        let api = copies.api();
        for definition in &copies.definitions {
            let (name, params) = (definition.name_any(), PatchParams::apply("e2e").force());
            api.patch(&name, &params, &Patch::Apply(definition)).await.expect("the API server takes the definition");
        }
        for definition in &copies.definitions {
            let name = definition.name_any();
            eventually(&format!("{name} to be served"), async || {
                let found = api.get(&name).await.ok()?;
                is_true(&found, "Established").then_some(())
            })
            .await;
        }
        copies
    }

    fn api(&self) -> Api<CustomResourceDefinition> {
        Api::all(self.client.clone())
    }

    async fn delete(self) {
        let api = self.api();
        for definition in &self.definitions {
            api.delete(&definition.name_any(), &DeleteParams::background()).await.expect("the definition can be deleted");
        }
    }

    /// The objects of each kind and version.
    fn kinds(&self, namespace: &str) -> BTreeMap<(String, Version), Api<DynamicObject>> {
        let mut kinds = BTreeMap::new();
        for (definition, version) in self.definitions.iter().flat_map(|one| Version::ALL.map(|version| (one, version))) {
            if definition.spec.group == group(version) {
                let names = &definition.spec.names;
                let gvk = GroupVersionKind::gvk(&group(version), version.as_str(), &names.kind);
                let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
                kinds.insert((names.kind.clone(), version), Api::namespaced_with(self.client.clone(), namespace, &resource));
            }
        }
        kinds
    }
}

/// The definitions of the kinds that have a version, with this version only.
fn of_version(wanted: Version) -> Vec<CustomResourceDefinition> {
    let options = CrdOptions { group: group(wanted), served: vec![wanted], storage: wanted, conversion: Conversion::None };
    let mut definitions = all(&options);
    for definition in &mut definitions {
        let spec = &mut definition.spec;
        spec.versions.retain(|version| version.name == wanted.as_str());
        spec.versions.iter_mut().for_each(|version| version.subresources = None);
    }
    definitions.retain(|definition| !definition.spec.versions.is_empty());
    definitions
}

fn is_true(definition: &CustomResourceDefinition, condition: &str) -> bool {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|one| one.type_ == condition && one.status == "True")
}

fn typed(case: &Case, mut object: Value) -> DynamicObject {
    object["apiVersion"] = json!(format!("{}/{}", group(case.version), case.version.as_str()));
    object["kind"] = json!(case.kind);
    object["metadata"] = json!({ "name": NAME });
    serde_json::from_value(object).expect("an object")
}

/// Sends a case to the API server; what it says other than it must.
async fn problem(api: &Api<DynamicObject>, case: &Case) -> Option<String> {
    let dry_run = PostParams { dry_run: true, field_manager: None };
    let answer = api.create(&dry_run, &typed(case, case.object.clone())).await;
    let complaint = match (&case.verdict, answer) {
        (Verdict::Accepted, Ok(_)) => return type_problem(api, case).await,
        (Verdict::Defaulted { pointer, value }, Ok(made)) => {
            let made = serde_json::to_value(made).expect("JSON");
            match made.pointer(pointer) {
                Some(found) if contains(found, value) => return None,
                found => format!("must have {value} at {pointer}, has {found:?}"),
            }
        }
        (Verdict::Refused { field }, Err(kube::Error::Api(status))) => {
            // Of alternatives the API server names the field in its text only.
            let alternatives = format!("\"{field}\" must validate one and only one schema (oneOf)");
            let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
            if causes.iter().any(|cause| cause.field == *field || cause.message.contains(&alternatives)) {
                return None;
            }
            format!("must be refused because of {field}, is because of: {:.300}", status.message)
        }
        (Verdict::Refused { field }, Ok(_)) => format!("must be refused because of {field}, is accepted"),
        (_, Err(error)) => format!("must be accepted, is refused: {:.300}", error.to_string()),
    };
    Some(format!("{complaint}\n    {:.300}", case.object.to_string()))
}

/// What our types make of an accepted object is accepted as well. One object for each field is enough.
async fn type_problem(api: &Api<DynamicObject>, case: &Case) -> Option<String> {
    if case.rule != "present" {
        return None;
    }
    let (encoded, _) =
        cases::through_types(&case.kind, case.version, &case.object)?.expect("a unit test has shown that it decodes");
    let dry_run = PostParams { dry_run: true, field_manager: None };
    let error = api.create(&dry_run, &typed(case, encoded)).await.err()?;
    Some(format!("what the type writes must be accepted, is refused: {error}"))
}

/// Whether all fields of `part` are in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        (whole, part) => whole == part,
    }
}

/// A definition is established a moment before its objects can be made.
async fn ready(api: &Api<DynamicObject>, kind: &str) {
    eventually(&format!("{kind} to be there"), async || api.list(&ListParams::default()).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_enforces_every_rule() {
    let table = Table::parse(RULES).expect("the table");
    let cases = cases::all(&table);
    assert_eq!(cases::untried(&table, &cases), Vec::<String>::new(), "rules without a case");

    let space = Space::create("schema").await;
    let copies = Copies::install(client().await).await;
    let kinds = copies.kinds(&space.name);
    for (kind, version) in table.kinds.keys() {
        ready(&kinds[&(kind.clone(), *version)], kind).await;
    }

    let problems: Vec<_> = stream::iter(&cases)
        .map(|case| async {
            let api = &kinds[&(case.kind.clone(), case.version)];
            let Case { kind, version, path, rule, .. } = case;
            problem(api, case).await.map(|problem| format!("{kind} {} {path}: {rule}: {problem}", version.as_str()))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |problem| problem)
        .collect()
        .await;

    copies.delete().await;
    space.delete().await;
    let refused = cases.iter().filter(|case| matches!(case.verdict, Verdict::Refused { .. })).count();
    println!("{} cases, {refused} of them refused", cases.len());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
