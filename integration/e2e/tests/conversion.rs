//! Objects keep everything, whichever version stores them, and `kubectl tars migrate storage` moves stored objects to another version
//! (docs/reference/resources.md#7 and docs/reference/kubectl-tars.md#4).
//!
//! The test changes the definitions of the cluster, so this file has one test only. It puts them back also when it fails.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, connect, plugin::Plugin, wait_for};
use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use schema::{
    cases::{self, Verdict},
    table::{RULES, Table},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, panic::AssertUnwindSafe};
use tars_common::{
    structural::{complete, find_schema},
    version::Version,
};

/// The kinds whose versions differ.
const KINDS: [(&str, &str); 2] = [("TServer", "tservers"), ("TFrameworkConfig", "tframeworkconfigs")];
/// Requests at the same time. The API server may have two cores only.
const AT_ONCE: usize = 8;
/// Of the objects that try the fields of a kind, one out of so many is used.
const ONE_OF: usize = 5;

fn definitions(client: &Client) -> Api<CustomResourceDefinition> {
    Api::all(client.clone())
}

fn name_definition(plural: &str) -> String {
    format!("{plural}.k8s.tars.io")
}

/// Serves all versions and stores objects in `storage`, or in v1beta3 if the kind has no such version. Waits until the API server does so.
async fn store_in(client: &Client, storage: Version) {
    for (_, plural) in KINDS {
        let name = name_definition(plural);
        let definition = definitions(client).get(&name).await.expect("the definition");
        let has = definition.spec.versions.iter().any(|version| version.name == storage.as_str());
        let storage = if has { storage } else { Version::V1Beta3 }.as_str();
        let versions: Vec<Value> = definition
            .spec
            .versions
            .iter()
            .map(|version| {
                let mut version = version.clone();
                (version.served, version.storage) = (true, version.name == storage);
                json!(version)
            })
            .collect();
        change(client, &name, &json!({"spec": {"versions": versions}})).await;
        wait_for(&format!("{name} to be stored in {storage}"), async || {
            let now = definitions(client).get(&name).await.ok()?;
            now.status?.stored_versions?.iter().any(|version| version == storage).then_some(())
        })
        .await;
    }
}

async fn change(client: &Client, name: &str, patch: &Value) {
    definitions(client).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("the definition changes");
}

fn api(space: &Space, kind: &str, plural: &str, version: Version) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("k8s.tars.io", version.as_str(), kind), plural);
    Api::namespaced_with(space.client.clone(), &space.name, &resource)
}

/// An object to write.
#[derive(Clone)]
struct Written {
    kind: &'static str,
    plural: &'static str,
    version: Version,
    name: String,
    object: Value,
}

/// Builds objects that have, one by one, the fields of each kind and version. Each one gets a name of its own.
fn build_objects() -> Vec<Written> {
    let table = Table::parse(RULES).expect("the table");
    let mut objects = Vec::new();
    for (kind, plural) in KINDS {
        let present = cases::build_all(&table).into_iter().filter(|case| {
            case.kind == kind && case.rule == "present" && case.verdict == Verdict::Accepted && !case.path.starts_with("status")
        });
        for (index, case) in present.enumerate().filter(|(index, _)| index % ONE_OF == 0) {
            let mut object = case.object;
            let mut name = format!("by-chance-{index}");
            if kind == "TServer" {
                name = format!("app{index}-server");
                (object["spec"]["app"], object["spec"]["server"]) = (json!(format!("App{index}")), json!("Server"));
                if object["spec"]["tars"].is_object() {
                    object["spec"]["tars"]["template"] = json!("root");
                }
            }
            object["apiVersion"] = json!(case.version.api_version());
            object["kind"] = json!(kind);
            object["metadata"] = json!({"name": name});
            objects.push(Written { kind, plural, version: case.version, name, object });
        }
    }
    objects
}

/// What an object says, without metadata and status, which the API server and the controller write. A member that is absent has its
/// default: the API server adds the defaults of the stored version and of the written one, and not those of the version in which
/// somebody reads. An empty text is what an absent one is: an older version has it as a default, where a newer one has none.
fn strip(kind: &str, version: Version, object: &DynamicObject) -> Value {
    let mut members: Map<String, Value> = object.data.as_object().cloned().unwrap_or_default();
    for written_by_others in ["status", "metadata", "apiVersion", "kind"] {
        members.shift_remove(written_by_others);
    }
    if kind == "TFrameworkConfig" {
        // v1beta3 requires this block.
        members.entry("imageBuild").or_insert_with(|| json!({}));
    }
    let mut object = Value::Object(members);
    complete(&mut object, find_schema(kind, version, &[]).expect("a schema"));
    if let Some(members) = object.as_object_mut() {
        members.shift_remove("status");
    }
    drop_empty_texts(&mut object);
    object
}

fn drop_empty_texts(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| member != "");
            members.values_mut().for_each(drop_empty_texts);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_empty_texts),
        _ => {}
    }
}

/// The objects as they were read, by name, version of writing and version of reading.
type Readings = BTreeMap<(String, Version, Version), Value>;

