//! One derived object of one server: compares it with the wanted one and writes the difference.

use super::error::Error;
use crate::{
    engine::{cache::Key, fields},
    tserver::{
        context::Context,
        derived::{Live, recipe_of},
    },
};
use kube::api::{ApiResource, PropagationPolicy};
use serde_json::{Value, json};
use tars_common::derived::DerivedKind;

/// The store of the API server begins with this version, so no object ever has it. An apply that states it makes an object, and fails if
/// there is one already. (A creation by POST would record our fields under `Update`, so that no later apply could remove them.)
const VERSION_OF_NO_OBJECT: &str = "1";

/// A write that took effect.
#[derive(Clone, Copy, Debug)]
pub enum Write {
    Created,
    Changed,
    Deleted,
}

/// Logs a write that took effect. A run that writes nothing logs nothing.
pub fn log_write(write: Write, kind: &'static str, object: &Key, server: &Key) {
    let write = match write {
        Write::Created => "created",
        Write::Changed => "changed",
        Write::Deleted => "deleted",
    };
    tracing::info!(kind, %object, %server, "{write}");
}

pub struct Task<'a> {
    pub context: &'a Context,
    /// The name of the server and of the object.
    pub key: &'a Key,
    /// The uid of the server.
    pub uid: &'a str,
    pub kind: DerivedKind,
    pub resource: ApiResource,
}

impl Task<'_> {
    pub fn log(&self, write: Write) {
        log_write(write, self.kind.name(), self.key, self.key);
    }

    pub fn failed(&self, verb: &'static str) -> impl FnOnce(kube::Error) -> Error {
        let (kind, key) = (self.kind.name(), self.key.clone());
        move |source| Error::api(verb, kind, &key, source)
    }

    /// Makes an object that is not known. If the name is taken, for example by an object without the labels by which the watch selects, the API
    /// server answers 409.
    pub async fn make(&self, wanted: &Value) -> Result<(), Error> {
        match self.send(wanted, None).await {
            Err(Error::Api { source, .. }) if is_conflict(&source) => Err(self.explain_conflict(wanted, source).await?),
            result => result,
        }
    }

    /// Looks at the object that has the name already. If it is ours, the watch is about to tell of it, and the next run compares it.
    async fn explain_conflict(&self, wanted: &Value, conflict: Box<kube::Error>) -> Result<Error, Error> {
        let object = self.context.writer.get(&self.resource, self.key).await.map_err(self.failed("get"))?;
        let Some(object) = object else { return Ok(self.failed("apply")(*conflict)) };
        let live = Live::of(recipe_of(self.kind), object).map_err(|error| self.failed("get")(kube::Error::SerdeError(error)))?;
        self.check_owner(&live, wanted)?;
        Ok(Error::Unseen { kind: self.kind.name(), key: self.key.clone() })
    }

    /// Refuses an object that this TServer does not control, or that is being deleted. An orphan of an earlier TServer of this name is
    /// adopted by the next write.
    pub fn check_owner(&self, live: &Live, wanted: &Value) -> Result<(), Error> {
        let (kind, key) = (self.kind.name(), self.key.clone());
        if live.deleting {
            return Err(Error::Leaving { kind, key });
        }
        match &live.controller {
            Some(controller) if controller.uid == self.uid => Ok(()),
            // It belongs to an earlier TServer of this name, and will be deleted soon.
            Some(controller) if controller.kind == "TServer" => Err(Error::Leaving { kind, key }),
            None if live.is_orphan_of(wanted) => Ok(()),
            _ => Err(Error::Foreign { kind, key }),
        }
    }

    pub async fn delete(&self, live: &Live, propagation: PropagationPolicy) -> Result<(), Error> {
        let deleted = self.context.writer.delete(&self.resource, self.key, &live.uid, propagation);
        deleted.await.map_err(self.failed("delete"))?;
        self.log(Write::Deleted);
        Ok(())
    }

    /// Sends `wanted` if the fields that are ours differ from it.
    pub async fn update(&self, wanted: &Value, live: &Live) -> Result<(), Error> {
        let present = if live.predecessor {
            self.take_over().await?
        } else {
            let present = live.owned();
            let (mut mine, owned) = (comparable(wanted), comparable(&present));
            keep_order_of_ports(&mut mine, &present);
            if fields::same(&mine, &owned) || self.context.rewrites.contains(self.kind.name(), self.key, &mine, &owned) {
                return Ok(());
            }
            present
        };
        let mut wanted = wanted.clone();
        keep_order_of_ports(&mut wanted, &present);
        fields::keep_spelling(&mut wanted, &present);
        self.send(&wanted, Some(live)).await
    }

    /// Applies `wanted`. `live` is the object that is meant: if another object has its name by now, the API server answers 409. So it does
    /// without `live` if any object has the name.
    async fn send(&self, wanted: &Value, live: Option<&Live>) -> Result<(), Error> {
        let body = match live {
            Some(live) => with_uid(wanted.clone(), live),
            None => with_metadata(wanted.clone(), "resourceVersion", VERSION_OF_NO_OBJECT),
        };
        let answer = self.context.writer.apply(&self.resource, self.key, &body).await.map_err(self.failed("apply"))?;
        self.log(if live.is_some() { Write::Changed } else { Write::Created });
        if let Some(after) = self.context.derived.observe(self.kind, answer) {
            let (mine, owned) = (comparable(wanted), comparable(&after.owned()));
            if !fields::same(&mine, &owned) {
                tracing::debug!(kind = self.kind.name(), %mine, %owned, "the API server stored other values than were sent");
                self.context.rewrites.insert(self.kind.name(), self.key, &mine, &owned);
            }
        }
        Ok(())
    }

    /// Makes the fields of the previous controller ours, so that the next apply removes those that are not wanted. Only the managed
    /// fields of the object change. Returns the object, or null if it is gone.
    async fn take_over(&self) -> Result<Value, Error> {
        let object = self.context.writer.get(&self.resource, self.key).await.map_err(self.failed("get"))?;
        let Some(object) = object else { return Ok(Value::Null) };
        let version = object.metadata.resource_version.clone().unwrap_or_default();
        let whole = serde_json::to_value(&object).map_err(|error| self.failed("get")(kube::Error::SerdeError(error)))?;
        let Some(managed) = fields::take_over(&whole) else { return Ok(whole) };
        let operations = vec![json!({"op": "replace", "path": "/metadata/managedFields", "value": managed})];
        self.context.writer.patch(&self.resource, self.key, &version, operations).await.map_err(self.failed("patch"))?;
        tracing::info!(kind = self.kind.name(), "took over the fields of the previous controller");
        Ok(whole)
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Gives the ports of the main container the order that they have in `live`, if both have the same ones. The controller of K8SFramework lists
/// them in random order, and another order would replace the pods (docs/reference/controller.md#5.12).
fn keep_order_of_ports(wanted: &mut Value, live: &Value) {
    const PORTS: &str = "/spec/template/spec/containers/0/ports";
    let number = |port: &Value| (port["containerPort"].clone(), port["protocol"].clone());
    let Some(theirs) = live.pointer(PORTS).and_then(Value::as_array) else { return };
    let Some(ours) = wanted.pointer_mut(PORTS).and_then(Value::as_array_mut) else { return };
    let place = |port: &Value| theirs.iter().position(|other| number(other) == number(port));
    if ours.len() == theirs.len() && ours.iter().all(|port| place(port).is_some()) {
        ours.sort_by_key(place);
    }
}

/// `body` with the uid of `live`, so that a write cannot reach another object of this name.
pub fn with_uid(body: Value, live: &Live) -> Value {
    with_metadata(body, "uid", &live.uid)
}

fn with_metadata(mut body: Value, name: &str, value: &str) -> Value {
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert(name.to_owned(), value.into());
    }
    body
}

