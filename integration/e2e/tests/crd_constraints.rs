//! A real API server accepts and refuses exactly the objects that the table of schema rules says, and keeps the rules about names and
//! about members that never change, although no webhook is there.
//!
//! The tests install the definitions a second time, from the same code, in groups of their own. So neither admission nor a controller
//! acts on the objects. Each version has its own group, because the stored version would add its defaults and drop the fields that it
//! does not have. There is no subresource `status`, because the API server would drop the status of a new object without checking it.

#![allow(clippy::expect_used, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, connect, expect_refusal, wait_for};
use futures::{StreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
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

/// The group of one test. Each version has a group below it.
#[derive(Clone, Copy)]
struct Group(&'static str);

impl Group {
    fn name_of(self, version: Version) -> String {
        format!("{}.{}.k8s.tars.io", version.as_str(), self.0)
    }
}

/// The group in which the table is tried. No object is stored there, because all requests are dry runs.
const TABLE: Group = Group("schema-test");
/// The group in which the rules in CEL are tried.
const CEL: Group = Group("cel-test");

/// Requests at the same time. The API server may have two cores only.
const AT_ONCE: usize = 8;

/// The definitions in the groups of a test. [`Copies::delete`] removes them. If a run fails, the next run replaces them.
struct Copies {
    client: Client,
    group: Group,
    definitions: Vec<CustomResourceDefinition>,
}

impl Copies {
    async fn install(client: Client, group: Group, definitions: Vec<CustomResourceDefinition>) -> Self {
        let copies = Self { client, group, definitions };
        copies.apply(&copies.definitions).await;
        let api = copies.api();
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

    async fn apply(&self, definitions: &[CustomResourceDefinition]) {
        for definition in definitions {
            let (name, params) = (definition.name_any(), PatchParams::apply("e2e").force());
            self.api().patch(&name, &params, &Patch::Apply(definition)).await.expect("the API server takes the definition");
        }
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
            if definition.spec.group == self.group.name_of(version) {
                let names = &definition.spec.names;
                let gvk = GroupVersionKind::gvk(&self.group.name_of(version), version.as_str(), &names.kind);
                let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
                kinds.insert((names.kind.clone(), version), Api::namespaced_with(self.client.clone(), namespace, &resource));
            }
        }
        kinds
    }
}

/// Builds the definitions of all kinds that have the version `wanted`, with this version only.
fn build_definitions(group: Group, wanted: Version) -> Vec<CustomResourceDefinition> {
    let options =
        CrdOptions { group: group.name_of(wanted), served: vec![wanted], storage: wanted, conversion: Conversion::None };
    let mut definitions = build_all(&options);
    for definition in &mut definitions {
        let spec = &mut definition.spec;
        spec.versions.retain(|version| version.name == wanted.as_str());
        spec.versions.iter_mut().for_each(|version| version.subresources = None);
    }
    definitions.retain(|definition| !definition.spec.versions.is_empty());
    definitions
}

/// Removes the rules in CEL. They are about other things than the form of single members, and would hide what the table says.
fn without_rules(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    fn remove(schema: &mut JSONSchemaProps) {
        schema.x_kubernetes_validations = None;
        schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(remove);
    }
    let schemas = definition.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    schemas.for_each(remove);
    definition
}

fn is_true(definition: &CustomResourceDefinition, condition: &str) -> bool {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|one| one.type_ == condition && one.status == "True")
}

fn build_object(group: Group, version: Version, kind: &str, name: &str, mut object: Value) -> DynamicObject {
    object["apiVersion"] = json!(format!("{}/{}", group.name_of(version), version.as_str()));
    object["kind"] = json!(kind);
    object["metadata"] = json!({ "name": name });
    serde_json::from_value(object).expect("an object")
}

fn build_case(case: &Case, object: Value) -> DynamicObject {
    build_object(TABLE, case.version, &case.kind, "tried", object)
}

/// Sends a case to the API server. Returns how the answer differs from the verdict that the case expects.
async fn find_problem(api: &Api<DynamicObject>, case: &Case) -> Option<String> {
    let dry_run = PostParams { dry_run: true, field_manager: None };
    let answer = api.create(&dry_run, &build_case(case, case.object.clone())).await;
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
    let error = api.create(&dry_run, &build_case(case, encoded)).await.err()?;
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
    let definitions = Version::ALL.into_iter().flat_map(|version| build_definitions(TABLE, version));
    let definitions = definitions.map(without_rules).collect();
    let copies = Copies::install(connect().await, TABLE, definitions).await;
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

/// The APIs of one version in the group of the rules in CEL.
struct Kinds {
    version: Version,
    servers: Api<DynamicObject>,
    configs: Api<DynamicObject>,
    trees: Api<DynamicObject>,
}

impl Kinds {
    fn list(copies: &Copies, namespace: &str) -> Vec<Self> {
        let apis = copies.apis(namespace);
        let api = |kind: &str, version| apis[&(kind.to_owned(), version)].clone();
        let kinds = |version| Self {
            version,
            servers: api("TServer", version),
            configs: api("TConfig", version),
            trees: api("TTree", version),
        };
        Version::ALL.into_iter().map(kinds).collect()
    }

    fn server(&self, name: &str, app: &str) -> DynamicObject {
        let spec =
            json!({"app": app, "server": "Audit", "subType": "tars", "k8s": {}, "tars": {"template": "root", "servants": []}});
        build_object(CEL, self.version, "TServer", name, json!({ "spec": spec }))
    }

    fn tree(&self, name: &str) -> DynamicObject {
        build_object(CEL, self.version, "TTree", name, json!({"apps": [], "businesses": []}))
    }

    fn config(&self) -> DynamicObject {
        let config = json!({
            "app": "Trade", "server": "Audit", "podSeq": "m", "configName": "audit.conf", "configContent": "a=1",
            "version": "20260304150607-1", "updateTime": "2026-03-04T15:06:07Z", "updateReason": "new",
        });
        build_object(CEL, self.version, "TConfig", "first", config)
    }
}

fn dry_run() -> PostParams {
    PostParams { dry_run: true, field_manager: None }
}

/// Asks for a change and stores nothing.
async fn change(api: &Api<DynamicObject>, name: &str, change: &Value) -> kube::Result<DynamicObject> {
    api.patch(name, &PatchParams { dry_run: true, ..PatchParams::default() }, &Patch::Merge(change)).await
}

/// Waits until a change is refused: the API server takes a moment to use a changed definition.
async fn expect_refused_change(api: &Api<DynamicObject>, name: &str, asked: Value, expected: &str) {
    let text = wait_for(&format!("a refusal of {asked}"), async || match change(api, name, &asked).await {
        Ok(_) => None,
        refused => Some(expect_refusal(refused)),
    })
    .await;
    assert!(text.ends_with(expected), "{asked}: {text}");
}

async fn try_servers(kinds: &Kinds) {
    let servers = &kinds.servers;
    servers.create(&PostParams::default(), &kinds.server("trade-audit", "Trade")).await.expect("a server with the right name");
    let longest = "A".repeat(52);
    servers.create(&dry_run(), &kinds.server(&format!("{}-audit", "a".repeat(52)), &longest)).await.expect("58 characters");
    let too_long = kinds.server(&format!("{}-audit", "a".repeat(53)), &"A".repeat(53));
    let text = expect_refusal(servers.create(&dry_run(), &too_long).await);
    assert!(text.ends_with("tserver resource is invalid : length of resource name should less then 59"), "{text}");

    let other = json!({"tars": null, "normal": {"ports": []}});
    for (changed, field) in [
        (json!({"app": "Trad"}), ".spec.app"),
        (json!({"server": "audit"}), ".spec.server"),
        (json!({"subType": "normal"}), ".spec.subType"),
        (other, ".spec.normal"),
    ] {
        let expected = format!("tserver resource filed \"{field}\" is immutable");
        expect_refused_change(servers, "trade-audit", json!({ "spec": changed }), &expected).await;
    }
    change(servers, "trade-audit", &json!({"spec": {"k8s": {"replicas": 2}}})).await.expect("other members change");
}

async fn try_configs(kinds: &Kinds) {
    let configs = &kinds.configs;
    configs.create(&PostParams::default(), &kinds.config()).await.expect("a configuration");
    let changes = [
        ("app", json!("Trad"), "tconfig"),
        ("server", json!(""), "tconfig"),
        ("podSeq", json!("1"), "tconfig"),
        ("configName", json!("other.conf"), "tconfig"),
        ("configContent", json!("a=2"), "tconfig"),
        ("version", json!("20260304150607-2"), "tconfig"),
        ("version", json!(null), "tconfig"),
        ("updateTime", json!("2026-03-04T15:06:08Z"), "TConfig"),
        ("updatePerson", json!("somebody"), "TConfig"),
        ("updateReason", json!("old"), "TConfig"),
    ];
    for (member, value, kind) in changes {
        let expected = format!("{kind} resource filed \"/{member}\" is immutable");
        expect_refused_change(configs, "first", json!({ member: value }), &expected).await;
    }
    change(configs, "first", &json!({"activated": false})).await.expect("other members change");
}

/// Field selectors and the category are there.
async fn try_selection(kinds: &Kinds, client: &Client) {
    let count = async |api: &Api<DynamicObject>, selector: &str| {
        let params = ListParams::default().fields(selector);
        wait_for(&format!("{selector} to select"), async || api.list(&params).await.ok()).await.items.len()
    };
    // The schemas of a TServer differ, so only the newest version has selectable fields.
    if kinds.version == Version::CURRENT {
        assert_eq!(count(&kinds.servers, "spec.app=Trade,spec.server=Audit,spec.tars.template=root").await, 2);
        assert_eq!(count(&kinds.servers, "spec.app=Trad").await, 0);
        assert_eq!(count(&kinds.servers, "spec.release.id=v1").await, 0);
    }
    assert_eq!(count(&kinds.configs, "configName=audit.conf,activated=true").await, 1);
    assert_eq!(count(&kinds.configs, "activated=false").await, 0);
    let group = format!("{}/{}", CEL.name_of(kinds.version), kinds.version.as_str());
    wait_for("the category", async || {
        let served = client.list_api_group_resources(&group).await.expect("the resources of the group").resources;
        let served: Vec<_> = served.iter().filter(|one| !one.name.contains('/')).collect();
        let listed = |one: &APIResource| one.categories.iter().flatten().any(|category| category == "tars");
        (served.len() == 3 && served.iter().all(|one| listed(one))).then_some(())
    })
    .await;
}

/// Objects that were stored before the rules were there can be changed and deleted.
async fn try_misnamed(kinds: &Kinds) {
    for (api, changed) in [(&kinds.servers, json!({"spec": {"important": 7}})), (&kinds.trees, json!({"apps": []}))] {
        change(api, "oak", &json!({"metadata": {"finalizers": ["example.org/held"]}})).await.expect("metadata of any object");
        change(api, "oak", &changed).await.expect("an object with another name can be changed");
    }
    expect_refused_change(&kinds.servers, "oak", json!({"spec": {"app": "Other"}}), "\".spec.app\" is immutable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_identity_hold_without_a_webhook() {
    let space = Space::create("cel").await;
    let definitions = Version::ALL.into_iter().flat_map(|version| build_definitions(CEL, version));
    let definitions: Vec<_> =
        definitions.filter(|one| ["TServer", "TConfig", "TTree"].contains(&one.spec.names.kind.as_str())).collect();
    let before = definitions.iter().cloned().map(without_rules).collect();
    let copies = Copies::install(connect().await, CEL, before).await;
    let all = Kinds::list(&copies, &space.name);
    for kinds in &all {
        for (api, object) in [(&kinds.servers, kinds.server("oak", "Trade")), (&kinds.trees, kinds.tree("oak"))] {
            wait_until_served(api, "a kind").await;
            api.create(&PostParams::default(), &object).await.expect("an object that was stored before the rules were there");
        }
        wait_until_served(&kinds.configs, "TConfig").await;
    }
    copies.apply(&definitions).await;
    for kinds in &all {
        for (api, object, expected) in [
            (&kinds.servers, kinds.server("elm", "Trade"), "tserver resource is invalid : unexpected resource name"),
            (&kinds.trees, kinds.tree("elm"), "create ttree operation is defined"),
        ] {
            // The API server takes a moment to use a changed definition.
            let text = wait_for("the rules to be there", async || match api.create(&dry_run(), &object).await {
                Ok(_) => None,
                refused => Some(expect_refusal(refused)),
            })
            .await;
            assert!(text.ends_with(expected), "{text}");
        }
        kinds.trees.create(&dry_run(), &kinds.tree("tars-tree")).await.expect("the tree");
        try_servers(kinds).await;
        try_configs(kinds).await;
        try_misnamed(kinds).await;
        try_selection(kinds, &copies.client).await;
    }
    copies.delete().await;
    space.delete().await;
}

/// A new installation may choose what is served and stored, and an upgrade may change it: the API server takes each choice.
#[tokio::test]
async fn every_choice_of_versions_is_accepted_fresh_and_as_an_upgrade() {
    let client = connect().await;
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let newest = Version::V1Beta3;
    let served = [
        vec![newest],
        vec![Version::V1Beta2, newest],
        vec![Version::V1Beta1, newest],
        vec![Version::V1Beta1, Version::V1Beta2, newest],
    ];
    let mut tried = Vec::new();
    for (served, storage) in served.into_iter().flat_map(|served| Version::ALL.map(|storage| (served.clone(), storage))) {
        let of_group =
            |group: &str| CrdOptions { group: group.to_owned(), served: served.clone(), storage, ..CrdOptions::default() };
        tried.extend(build_all(&of_group("choices-test.k8s.tars.io")).into_iter().map(|definition| (definition, false)));
        tried.extend(build_all(&of_group(tars_common::names::GROUP)).into_iter().map(|definition| (definition, true)));
    }
    assert!(tried.len() > 200, "{}", tried.len());
    stream::iter(tried)
        .for_each_concurrent(AT_ONCE, |(definition, upgrades)| {
            let api = api.clone();
            async move {
                let name = definition.name_any();
                let result = if upgrades {
                    api.patch(&name, &PatchParams::apply("e2e").force().dry_run(), &Patch::Apply(&definition)).await
                } else {
                    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &definition).await
                };
                let versions: Vec<_> = definition.spec.versions.iter().map(|one| (&one.name, one.served, one.storage)).collect();
                assert!(result.is_ok(), "{name} {versions:?}: {result:?}");
            }
        })
        .await;
}
