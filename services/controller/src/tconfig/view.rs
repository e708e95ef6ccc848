//! The metadata of one version, as far as the decisions need them.

use crate::engine::cache::{Key, View};
use jiff::Timestamp;
use kube::api::DynamicObject;
use std::collections::BTreeMap;
use tars_common::{
    activation::{Activation, FINALIZER, find_activation, read_time},
    names::{annotation, label},
};

/// One version of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigView {
    pub key: Key,
    pub uid: String,
    /// The resourceVersion that was seen.
    pub version: String,
    pub labels: BTreeMap<String, String>,
    pub finalizers: Vec<String>,
    pub created: Option<Timestamp>,
    /// When its deletion began.
    pub deleted: Option<Timestamp>,
    /// Its last activation; `None` if it never was active.
    pub activation: Option<Activation>,
    /// When the live version that it noted was activated.
    pub live_since: Option<Timestamp>,
}

impl View for ConfigView {
    /// The identity: versions that agree in these four labels belong together.
    fn group(&self) -> Option<Key> {
        let parts = [label::SERVER_APP, label::SERVER_NAME, label::CONFIG_NAME, label::POD_SEQ];
        let parts: Vec<&str> = parts.iter().map(|key| self.labels.get(*key).map_or("", String::as_str)).collect();
        Some(Key::new(&self.key.namespace, parts.join("/")))
    }
}

impl ConfigView {
    #[allow(clippy::unnecessary_wraps, reason = "every decoder has this signature")]
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let key = Key::of(&object);
        let activation = find_activation(&object.metadata);
        let metadata = object.metadata;
        Ok(Self {
            key,
            activation,
            live_since: read_time(&metadata.annotations.unwrap_or_default(), annotation::LIVE_SINCE),
            uid: metadata.uid.unwrap_or_default(),
            version: metadata.resource_version.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            finalizers: metadata.finalizers.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0),
            deleted: metadata.deletion_timestamp.map(|time| time.0),
        })
    }

    /// Whether the label asks for its deletion.
    pub fn is_to_be_deleted(&self) -> bool {
        self.labels.contains_key(label::DELETING)
    }

    /// Whether the label asks for its deactivation.
    pub fn is_handing_over(&self) -> bool {
        self.labels.contains_key(label::DEACTIVATE)
    }

    pub fn is_active(&self) -> bool {
        self.labels.get(label::ACTIVATED).is_some_and(|value| value == "true")
    }

    pub fn is_inactive(&self) -> bool {
        self.labels.get(label::ACTIVATED).is_some_and(|value| value == "false")
    }

    /// Whether it is active and no label asks the controller to change that.
    pub fn is_standing(&self) -> bool {
        self.is_active() && !self.is_handing_over() && !self.is_to_be_deleted()
    }

    /// Whether its activation waits for the controller.
    pub fn is_held(&self) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    }
}
