//! What a cluster accepts of the group, and what it makes of it: the rules of the admission webhook (docs/reference/admission.md#5 and docs/reference/admission.md#6).
//!
//! ```text
//! Request ──► queries() ──► what must be known of other objects        (the webhook looks it up: Facts)
//!    │                                                │
//!    ├──────► mutate(request, facts) ──► the object with labels, defaults and stamps, or a Denial
//!    ├──────► validate(request, facts) ─► Effects on other objects, or a Denial
//!    ├──────► changes(request, stored) ─► what is stored otherwise than it was written
//!    └──────► warnings(request) ─► what is accepted, but hardly meant
//! ```
//!
//! Rules:
//! - Pure: no client, no clock, no randomness; all of that comes in through [`Request`] and [`Facts`].
//! - Objects are untyped JSON, in whatever version they came: only the members that a rule is about are read or written, so members
//!   that are newer than these rules pass through untouched. A member that is missing or of the wrong type is left alone by
//!   [`mutate`]: the schema, which comes after it, says it better.
//! - Mutation is idempotent: applied to its own output, it changes nothing.
//! - An update that leaves the spec as it was is about metadata only (a finalizer, an owner, an annotation) and is never refused for
//!   what the spec says. An object that an older release accepted can always be repaired and deleted.
//! - A refusal is one sentence: what is wrong, what to do, and the object. The first part keeps the text of the existing webhook,
//!   spelling included, because front ends match it.

mod account;
mod config;
mod denial;
mod facts;
mod image;
mod json;
mod server;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod workload;

use crate::names;
pub use denial::{Denial, Denied};
pub use facts::{ConfigFacts, Facts, NodeImage, Query};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt;

/// What is being done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The object is new.
    Create,
    /// The object is replaced or patched.
    Update,
    /// The object goes.
    Delete,
}

/// The resources that admission knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `tservers.k8s.tars.io`
    Server,
    /// `tconfigs.k8s.tars.io`
    Config,
    /// `ttemplates.k8s.tars.io`
    Template,
    /// `ttrees.k8s.tars.io`
    Tree,
    /// `taccounts.k8s.tars.io`
    Account,
    /// `timages.k8s.tars.io`
    Image,
    /// `services` of the core group
    Service,
    /// `statefulsets.apps`
    StatefulSet,
    /// `daemonsets.apps`
    DaemonSet,
}

impl Kind {
    /// The kind of a group and plural resource name; `None` for what admission does not know.
    pub fn of(group: &str, plural: &str) -> Option<Self> {
        Some(match (group, plural) {
            (names::GROUP, "tservers") => Self::Server,
            (names::GROUP, "tconfigs") => Self::Config,
            (names::GROUP, "ttemplates") => Self::Template,
            (names::GROUP, "ttrees") => Self::Tree,
            (names::GROUP, "taccounts") => Self::Account,
            (names::GROUP, "timages") => Self::Image,
            ("", "services") => Self::Service,
            ("apps", "statefulsets") => Self::StatefulSet,
            ("apps", "daemonsets") => Self::DaemonSet,
            _ => return None,
        })
    }

    /// The kind in lower case, as messages have it: `tserver`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "tserver",
            Self::Config => "tconfig",
            Self::Template => "ttemplate",
            Self::Tree => "ttree",
            Self::Account => "taccount",
            Self::Image => "timage",
            Self::Service => "service",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One request to write an object.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is being done.
    pub operation: Operation,
    /// To what.
    pub kind: Kind,
    /// The namespace of the request, never empty: all kinds are namespaced.
    pub namespace: &'a str,
    /// The object's name; empty when the API server has still to generate it.
    pub name: &'a str,
    /// Who asks.
    pub user: &'a str,
    /// The object as it would be stored; `null` for a deletion.
    pub object: &'a Value,
    /// The object as it is stored; `null` for a creation.
    pub old: &'a Value,
    /// The time of the request.
    pub now: Timestamp,
    /// Fresh random bytes, the salt of a password.
    pub salt: [u8; 16],
}