/// Writes all objects and reads each in every version. Objects that admission refuses are left out.
async fn write_and_read(space: &Space, objects: &[Written]) -> Readings {
    let readings = stream::iter(objects.iter().cloned()).map(|written| async move {
        let Written { kind, plural, version, name, object } = written;
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        let created = match api(space, kind, plural, version).create(&PostParams::default(), &object).await {
            Ok(created) => created,
            Err(kube::Error::Api(status)) if status.message.contains("admission webhook") => return Vec::new(),
            Err(error) => panic!("{kind} {name} in {}: {error}", version.as_str()),
        };
        let mut readings = Vec::new();
        for reading in Version::ALL {
            if kind == "TFrameworkConfig" && reading == Version::V1Beta1 {
                continue;
            }
            let read = api(space, kind, plural, reading).get(&name).await.expect("the object in each version");
            if reading == version {
                let (read, created) = (strip(kind, reading, &read), strip(kind, reading, &created));
                assert_eq!(read, created, "{kind} {name} reads as it was written in {}", version.as_str());
            }
            readings.push(((format!("{kind} {name}"), version, reading), strip(kind, reading, &read)));
        }
        readings
    });
    readings.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten().collect()
}

async fn read_stored_versions(client: &Client, plural: &str) -> Vec<String> {
    let definition = definitions(client).get(&name_definition(plural)).await.expect("the definition");
    definition.status.expect("a status").stored_versions.expect("stored versions")
}

/// The resourceVersion of each TFrameworkConfig, which nobody but this test writes.
async fn read_resource_versions(space: &Space) -> BTreeMap<String, String> {
    let list =
        api(space, KINDS[1].0, KINDS[1].1, Version::V1Beta3).list(&kube::api::ListParams::default()).await.expect("a list");
    list.into_iter()
        .map(|object| (object.metadata.name.unwrap_or_default(), object.metadata.resource_version.unwrap_or_default()))
        .collect()
}

async fn check(client: &Client, spaces: &[(Version, Space)]) {
    let objects = build_objects();
    let mut first: Option<Readings> = None;
    for (storage, space) in spaces {
        store_in(client, *storage).await;
        space.apply_template("root", "root").await.expect("a template");
        let readings = write_and_read(space, &objects).await;
        assert!(readings.len() > 100, "{} readings of {} objects: admission refuses too many", readings.len(), objects.len());
        match &first {
            None => first = Some(readings),
            Some(first) => {
                assert_eq!(readings.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>());
                for (key, read) in &readings {
                    assert_eq!(read, &first[key], "{key:?} depends on the stored version {}", storage.as_str());
                }
            }
        }
    }
    check_migration(client, spaces, &first.expect("readings")).await;
}

/// The last storage version is v1beta3. Objects that are stored in an older one are written, all others stay untouched.
async fn check_migration(client: &Client, spaces: &[(Version, Space)], before: &Readings) {
    let plugin = Plugin::install().await;
    let mut versions = Vec::new();
    for (_, space) in spaces {
        versions.push(read_resource_versions(space).await);
    }
    let (code, said, errors) = plugin.run(&["migrate", "storage", "--dry-run"]).await;
    assert!(
        code == 0 && said.contains("tservers: ") && said.contains("some may be stored in v1beta1, v1beta2"),
        "{said}{errors}"
    );
    assert!(read_stored_versions(client, "tservers").await.len() > 1, "a dry run changes nothing");
    for _ in 0..2 {
        let (code, said, errors) = plugin.run(&["migrate", "storage"]).await;
        assert_eq!(code, 0, "{said}{errors}");
    }
    for (_, plural) in KINDS {
        assert_eq!(read_stored_versions(client, plural).await, ["v1beta3"], "{plural}");
    }
    for ((storage, space), versions) in spaces.iter().zip(versions) {
        let now = read_resource_versions(space).await;
        assert_eq!(now.len(), versions.len());
        // A TFrameworkConfig has no v1beta1, so v1beta3 stored it then. One that was written in an older version may get defaults now.
        for (name, version) in versions {
            let same = before.contains_key(&(format!("TFrameworkConfig {name}"), Version::V1Beta3, Version::V1Beta3));
            match storage {
                Version::V1Beta2 => assert_ne!(now[&name], version, "{name} was stored in v1beta2"),
                _ if same => assert_eq!(now[&name], version, "{name} was stored in v1beta3"),
                _ => {}
            }
        }
        for ((object, written, reading), expected) in before {
            let (kind, name) = object.split_once(' ').expect("kind and name");
            if written == reading {
                let plural = KINDS.iter().find(|known| known.0 == kind).expect("a kind").1;
                let read = api(space, kind, plural, *reading).get(name).await.expect("the object");
                assert_eq!(&strip(kind, *reading, &read), expected, "{object} after the migration");
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_in_any_stored_version_and_stored_objects_can_be_moved() {
    let client = connect().await;
    let mut originals = Vec::new();
    for (_, plural) in KINDS {
        let definition = definitions(&client).get(&name_definition(plural)).await.expect("the definition");
        originals.push((name_definition(plural), json!(definition.spec.versions)));
    }
    let mut spaces = Vec::new();
    for version in Version::ALL {
        spaces.push((version, Space::create(&format!("stored-{}", version.as_str())).await));
    }
    let result = AssertUnwindSafe(check(&client, &spaces)).catch_unwind().await;
    for (name, versions) in &originals {
        change(&client, name, &json!({"spec": {"versions": versions}})).await;
    }
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    for (_, space) in spaces {
        space.delete().await;
    }
}
