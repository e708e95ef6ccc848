//! TServers, without the parts that the controller does not read.

use crate::engine::{
    cache::{Key, View},
    packed::{Packed, Packer},
};
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;
use std::collections::BTreeMap;
use tars_common::{
    names::{annotation, label, server_object_name},
    v1beta3::{TServer, TServerStatus},
};

#[derive(Clone, Debug)]
pub struct ServerView {
    /// The object without what the controller does not read.
    packed: Packed,
    pub uid: String,
    pub generation: i64,
    pub deleting: bool,
    /// Its application; empty if it does not decode.
    app: Box<str>,
    /// The reason of its condition `Scheduled`; empty without one.
    pub scheduled: Box<str>,
}

static PACKER: Packer = Packer::new();

/// What is known of a TServer that does not decode, for example because an older schema accepted it. Other servers go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// The field and what is wrong with it.
    pub problem: String,
    /// Its status, if that decodes.
    pub status: Option<TServerStatus>,
}

impl View for ServerView {}

impl ServerView {
    pub fn of(mut object: DynamicObject) -> Result<Self, serde_json::Error> {
        object.metadata.managed_fields = None;
        if let Some(annotations) = &mut object.metadata.annotations {
            // This annotation holds a second copy of the whole object.
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
        let uid = object.metadata.uid.clone().unwrap_or_default();
        let generation = object.metadata.generation.unwrap_or_default();
        let deleting = object.metadata.deletion_timestamp.is_some();
        let whole = serde_json::to_value(object)?;
        let server = decode(&whole).ok();
        let app = server.as_ref().map_or("", |server| &server.spec.app).into();
        let status = server.as_ref().and_then(|server| server.status.as_ref());
        let scheduled = status.and_then(|status| status.condition("Scheduled")).map_or("", |condition| &condition.reason).into();
        Ok(Self { packed: PACKER.pack(&whole), uid, generation, deleting, app, scheduled })
    }

    /// Decodes the TServer.
    pub fn read(&self) -> Result<TServer, Box<Broken>> {
        decode(&self.packed.unpack())
    }

    /// The application of a server that decodes and is not being deleted.
    pub fn app(&self) -> Option<&str> {
        Some(&*self.app).filter(|app| !self.deleting && !app.is_empty())
    }

    /// Whether the change from `other` to `self` can matter to a run. Of the annotations only the one that asks for defaults can matter
    /// without a change of the spec.
    pub fn differs(&self, other: &Self) -> bool {
        if self.uid != other.uid || self.generation != other.generation || self.deleting != other.deleting {
            return true;
        }
        let matters = |view: &Self| {
            let server = view.read()?;
            let defaults = server.metadata.annotations.and_then(|mut all| all.remove(annotation::DEFAULTS));
            Ok::<_, Box<Broken>>((defaults, server.metadata.labels, server.status))
        };
        matters(self) != matters(other)
    }
}

/// Decodes a TServer, or says which field does not decode.
fn decode(whole: &Value) -> Result<TServer, Box<Broken>> {
    serde_path_to_error::deserialize(whole).map_err(|error| {
        let status = serde_json::from_value(whole["status"].clone()).ok();
        Box::new(Broken { problem: error.to_string(), status })
    })
}

/// The key of the TServer that an object belongs to by its two labels; `None` without them.
pub fn server_key(namespace: &str, labels: &BTreeMap<String, String>) -> Option<Key> {
    let (app, server) = (labels.get(label::SERVER_APP)?, labels.get(label::SERVER_NAME)?);
    Some(Key::new(namespace, server_object_name(app, server)))
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<TServer>(&())
}
