//! The fixture of the tests of all rules.

use super::{Operation, Request, Resource};
use jiff::Timestamp;
use serde_json::Value;

/// An owned request. Where the rules allow it, names differ from app, server and namespace, so that a test finds swapped fields.
pub(super) struct Fixture {
    pub operation: Operation,
    pub resource: Resource,
    pub user: &'static str,
    pub object: Value,
    pub old: Value,
    pub now: Timestamp,
}

impl Fixture {
    pub fn create(resource: Resource, object: Value) -> Self {
        let now = "2026-03-04T15:06:07Z".parse().unwrap();
        Self { operation: Operation::Create, resource, user: "somebody", object, old: Value::Null, now }
    }

    pub fn delete(resource: Resource, old: Value) -> Self {
        Self { operation: Operation::Delete, old, ..Self::create(resource, Value::Null) }
    }

    pub fn request(&self) -> Request<'_> {
        let subject = if self.object.is_null() { &self.old } else { &self.object };
        Request {
            operation: self.operation,
            resource: self.resource,
            namespace: "ledger",
            name: subject["metadata"]["name"].as_str().unwrap(),
            user: self.user,
            object: &self.object,
            old: &self.old,
            now: self.now,
            salt: *b"0123456789abcdef",
        }
    }
}