impl Request<'_> {
    /// Whether the request comes from our controller.
    pub(crate) fn by_controller(&self) -> bool {
        self.user == names::CONTROLLER_USER
    }

    /// Whether the request comes from a controller of Kubernetes itself.
    pub(crate) fn by_kubernetes(&self) -> bool {
        self.user.starts_with(names::KUBE_SYSTEM_USER_PREFIX)
    }

    /// Whether this is an update that leaves everything but metadata and status as it was.
    pub(crate) fn is_metadata_only(&self) -> bool {
        self.operation == Operation::Update && json::same_but_metadata(self.object, self.old)
    }

    fn denied(&self, denial: Denial) -> Denied {
        Denied { kind: self.kind, namespace: self.namespace.to_owned(), name: self.name.to_owned(), denial: Box::new(denial) }
    }
}

/// What accepting a request does to another object of the namespace: `add /metadata/labels/KEY VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Name of the TConfig.
    pub config: String,
    /// Label key.
    pub label: &'static str,
    /// Label value.
    pub value: &'static str,
}

impl Effect {
    /// The refusal when the effect could not be written.
    pub fn failed(&self, request: &Request<'_>, error: &str) -> Denied {
        let reason = names::message::failed("patch", Kind::Config.as_str(), request.namespace, &self.config, error);
        request.denied(Denial::forbidden(reason, "nothing was stored, try again"))
    }
}

/// What has to be known of other objects before [`mutate`] and [`validate`] can decide.
pub fn queries(request: &Request<'_>) -> Vec<Query> {
    match request.kind {
        Kind::Server => server::queries(request),
        Kind::Config => config::queries(request),
        Kind::Template => template::queries(request),
        Kind::Tree => tree::queries(request),
        Kind::Account | Kind::Image | Kind::Service | Kind::StatefulSet | Kind::DaemonSet => Vec::new(),
    }
}

/// The object as it is to be stored (docs/reference/admission.md#5). Unchanged for deletions and for kinds without mutation.
pub fn mutate(request: &Request<'_>, facts: &Facts) -> Result<Value, Denied> {
    let mut object = request.object.clone();
    if request.operation == Operation::Delete {
        return Ok(object);
    }
    let result = match request.kind {
        Kind::Server => server::mutate(request, facts, &mut object),
        Kind::Config => {
            config::mutate(request, &mut object);
            Ok(())
        }
        Kind::Template => template::mutate(request, &mut object),
        Kind::Tree => {
            tree::mutate(&mut object);
            Ok(())
        }
        Kind::Account => account::mutate(request, &mut object),
        Kind::Image => {
            image::mutate(request, &mut object);
            Ok(())
        }
        Kind::Service | Kind::StatefulSet | Kind::DaemonSet => Ok(()),
    };
    result.map_err(|denial| request.denied(denial))?;
    Ok(object)
}

/// Whether the request is acceptable, and what accepting it does to other objects (docs/reference/admission.md#6).
pub fn validate(request: &Request<'_>, facts: &Facts) -> Result<Vec<Effect>, Denied> {
    let result = match request.kind {
        Kind::Server => server::validate(request, facts).map(|()| Vec::new()),
        Kind::Config => config::validate(request, facts),
        Kind::Template => template::validate(request, facts).map(|()| Vec::new()),
        Kind::Tree => tree::validate(request, facts).map(|()| Vec::new()),
        Kind::Account => account::validate(request).map(|()| Vec::new()),
        // An image is a list of facts about builds; nothing in it can be wrong that the schema does not see.
        Kind::Image => Ok(Vec::new()),
        Kind::Service | Kind::StatefulSet | Kind::DaemonSet => workload::validate(request).map(|()| Vec::new()),
    };
    result.map_err(|denial| request.denied(denial))
}

/// What the writer of an accepted object should know: nothing is wrong with it, but it is hardly meant. Nobody is told again who
/// leaves the spec as it was.
pub fn warnings(request: &Request<'_>) -> Vec<String> {
    match request.kind {
        Kind::Server if !request.is_metadata_only() => server::warnings(request),
        _ => Vec::new(),
    }
}

/// What is stored otherwise than it was written, where the writer will wonder; `stored` is what [`mutate`] made of the object.
pub fn changes(request: &Request<'_>, stored: &Value) -> Vec<String> {
    match request.kind {
        Kind::Server if request.operation != Operation::Delete => server::changes(request, stored),
        _ => Vec::new(),
    }
}
