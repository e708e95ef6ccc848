//! An API server in memory, for whole runs of reconcilers. It stores objects, records the owners of fields, deletes with
//! preconditions, collects objects whose owner is gone, and fails on purpose.
//!
//! It has no schemas, defaults or keyed lists. Those are tested on a real API server.

pub mod faults;
mod fields;
mod people;
mod place;
mod watch;
pub mod wire;

use self::{
    faults::{Fault, Script},
    fields::{field_set, overlay, remove},
    place::Place,
    watch::{Entry, Wanted},
};
use super::Engine;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use kube::Client;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use tars_common::names::CONTROLLER_FIELD_MANAGER as MANAGER;

/// Everything that is stored, by path.
#[derive(Default)]
pub struct World {
    objects: BTreeMap<String, Value>,
    version: u64,
    uids: u64,
    /// Verb and path of every write that took effect, or would have.
    pub writes: Vec<String>,
    /// Every Event that was sent.
    pub events: Vec<Value>,
    /// Every change, in order.
    pub history: Vec<Entry>,
    counts: HashMap<String, usize>,
    /// What happens from outside.
    pub script: Script,
    /// What people want of an object; `None` after they deleted it.
    wishes: BTreeMap<String, Option<Value>>,
    /// Whether a pod that is deleted is there until its node has stopped it.
    pub graceful: bool,
    /// Counts restores. Each breaks every watch.
    epoch: u64,
    changed: tokio::sync::watch::Sender<u64>,
    /// Where the next watch of a collection begins.
    rewound: Option<(String, u64)>,
    /// The collection whose next list comes late.
    hidden: Option<String>,
    /// A field, as a JSON pointer, that every apply stores with this value instead of the one that was sent.
    pub rewrite: Option<(&'static str, Value)>,
}

/// Shared between the client and the test.
pub type Shared = Arc<Mutex<World>>;

/// A client that talks to `world`.
pub fn client(world: &Shared) -> Client {
    let world = world.clone();
    Client::new(tower::service_fn(move |request| answer(world.clone(), request)), "default")
}

async fn answer(world: Shared, request: Request<kube::client::Body>) -> Result<Response<Body>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect_bytes().await.unwrap();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let (code, answer) = if parts.method == Method::GET {
        let place = Place::of(&path);
        if query.contains("watch=") {
            return Ok(Response::new(watch::watch(&world, Wanted::of(&place, &query))));
        }
        read(&world, &path, &query).await
    } else {
        let kind = parts.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Write { method: parts.method, path, kind, body }.send(&world).await?
    };
    let response = Response::builder().status(code).body(Body::from(answer.to_string()));
    Ok(response.unwrap())
}

async fn read(world: &Shared, path: &str, query: &str) -> (StatusCode, Value) {
    let place = Place::of(path);
    if !place.name.is_empty() {
        let object = world.lock().unwrap().objects.get(path).cloned();
        return object.map_or_else(|| status(404, "NotFound"), |object| (StatusCode::OK, object));
    }
    let collection = place.collection();
    let hidden = world.lock().unwrap().hidden.take_if(|hidden| *hidden == collection);
    if hidden.is_some() {
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    (StatusCode::OK, world.lock().unwrap().list(&Wanted::of(&place, query)))
}

/// A write that is on its way.
struct Write {
    method: Method,
    path: String,
    kind: String,
    body: Value,
}

impl Write {
    async fn send(self, world: &Shared) -> Result<(StatusCode, Value), std::io::Error> {
        let fault = {
            let mut world = world.lock().unwrap();
            if world.script.down {
                None
            } else if self.path.contains("/events") {
                world.events.push(self.body.clone());
                return Ok((StatusCode::CREATED, self.body));
            } else {
                let write = format!("{} {}", self.method, self.path);
                let fault = world.script.meet_write(&write);
                world.writes.push(write);
                Some(fault)
            }
        };
        let Some(fault) = fault else { return std::future::pending().await };
        match fault {
            None => Ok(self.arrive(world)),
            Some(Fault::Lost) => Err(std::io::Error::other("connection refused")),
            Some(Fault::Conflict) => Ok(status(409, "Conflict")),
            Some(Fault::TooMany) => Ok(status(429, "TooManyRequests")),
            Some(Fault::ServerError) => Ok(status(500, "InternalError")),
            Some(Fault::AnswerLost) => {
                self.arrive(world);
                Err(std::io::Error::other("connection reset"))
            }
            Some(Fault::AnswerLate) => {
                let answer = self.arrive(world);
                tokio::time::sleep(Duration::from_secs(2)).await;
                Ok(answer)
            }
            Some(Fault::Overtaken) => {
                world.lock().unwrap().take_step();
                Ok(self.arrive(world))
            }
            Some(crash @ (Fault::CrashBefore | Fault::CrashAfter | Fault::LandsLate)) => {
                world.lock().unwrap().script.crash();
                if crash == Fault::CrashAfter {
                    self.arrive(world);
                } else if crash == Fault::LandsLate {
                    let world = world.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(3)).await;
                        self.arrive(&world);
                    });
                }
                std::future::pending().await
            }
        }
    }

    fn arrive(&self, world: &Shared) -> (StatusCode, Value) {
        world.lock().unwrap().write(&self.method, &self.path, &self.kind, self.body.clone())
    }
}

