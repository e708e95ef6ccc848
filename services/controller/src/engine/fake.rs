//! An API server in memory, for whole runs of reconcilers. It stores objects, records the owners of fields, deletes with
//! preconditions, collects objects whose owner is gone, and fails on purpose.
//!
//! It has no schemas, defaults or keyed lists. Those are tested on a real API server.

use super::Engine;
use http::{Method, Request, Response, StatusCode};
use kube::{Client, client::Body};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tars_common::names::CONTROLLER_FIELD_MANAGER as MANAGER;

/// A failure of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before the write arrives.
    Lost,
    /// Another writer changed the object first.
    Conflict,
    /// Too many requests.
    TooMany,
    /// The API server is in trouble.
    ServerError,
    /// The write happens, but the answer never comes.
    AnswerLost,
}

impl Fault {
    pub const ALL: [Self; 5] = [Self::Lost, Self::Conflict, Self::TooMany, Self::ServerError, Self::AnswerLost];
}

/// Everything that is stored, by path.
#[derive(Debug, Default)]
pub struct World {
    objects: BTreeMap<String, Value>,
    version: u64,
    uids: u64,
    /// Verb and path of every write that took effect, or would have.
    pub writes: Vec<String>,
    /// Every Event that was sent.
    pub events: Vec<Value>,
    /// The number of a write, counted from the beginning, and the fault that hits this write.
    pub plan: Option<(usize, Fault)>,
    /// A field, as a JSON pointer, that every apply stores with this value instead of the one that was sent.
    pub rewrite: Option<(&'static str, Value)>,
}

/// Shared between the client and the test.
pub type Shared = Arc<Mutex<World>>;

/// A client that talks to `world`.
pub fn client(world: &Shared) -> Client {
    let world = world.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let world = world.clone();
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect_bytes().await.unwrap();
            let path = parts.uri.path().to_owned();
            let kind = parts.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            let (code, answer) = world.lock().unwrap().serve(&parts.method, &path, &kind, body)?;
            let response = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, std::io::Error>(response.unwrap())
        }
    });
    Client::new(service, "default")
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
        self.objects.remove(path);
    }

    /// All objects, without the fields that differ between two equal histories, such as uids and times.
    pub fn masked(&self) -> BTreeMap<String, Value> {
        let mut objects = self.objects.clone();
        objects.retain(|path, _| !path.contains("/events/"));
        for object in objects.values_mut() {
            let metadata = object["metadata"].as_object_mut().unwrap();
            metadata.retain(|name, _| matches!(name.as_str(), "name" | "labels" | "ownerReferences"));
            if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
                for condition in conditions {
                    condition["lastTransitionTime"] = Value::Null;
                }
            }
        }
        objects
    }

    /// Fills the caches of `engine` as its watches would.
    pub fn tell(&self, engine: &Engine) {
        engine.replace(|plural: &str| {
            let part = format!("/{plural}/");
            let found = self.objects.iter().filter(|(path, _)| path.contains(&part));
            found.map(|(_, object)| serde_json::from_value(object.clone()).unwrap()).collect()
        });
    }

    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn serve(&mut self, method: &Method, path: &str, kind: &str, body: Value) -> Result<(StatusCode, Value), std::io::Error> {
        if method == Method::GET {
            return Ok(self.objects.get(path).map_or_else(|| status(404, "NotFound"), |object| (StatusCode::OK, object.clone())));
        }
        if path.contains("/events") {
            self.events.push(body.clone());
            return Ok((StatusCode::CREATED, body));
        }
        let number = self.writes.len();
        self.writes.push(format!("{method} {path}"));
        match self.plan.filter(|(at, _)| *at == number).map(|(_, fault)| fault) {
            Some(Fault::Lost) => Err(std::io::Error::other("connection refused")),
            Some(Fault::Conflict) => Ok(status(409, "Conflict")),
            Some(Fault::TooMany) => Ok(status(429, "TooManyRequests")),
            Some(Fault::ServerError) => Ok(status(500, "InternalError")),
            Some(Fault::AnswerLost) => {
                self.write(method, path, kind, body);
                Err(std::io::Error::other("connection reset"))
            }
            None => Ok(self.write(method, path, kind, body)),
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
        self.objects.remove(path);
        (StatusCode::OK, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }

    /// Deletes the objects of the owner with `uid`, as the garbage collector does after the owner is gone.
    pub fn collect(&mut self, uid: &str) {
        self.objects.retain(|_, object| {
            let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            !owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
        });
    }
}

/// The set of fields of an applied object, without the fields that identify it. A list is a leaf.
fn field_set(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind"));
    object["metadata"].as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "name" | "namespace" | "uid"));
    names_below(&object)
}

fn names_below(value: &Value) -> Value {
    let members = value.as_object().into_iter().flatten();
    Value::Object(members.map(|(name, below)| (format!("f:{name}"), names_below(below))).collect::<Map<_, _>>())
}

/// Removes from `object` the fields that `before` names and `now` does not.
fn remove(object: &mut Value, before: &Value, now: &Value) {
    let Some(members) = object.as_object_mut() else { return };
    for (key, below) in before.as_object().into_iter().flatten() {
        let name = key.trim_start_matches("f:");
        match now.get(key) {
            None => drop(members.remove(name)),
            Some(now) => {
                if let Some(member) = members.get_mut(name) {
                    remove(member, below, now);
                }
            }
        }
    }
}

/// Maps are merged, everything else is replaced.
fn overlay(object: &mut Value, body: &Value) {
    match (object, body) {
        (Value::Object(members), Value::Object(more)) => {
            for (name, value) in more {
                overlay(members.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (object, body) => *object = body.clone(),
    }
}
