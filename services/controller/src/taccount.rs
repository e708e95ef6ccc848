//! Tokens of accounts go when they expire (docs/reference/controller.md#7.11). What a token says is never kept here: it is a secret.

use crate::{
    cache::{Key, View},
    context::Context,
};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use std::time::Duration;
use tars_common::v1beta3::TAccount;

/// A second look at least this often, so that a clock that was set is noticed.
const LONGEST: Duration = Duration::from_hours(24);

/// What is known of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountView {
    /// The resourceVersion that was seen.
    pub version: String,
    /// When each token expires, in the order of the tokens; `None` for one that never does.
    pub expiries: Vec<Option<Timestamp>>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

impl View for AccountView {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let tokens = object.data.pointer("/spec/authentication/tokens").and_then(Value::as_array);
        let expiry = |token: &Value| token.get("expirationTime").and_then(Value::as_str).and_then(|text| text.parse().ok());
        Ok(Self {
            expiries: tokens.into_iter().flatten().map(expiry).collect(),
            deleting: object.metadata.deletion_timestamp.is_some(),
            version: object.metadata.resource_version.unwrap_or_default(),
        })
    }
}

/// The places of the tokens that have expired, last first, and how long the next one has.
fn plan(expiries: &[Option<Timestamp>], now: Timestamp) -> (Vec<usize>, Option<Duration>) {
    let expired = expiries.iter().enumerate().filter(|(_, expiry)| expiry.is_some_and(|at| at <= now)).map(|(index, _)| index);
    let next = expiries.iter().flatten().filter(|at| **at > now).min();
    // A second more: the time in the object has no fraction, and an early look would be in vain.
    let wait = next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default() + Duration::from_secs(1));
    (expired.rev().collect(), wait.map(|wait| wait.min(LONGEST)))
}

/// Removes the expired tokens of account `key`. Gives back when to look again.
pub async fn reconcile(context: &Context, key: &Key) -> Result<Option<Duration>, kube::Error> {
    let Some(account) = context.caches.accounts.get(key).filter(|account| !account.deleting) else { return Ok(None) };
    let (expired, wait) = plan(&account.expiries, Timestamp::now());
    if expired.is_empty() {
        return Ok(wait);
    }
    let mut operations = vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": account.version})];
    let path = |index: &usize| format!("/spec/authentication/tokens/{index}");
    operations.extend(expired.iter().map(|index| json!({"op": "remove", "path": path(index)})));
    let answer = context.writer.patch(&resource(), key, Value::Array(operations)).await?;
    tracing::info!(tokens = expired.len(), "removed expired tokens");
    context.caches.accounts.observe(answer);
    Ok(wait)
}

/// The resource of `TAccount`.
pub fn resource() -> ApiResource {
    ApiResource::erase::<TAccount>(&())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_tokens_go_from_the_last_to_the_first_and_the_next_expiry_is_waited_for() {
        let at = |second: i64| Timestamp::from_second(second).ok();
        let (expired, wait) = plan(&[at(10), None, at(100), at(50), at(20)], Timestamp::from_second(20).unwrap());
        assert_eq!(expired, [4, 0]);
        assert_eq!(wait, Some(Duration::from_secs(31)));
        assert_eq!(plan(&[None], Timestamp::UNIX_EPOCH), (vec![], None));
        assert_eq!(plan(&[at(i64::from(i32::MAX))], Timestamp::UNIX_EPOCH).1, Some(LONGEST));
    }
}
