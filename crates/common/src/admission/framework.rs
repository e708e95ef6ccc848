//! The parts of a framework without which Tars servers cannot start: `tars-framework`, and the TServer of the registry
//! (docs/reference/admission.md#6.8).
//!
//! `helm uninstall` deletes the service account of the registry before its TServer. Without that account the registry does not work,
//! so its TServer may go. Nothing of `tars-framework` is deleted by helm.

use super::{
    denial::Denial,
    facts::{Facts, Query},
    request::{Operation, Request},
    resource::Resource,
};
use crate::names::{FRAMEWORK_CONFIG, REGISTRY_SERVER};

pub(super) fn list_queries(request: &Request<'_>) -> Vec<Query> {
    if !is_guarded(request) {
        return Vec::new();
    }
    match request.resource {
        Resource::Server => vec![Query::TarsServer, Query::RegistryAccount],
        _ => vec![Query::TarsServer],
    }
}

/// Refuses to delete a part that a Tars server needs.
pub(super) fn validate(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    let Some(server) = facts.tars_server.as_ref().filter(|_| is_guarded(request)) else { return Ok(()) };
    let (rule, way) = match request.resource {
        Resource::Server if facts.registry_account_exists => ("6.8.2", ", or uninstall the chart of the framework"),
        Resource::Server => return Ok(()),
        _ => ("6.8.1", ""),
    };
    let object = format!("{} {}/{}", request.resource, request.namespace, request.name);
    let reason = format!("cannot delete {object} because it is reference by some tserver");
    let remedy = format!("tserver {server} cannot start without it, delete the tservers of subType tars first{way}");
    Err(Denial::forbidden(rule, reason, remedy))
}

fn is_guarded(request: &Request<'_>) -> bool {
    let part = match request.resource {
        Resource::Server => REGISTRY_SERVER,
        Resource::Framework => FRAMEWORK_CONFIG,
        _ => return false,
    };
    request.operation == Operation::Delete
        && request.name == part
        && !request.is_from_controller()
        && !request.is_from_kubernetes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admission::{self, tests::Fixture},
        names::CONTROLLER_USER,
    };
    use serde_json::json;

    fn delete(resource: Resource, name: &str) -> Fixture {
        Fixture::delete(resource, json!({"metadata": {"name": name}}))
    }

    fn check(fixture: &Fixture, server: Option<&str>, account: bool) -> Option<&'static str> {
        let facts = Facts { tars_server: server.map(str::to_owned), registry_account_exists: account, ..Facts::default() };
        admission::validate(&fixture.request(), &facts).err().map(|denied| denied.rule())
    }

    #[test]
    fn a_part_that_servers_need_stays() {
        let (registry, framework) =
            (delete(Resource::Server, "tars-tarsregistry"), delete(Resource::Framework, "tars-framework"));
        assert_eq!(check(&registry, Some("a-b"), true), Some("6.8.2"));
        assert_eq!(check(&framework, Some("a-b"), true), Some("6.8.1"));
        for fixture in [&registry, &framework] {
            assert_eq!(check(fixture, None, true), None, "nobody needs it");
        }
        assert_eq!(check(&registry, Some("a-b"), false), None, "helm uninstalls the chart");
        assert_eq!(check(&delete(Resource::Server, "a-b"), Some("a-b"), true), None);
        assert_eq!(check(&delete(Resource::Framework, "other"), Some("a-b"), true), None);
    }

    #[test]
    fn the_controller_and_kubernetes_may_delete_everything() {
        for user in [CONTROLLER_USER, "system:serviceaccount:kube-system:namespace-controller"] {
            let fixture = Fixture { user, ..delete(Resource::Framework, "tars-framework") };
            assert!(admission::list_queries(&fixture.request()).is_empty());
            assert_eq!(check(&fixture, Some("a-b"), true), None);
        }
    }
}
