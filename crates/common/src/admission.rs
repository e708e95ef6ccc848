//! The rules of the admission webhook: the objects that a cluster accepts, and the form in which it stores them (docs/reference/admission.md#5 and
//! docs/reference/admission.md#6).
//!
//! ```text
//! Request ──► list_queries() ──► questions about other objects          (the webhook looks up the answers: Facts)
//!    │                                                │
//!    ├──────► mutate(request, facts) ──► the object with labels, defaults and stamps, or a Denial
//!    ├──────► validate(request, facts) ─► acceptance, or a Denial
//!    ├──────► list_changes(request, stored) ─► values that are stored differently from the manifest
//!    └──────► list_warnings(request, facts) ─► settings that are accepted, but are probably a mistake
//! ```
//!
//! Principles:
//! - The rules are pure. They use no client, no clock and no random numbers; [`Request`] and [`Facts`] bring in all of that.
//! - Objects are untyped JSON in the version in which they came. A rule reads and writes only the members that it is about, so
//!   members that are newer than the rules pass through unchanged. [`mutate`] ignores a member that is missing or has the wrong type:
//!   the API server checks the schema afterwards and reports it better.
//! - Mutation is idempotent: a second mutation changes nothing.
//! - A review has no effect on other objects: the request may be a dry run, or be refused later.
//! - An update of metadata only (a finalizer, an owner, an annotation) is not refused because of the spec. So an object that an
//!   older release accepted can always be repaired and deleted.
//! - The schema has the rules about names and about members that never change, too. The API server checks the schema before it asks
//!   [`validate`], and would answer with its own words. So [`mutate`] refuses by these rules first.
//! - A denial is one sentence: the problem, the remedy, and the object. The text up to the semicolon is that of the existing
//!   webhook, misspellings included, because front ends match it.

mod account;
mod config;
mod denial;
mod facts;
mod framework;
mod image;
mod json;
mod request;
mod resource;
mod server;
mod size;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod warning;
mod workload;

use serde_json::Value;

pub use denial::{Denial, Denied, Reason};
pub use facts::{ConfigFacts, Facts, HostPort, NodeImage, Query, ReleaseFacts};
pub use request::{Operation, Request};
pub use resource::Resource;
pub use server::list_host_ports;
pub use warning::Warning;

/// Lists the questions about other objects that [`mutate`] and [`validate`] need answered.
pub fn list_queries(request: &Request<'_>) -> Vec<Query> {
    match request.resource {
        Resource::Server | Resource::Framework if request.operation == Operation::Delete => framework::list_queries(request),
        Resource::Server => server::list_queries(request),
        Resource::Config => config::list_queries(request),
        Resource::Template => template::list_queries(request),
        Resource::Tree => tree::list_queries(request),
        Resource::Account | Resource::Image | Resource::Framework | Resource::Derived(_) => Vec::new(),
    }
}

/// Returns the object to store (docs/reference/admission.md#5), or denies it by a rule that the schema has, too
/// (docs/reference/admission.md#7.2). Deletions and derived objects stay as they are. An update of metadata
/// only is never denied because of the content (docs/reference/admission.md#3.5).
pub fn mutate(request: &Request<'_>, facts: &Facts) -> Result<Value, Denied> {
    let mut object = request.object.clone();
    if request.operation == Operation::Delete {
        return Ok(object);
    }
    let result = match request.resource {
        Resource::Server => server::mutate(request, facts, &mut object),
        Resource::Config => config::mutate(request, facts, &mut object),
        Resource::Template => template::mutate(request, &mut object),
        Resource::Tree => tree::mutate(request, &mut object),
        Resource::Account => account::mutate(request, &mut object),
        Resource::Image => {
            image::mutate(request, &mut object);
            Ok(())
        }
        Resource::Framework | Resource::Derived(_) => Ok(()),
    };
    // An update of metadata only does not touch what the rule is about. The members that could be completed are stored.
    let excuse = |denial| if request.is_metadata_only() { server::validate_changed_bounds(request) } else { Err(denial) };
    result.or_else(excuse).map_err(|denial| request.deny(denial))?;
    Ok(object)
}

/// Accepts or denies the request (docs/reference/admission.md#6).
pub fn validate(request: &Request<'_>, facts: &Facts) -> Result<(), Denied> {
    let result = match request.resource {
        Resource::Server | Resource::Framework if request.operation == Operation::Delete => framework::validate(request, facts),
        Resource::Server => server::validate(request, facts),
        Resource::Config => config::validate(request, facts),
        Resource::Template => template::validate(request, facts),
        Resource::Tree => tree::validate(request, facts),
        Resource::Account => account::validate(request),
        // An image is a list of facts about builds. The schema finds every mistake in it.
        Resource::Image | Resource::Framework => Ok(()),
        Resource::Derived(_) => workload::validate(request),
    };
    result.map_err(|denial| request.deny(denial))
}

/// Lists warnings about an accepted object: settings that are valid, but are probably a mistake. An update that does not change the
/// spec gets no warning. `facts` answer the questions of [`list_queries`].
pub fn list_warnings(request: &Request<'_>, facts: &Facts) -> Vec<Warning> {
    match request.resource {
        _ if request.is_metadata_only() => Vec::new(),
        Resource::Server => server::list_warnings(request, facts),
        Resource::Config => config::list_warnings(request, facts),
        Resource::Template => template::list_warnings(request, facts),
        _ => Vec::new(),
    }
}

/// Lists the values that are stored differently from the author's manifest, if the author should know. `stored` is the result of
/// [`mutate`].
pub fn list_changes(request: &Request<'_>, stored: &Value) -> Vec<Warning> {
    match request.resource {
        _ if request.operation == Operation::Delete => Vec::new(),
        Resource::Server => server::list_changes(request, stored),
        Resource::Image => image::list_changes(request),
        _ => Vec::new(),
    }
}
