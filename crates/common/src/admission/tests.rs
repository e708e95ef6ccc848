//! What the tests of all rules share.

use super::{Kind, Operation, Request};
use jiff::Timestamp;
use serde_json::Value;

/// An owned request. Names differ from app, server and namespace where the rules let them, so that a swap is seen.
pub(super) struct Fixture {
    pub operation: Operation,
    pub kind: Kind,
    pub user: &'static str,
    pub object: Value,
    pub old: Value,
    now: Timestamp,
}

impl Fixture {
    pub fn create(kind: Kind, object: Value) -> Self {
        let now = "2026-03-04T15:06:07Z".parse().unwrap();
        Self { operation: Operation::Create, kind, user: "somebody", object, old: Value::Null, now }
    }

    pub fn delete(kind: Kind, old: Value) -> Self {
        Self { operation: Operation::Delete, old, ..Self::create(kind, Value::Null) }
    }

    pub fn request(&self) -> Request<'_> {
        let subject = if self.object.is_null() { &self.old } else { &self.object };
        Request {
            operation: self.operation,
            kind: self.kind,
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
