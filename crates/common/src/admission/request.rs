//! A request to write an object, as the rules see it.

use super::{
    denial::{Denial, Denied},
    json,
    resource::Resource,
};
use crate::names;
use jiff::Timestamp;
use serde_json::Value;

/// The kind of change that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The object is new.
    Create,
    /// The object is replaced or patched.
    Update,
    /// The object is deleted.
    Delete,
}

impl Operation {
    /// The name, as in messages and metrics: `create`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One request to write an object.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The kind of change.
    pub operation: Operation,
    /// The resource of the object.
    pub resource: Resource,
    /// The namespace of the request. It is never empty, because all resources are namespaced.
    pub namespace: &'a str,
    /// The name of the object. It is empty if the API server has yet to generate it.
    pub name: &'a str,
    /// The user that sent the request.
    pub user: &'a str,
    /// The object as the request would store it; `null` for a deletion.
    pub object: &'a Value,
    /// The object as it is stored now; `null` for a creation.
    pub old: &'a Value,
    /// The time of the request.
    pub now: Timestamp,
    /// Fresh random bytes, for the salt of a password.
    pub salt: [u8; 16],
}

impl Request<'_> {
    /// Whether our controller sent the request.
    pub(crate) fn is_from_controller(&self) -> bool {
        self.user == names::CONTROLLER_USER
    }

    /// Whether a controller of Kubernetes itself sent the request.
    pub(crate) fn is_from_kubernetes(&self) -> bool {
        self.user.starts_with(names::KUBE_SYSTEM_USER_PREFIX)
    }

    /// Whether the request is an update that changes metadata or status only.
    pub(crate) fn is_metadata_only(&self) -> bool {
        self.operation == Operation::Update && json::differ_in_metadata_only(self.object, self.old)
    }

    /// Adds the object of this request to a denial.
    pub(crate) fn deny(&self, denial: Denial) -> Denied {
        Denied {
            resource: self.resource,
            namespace: self.namespace.to_owned(),
            name: self.name.to_owned(),
            denial: Box::new(denial),
        }
    }
}
