//! TServers, without the parts that the controller does not read.

use crate::engine::cache::{Key, View};
use kube::api::{ApiResource, DynamicObject};
use std::collections::BTreeMap;
use tars_common::{
    names::{annotation, label, server_object_name},
    v1beta3::{TServer, TServerStatus},
};

#[derive(Clone, Debug)]
pub struct ServerView {
    pub object: Result<TServer, Broken>,
    pub uid: String,
    pub generation: i64,
    pub deleting: bool,
}

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
        let object = serde_path_to_error::deserialize(&whole)
            .map_err(|error| Broken { problem: error.to_string(), status: serde_json::from_value(whole["status"].clone()).ok() });
        Ok(Self { object, uid, generation, deleting })
    }

    /// The application of a server that decodes and is not being deleted.
    pub fn app(&self) -> Option<&str> {
        self.object.as_ref().ok().filter(|_| !self.deleting).map(|server| &*server.spec.app)
    }

    /// Whether the change from `other` to `self` can matter to a run. Of the annotations only the one that asks for defaults can matter
    /// without a change of the spec.
    pub fn differs(&self, other: &Self) -> bool {
        let labels = |view: &Self| view.object.as_ref().ok().map(|server| server.metadata.labels.clone());
        let defaults = |view: &Self| {
            let server = view.object.as_ref().ok()?;
            server.metadata.annotations.as_ref()?.get(annotation::DEFAULTS).cloned()
        };
        let status = |view: &Self| view.object.as_ref().ok().map(|server| server.status.clone());
        self.uid != other.uid
            || self.generation != other.generation
            || self.deleting != other.deleting
            || self.object.as_ref().err() != other.object.as_ref().err()
            || defaults(self) != defaults(other)
            || labels(self) != labels(other)
            || status(self) != status(other)
    }
}

/// The key of the TServer that an object belongs to by its two labels; `None` without them.
pub fn server_key(namespace: &str, labels: &BTreeMap<String, String>) -> Option<Key> {
    let (app, server) = (labels.get(label::SERVER_APP)?, labels.get(label::SERVER_NAME)?);
    Some(Key::new(namespace, server_object_name(app, server)))
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<TServer>(&())
}
