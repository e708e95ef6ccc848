//! A real API server accepts and refuses exactly the objects that the table of schema rules says.
//!
//! The test installs the definitions a second time, from the same code, in groups of their own. So neither admission nor a controller
//! acts on the objects. Each version has its own group, because the stored version would add its defaults and drop the fields that it
//! does not have. There is no subresource `status`, because the API server would drop the status of a new object without checking it.
//! All requests are server-side dry runs, so no object is stored.

#![allow(clippy::expect_used, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, connect, wait_for};
use futures::{StreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Client, ResourceExt,
    api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
};
use schema::{
    cases::{self, Case, Verdict},
    table::{RULES, Table},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tars_common::{
    crd::{Conversion, CrdOptions, build_all},
    version::Version,
};

/// The name of the group in which a version is tested.
fn group_name(version: Version) -> String {
    format!("{}.schema-test.k8s.tars.io", version.as_str())
}

const NAME: &str = "tried";

/// Requests at the same time. The API server may have two cores only.
const AT_ONCE: usize = 8;

/// The definitions in the groups of [`group_name`]. [`Copies::delete`] removes them. If a run fails, the next run replaces them.
struct Copies {
    client: Client,
    definitions: Vec<CustomResourceDefinition>,
}

impl Copies {
    async fn install(client: Client) -> Self {
        let definitions = Version::ALL.into_iter().flat_map(build_definitions).collect();
        let copies = Self { client, definitions };
        let api = copies.api();
        for definition in &copies.definitions {
            let (name, params) = (definition.name_any(), PatchParams::apply("e2e").force());
            api.patch(&name, &params, &Patch::Apply(definition)).await.expect("the API server takes the definition");
        }
        for definition in &copies.definitions {
            let name = definition.name_any();
            wait_for(&format!("{name} to be served"), async || {
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

    /// The API of each kind and version.
    fn apis(&self, namespace: &str) -> BTreeMap<(String, Version), Api<DynamicObject>> {
        let mut kinds = BTreeMap::new();
        for (definition, version) in self.definitions.iter().flat_map(|one| Version::ALL.map(|version| (one, version))) {
            if definition.spec.group == group_name(version) {
                let names = &definition.spec.names;
                let gvk = GroupVersionKind::gvk(&group_name(version), version.as_str(), &names.kind);
                let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
                kinds.insert((names.kind.clone(), version), Api::namespaced_with(self.client.clone(), namespace, &resource));
            }
        }
        kinds
    }
}

/// Builds the definitions of all kinds that have the version `wanted`, with this version only.
fn build_definitions(wanted: Version) -> Vec<CustomResourceDefinition> {
    let options = CrdOptions { group: group_name(wanted), served: vec![wanted], storage: wanted, conversion: Conversion::None };
    let mut definitions = build_all(&options);
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

fn build_object(case: &Case, mut object: Value) -> DynamicObject {
    object["apiVersion"] = json!(format!("{}/{}", group_name(case.version), case.version.as_str()));
    object["kind"] = json!(case.kind);
    object["metadata"] = json!({ "name": NAME });
    serde_json::from_value(object).expect("an object")
}

/// Sends a case to the API server. Returns how the answer differs from the verdict that the case expects.
async fn find_problem(api: &Api<DynamicObject>, case: &Case) -> Option<String> {
    let dry_run = PostParams { dry_run: true, field_manager: None };
    let answer = api.create(&dry_run, &build_object(case, case.object.clone())).await;
    let complaint = match (&case.verdict, answer) {
        (Verdict::Accepted, Ok(_)) => return find_type_problem(api, case).await,
        (Verdict::Defaulted { pointer, value }, Ok(made)) => {
            let made = serde_json::to_value(made).expect("JSON");
            match made.pointer(pointer) {
                Some(found) if contains(found, value) => return None,
                found => format!("must have {value} at {pointer}, but has {found:?}"),
            }
        }
        (Verdict::Refused { field }, Err(kube::Error::Api(status))) => {
            // When a field has alternatives, the API server names the field only in the text of the cause.
            let alternatives = format!("\"{field}\" must validate one and only one schema (oneOf)");
            let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
            if causes.iter().any(|cause| cause.field == *field || cause.message.contains(&alternatives)) {
                return None;
            }
            format!("must be refused because of {field}, but is refused because of: {:.300}", status.message)
        }
        (Verdict::Refused { field }, Ok(_)) => format!("must be refused because of {field}, but is accepted"),
        (_, Err(error)) => format!("must be accepted, but is refused: {:.300}", error.to_string()),
    };
    Some(format!("{complaint}\n    {:.300}", case.object.to_string()))
}

/// Checks that the API server also accepts the object as our types write it again. One object for each field is enough.
async fn find_type_problem(api: &Api<DynamicObject>, case: &Case) -> Option<String> {
    if case.rule != "present" {
        return None;
    }
    let (encoded, _) = cases::recode(&case.kind, case.version, &case.object)?.expect("a unit test has shown that it decodes");
    let dry_run = PostParams { dry_run: true, field_manager: None };
    let error = api.create(&dry_run, &build_object(case, encoded)).await.err()?;
    Some(format!("the object as its type writes it must be accepted, but is refused: {error}"))
}

/// Whether `whole` has all members of `part`, with the same values.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        (whole, part) => whole == part,
    }
}

/// Waits until objects of a kind can be listed, which is a moment after the definition is established.
async fn wait_until_served(api: &Api<DynamicObject>, kind: &str) {
    wait_for(&format!("{kind} to be there"), async || api.list(&ListParams::default()).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_enforces_every_rule() {
    let table = Table::parse(RULES).expect("the table");
    let cases = cases::build_all(&table);
    assert_eq!(cases::find_untried(&table, &cases), Vec::<String>::new(), "rules without a case");

    let space = Space::create("schema").await;
    let copies = Copies::install(connect().await).await;
    let apis = copies.apis(&space.name);
    for (kind, version) in table.kinds.keys() {
        wait_until_served(&apis[&(kind.clone(), *version)], kind).await;
    }

    let problems: Vec<_> = stream::iter(&cases)
        .map(|case| async {
            let api = &apis[&(case.kind.clone(), case.version)];
            let Case { kind, version, path, rule, .. } = case;
            find_problem(api, case).await.map(|problem| format!("{kind} {} {path}: {rule}: {problem}", version.as_str()))
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