/// The fields of `object` that are compared: not those that identify it, and not those that never change.
pub fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind" | "status"));
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| matches!(name.as_str(), "labels" | "annotations" | "ownerReferences"));
        }
        if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
            // Claim templates are compared apart: the list is atomic, and also holds the defaults of the API server.
            spec.retain(|name, _| name != "volumeClaimTemplates");
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(ports: &[(u16, &str)]) -> Value {
        let ports: Vec<_> = ports.iter().map(|(port, protocol)| json!({"containerPort": port, "protocol": protocol})).collect();
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "ports": ports}]}}}})
    }

    #[test]
    fn the_same_ports_keep_the_order_that_they_have() {
        let live = workload(&[(53, "UDP"), (80, "TCP"), (53, "TCP")]);
        let mut wanted = workload(&[(80, "TCP"), (53, "TCP"), (53, "UDP")]);
        keep_order_of_ports(&mut wanted, &live);
        assert_eq!(wanted, live);
        for other in [&[(80, "TCP"), (53, "TCP")][..], &[(80, "TCP"), (53, "TCP"), (54, "TCP")], &[]] {
            let mut wanted = workload(other);
            keep_order_of_ports(&mut wanted, &live);
            assert_eq!(wanted, workload(other), "other ports have the order of the TServer");
        }
        keep_order_of_ports(&mut json!({}), &Value::Null);
    }
}
