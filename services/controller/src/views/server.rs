//! TServers, without what nobody reads.

use crate::cache::View;
use kube::api::DynamicObject;
use tars_common::v1beta3::TServer;

/// A TServer, or why it does not decode.
#[derive(Clone, Debug)]
pub struct ServerView {
    /// The object. An error stands for one that an older schema let in; it is reported, and stops nobody else.
    pub object: Result<TServer, String>,
    /// Its uid.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
}

impl View for ServerView {
    fn of(mut object: DynamicObject) -> Result<Self, serde_json::Error> {
        object.metadata.managed_fields = None;
        if let Some(annotations) = &mut object.metadata.annotations {
            // A second copy of the whole object.
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
        let uid = object.metadata.uid.clone().unwrap_or_default();
        let generation = object.metadata.generation.unwrap_or_default();
        let deleting = object.metadata.deletion_timestamp.is_some();
        let object = serde_json::from_value(serde_json::to_value(object)?).map_err(|error| error.to_string());
        Ok(Self { object, uid, generation, deleting })
    }
}

impl ServerView {
    /// Whether a reconcile of `self` could do anything that one of `other` would not: anything but the status and bookkeeping.
    pub fn differs(&self, other: &Self) -> bool {
        let labels = |view: &Self| view.object.as_ref().ok().map(|server| server.metadata.labels.clone());
        let status = |view: &Self| view.object.as_ref().ok().map(|server| server.status.clone());
        self.uid != other.uid
            || self.generation != other.generation
            || self.deleting != other.deleting
            || self.object.is_err() != other.object.is_err()
            || labels(self) != labels(other)
            || status(self) != status(other)
    }
}