fn status(code: u16, reason: &str) -> (StatusCode, Value) {
    let body =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason});
    (StatusCode::from_u16(code).unwrap(), body)
}

impl World {
    /// Stores `object` as if a person had.
    pub fn put(&mut self, path: &str, mut object: Value) {
        let old = self.objects.get(path).cloned();
        let uid = old.map_or_else(|| object["metadata"]["uid"].clone(), |old| old["metadata"]["uid"].clone());
        if uid.is_null() {
            self.uids += 1;
            object["metadata"]["uid"] = format!("uid-{}", self.uids).into();
        }
        self.store(path, object);
    }

    /// Every object by its path.
    pub fn all(&self) -> &BTreeMap<String, Value> {
        &self.objects
    }

    /// The version of the last change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Hears of every change.
    pub fn subscribe(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn get(&self, path: &str) -> Option<&Value> {
        self.objects.get(path)
    }

    /// Changes the object at `path` as if a person had.
    pub fn edit(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.objects[path].clone();
        change(&mut object);
        self.store(path, object);
    }

    /// Deletes the object at `path` as if a person had.
    pub fn remove(&mut self, path: &str) {
        if self.objects.contains_key(path) {
            self.begin_removal(path);
        }
    }

    /// Fills the caches of `engine` as its watches would.
    pub fn tell(&self, engine: &Engine) {
        self.tell_with(engine, &BTreeMap::new());
    }

    /// The same, but the objects in `late` are told as they are there, because their watches are late.
    pub fn tell_with(&self, engine: &Engine, late: &BTreeMap<String, Value>) {
        let mut objects = self.objects.clone();
        objects.extend(late.clone());
        engine.replace(|plural: &str| {
            let part = format!("/{plural}/");
            let found = objects.iter().filter(|(path, _)| path.contains(&part));
            found.map(|(_, object)| serde_json::from_value(object.clone()).unwrap()).collect()
        });
    }

    fn store(&mut self, path: &str, mut object: Value) -> Value {
        let before = self.objects.get(path).cloned();
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        count_generation(before.as_ref(), &mut object);
        let metadata = &object["metadata"];
        let held = metadata["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
        let ends = !metadata["deletionTimestamp"].is_null() && !held && Place::of(path).plural != "pods";
        if ends {
            self.objects.remove(path);
        } else {
            self.objects.insert(path.to_owned(), object.clone());
        }
        self.note(path, before, (!ends).then(|| object.clone()));
        object
    }

    /// Removes an object at last.
    pub fn forget(&mut self, path: &str) {
        if let Some(before) = self.objects.remove(path) {
            self.version += 1;
            self.note(path, Some(before), None);
        }
    }

    fn note(&mut self, path: &str, before: Option<Value>, after: Option<Value>) {
        let count = self.counts.entry(path.to_owned()).or_default();
        let collection = Place::of(path).collection();
        self.history.push(Entry { path: path.to_owned(), collection, nth: *count, version: self.version, before, after });
        *count += 1;
        self.changed.send_replace(self.epoch);
    }

    fn begin_removal(&mut self, path: &str) {
        let mut object = self.objects[path].clone();
        let pod = self.graceful && Place::of(path).plural == "pods";
        let held = object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
        if !pod && !held {
            return self.forget(path);
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:01:00Z");
            self.store(path, object);
        }
    }

    fn write(&mut self, method: &Method, path: &str, kind: &str, body: Value) -> (StatusCode, Value) {
        if method == Method::DELETE {
            return self.delete(path, &body);
        }
        if method == Method::POST {
            let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
            if self.objects.contains_key(&path) {
                return status(409, "AlreadyExists");
            }
            self.put(&path, body);
            return (StatusCode::CREATED, self.objects[&path].clone());
        }
        let (path, subresource) = path.strip_suffix("/status").map_or((path, false), |path| (path, true));
        let live = self.objects.get(path).cloned();
        let wanted_uid = body.pointer("/metadata/uid");
        if wanted_uid.is_some_and(|uid| live.as_ref().is_none_or(|live| live["metadata"]["uid"] != *uid)) {
            return status(409, "Conflict");
        }
        match (kind, live) {
            ("application/apply-patch+yaml", live) if subresource => {
                let Some(mut live) = live else { return status(404, "NotFound") };
                live["status"] = body["status"].clone();
                (StatusCode::OK, self.store(path, live))
            }
            ("application/apply-patch+yaml", live) => self.apply(path, live.as_ref(), body),
            ("application/merge-patch+json", Some(mut live)) => {
                json_patch::merge(&mut live, &body);
                (StatusCode::OK, self.store(path, live))
            }
            ("application/json-patch+json", Some(mut live)) => {
                let operations: json_patch::Patch = serde_json::from_value(body).unwrap();
                match json_patch::patch(&mut live, &operations) {
                    Ok(()) if live["metadata"]["resourceVersion"] != self.objects[path]["metadata"]["resourceVersion"] => {
                        status(409, "Conflict")
                    }
                    Ok(()) => (StatusCode::OK, self.store(path, live)),
                    Err(_) => status(422, "Invalid"),
                }
            }
            (_, None) => status(404, "NotFound"),
            (other, _) => panic!("a patch of type {other:?}"),
        }
    }

    /// Server-side apply: removes the fields that we owned and no longer state, and sets the fields that we state.
    fn apply(&mut self, path: &str, live: Option<&Value>, mut body: Value) -> (StatusCode, Value) {
        let mut object = live.cloned().unwrap_or_else(|| json!({"metadata": {}}));
        let stated = body["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        if live.is_some() && stated.is_some_and(|version| version != object["metadata"]["resourceVersion"]) {
            return status(409, "Conflict");
        }
        let fields = field_set(&body);
        let managed = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let (ours, mut others): (Vec<Value>, Vec<Value>) =
            managed.into_iter().partition(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply");
        if let Some(before) = ours.first() {
            remove(&mut object, &before["fieldsV1"], &fields);
        }
        body["metadata"].as_object_mut().unwrap().remove("uid");
        overlay(&mut object, &body);
        if let Some((field, value)) = self.rewrite.as_ref().and_then(|(at, value)| Some((object.pointer_mut(at)?, value))) {
            *field = value.clone();
        }
        others.push(
            json!({"manager": MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}),
        );
        object["metadata"]["managedFields"] = Value::Array(others);
        if live.is_some_and(|live| *live == object) {
            return (StatusCode::OK, object);
        }
        self.put(path, object);
        (StatusCode::OK, self.objects[path].clone())
    }

    fn delete(&mut self, path: &str, options: &Value) -> (StatusCode, Value) {
        let Some(live) = self.objects.get(path) else { return status(404, "NotFound") };
        if options.pointer("/preconditions/uid").is_some_and(|uid| *uid != live["metadata"]["uid"]) {
            return status(409, "Conflict");
        }
        if options
            .pointer("/preconditions/resourceVersion")
            .is_some_and(|version| *version != live["metadata"]["resourceVersion"])
        {
            return status(409, "Conflict");
        }
        let uid = live["metadata"]["uid"].clone();
        self.begin_removal(path);
        if options["propagationPolicy"] == "Orphan" {
            self.release(&uid);
        }
        (StatusCode::OK, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }

    /// Takes the owner with `uid` off its objects.
    pub fn release(&mut self, uid: &Value) {
        let owns = |owner: &Value| owner["uid"] == *uid;
        let owned = self.objects.iter().filter(|(_, object)| owners(object).iter().any(owns));
        for path in owned.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.edit(&path, |object| {
                let left: Vec<Value> = owners(object).iter().filter(|owner| !owns(owner)).cloned().collect();
                object["metadata"]["ownerReferences"] = left.into();
            });
        }
    }

    /// Deletes the objects of the owner with `uid`, as the garbage collector does after the owner is gone.
    pub fn collect(&mut self, uid: &str) {
        let owned = self.objects.iter().filter(|(_, object)| owners(object).iter().any(|owner| owner["uid"] == uid));
        for path in owned.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.forget(&path);
        }
    }
}

/// The owners of an object.
pub fn owners(object: &Value) -> &[Value] {
    object["metadata"]["ownerReferences"].as_array().map_or(&[], Vec::as_slice)
}

/// Another spec is another generation, unless the writer states one.
fn count_generation(before: Option<&Value>, object: &mut Value) {
    let Some(before) = before else { return };
    let generation = &before["metadata"]["generation"];
    if object["metadata"]["generation"] == *generation && object["spec"] != before["spec"] {
        object["metadata"]["generation"] = (generation.as_u64().unwrap_or(0) + 1).into();
    }
}
