//! The tokens of an account are removed when they expire (docs/reference/controller.md#7.11). A token is a secret, so its text is
//! never kept here.

use crate::engine::{
    Engine,
    cache::{Cache, Change, Key, View},
    feed::Selection,
    queue::Queue,
    reconciler::{Outcome, Reconciler},
    writer::Writer,
};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tars_common::v1beta3::TAccount;

/// The longest pause between two runs. It limits the delay after somebody corrects the clock of the machine.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct AccountView {
    /// The resourceVersion that was seen.
    version: String,
    /// When each token expires, in the order of the tokens; `None` for a token that never does.
    expiries: Vec<Option<Timestamp>>,
    deleting: bool,
}

impl View for AccountView {}

impl AccountView {
    #[allow(clippy::unnecessary_wraps, reason = "every decoder has this signature")]
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

pub struct TAccountReconciler {
    queue: Queue<Key>,
    accounts: Cache<AccountView>,
    writer: Writer,
}

impl TAccountReconciler {
    pub fn open(engine: &mut Engine) -> Arc<Self> {
        let reconciler = Arc::new(Self {
            queue: Queue::default(),
            accounts: engine.watch(Selection::every(resource()), AccountView::of),
            writer: engine.writer(),
        });
        reconciler.accounts.listen(&reconciler, Self::on_account_change);
        reconciler
    }

    fn on_account_change(&self, change: &Change<AccountView>) {
        if change.new.as_ref().is_some_and(|account| account.expiries.iter().any(Option::is_some)) {
            self.queue.add(change.key.clone());
        }
    }
}

impl Reconciler for TAccountReconciler {
    const NAME: &'static str = "taccount";

    fn queue(&self) -> &Queue<Key> {
        &self.queue
    }

    /// Removes the expired tokens, and asks for another run when the next one expires.
    async fn reconcile(&self, key: &Key) -> Outcome {
        let Some(account) = self.accounts.get(key).filter(|account| !account.deleting) else { return Ok(None) };
        let (expired, pause) = plan(&account.expiries, Timestamp::now());
        if expired.is_empty() {
            return Ok(pause);
        }
        let remove = |index: &usize| json!({"op": "remove", "path": format!("/spec/authentication/tokens/{index}")});
        let answer = self.writer.patch(&resource(), key, &account.version, expired.iter().map(remove).collect()).await?;
        tracing::info!(tokens = expired.len(), "removed expired tokens");
        self.accounts.observe(answer);
        Ok(pause)
    }
}

/// The indexes of the expired tokens, last first, and the pause until the next token expires.
fn plan(expiries: &[Option<Timestamp>], now: Timestamp) -> (Vec<usize>, Option<Duration>) {
    let expired = expiries.iter().enumerate().filter(|(_, expiry)| expiry.is_some_and(|at| at <= now)).map(|(index, _)| index);
    let next = expiries.iter().flatten().filter(|at| **at > now).min();
    // A second more: the time in the object has no fraction, and an early run would do nothing.
    let pause = next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default() + Duration::from_secs(1));
    (expired.rev().collect(), pause.map(|pause| pause.min(LONGEST_PAUSE)))
}

fn resource() -> ApiResource {
    ApiResource::erase::<TAccount>(&())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        fake::{Shared, client},
        metrics::Metrics,
    };
    use tars_kit::lease::Fence;

    #[test]
    fn expired_tokens_go_from_the_last_to_the_first_and_the_next_expiry_is_waited_for() {
        let at = |second: i64| Timestamp::from_second(second).ok();
        let (expired, wait) = plan(&[at(10), None, at(100), at(50), at(20)], Timestamp::from_second(20).unwrap());
        assert_eq!(expired, [4, 0]);
        assert_eq!(wait, Some(Duration::from_secs(31)));
        assert_eq!(plan(&[None], Timestamp::UNIX_EPOCH), (vec![], None));
        assert_eq!(plan(&[at(i64::from(i32::MAX))], Timestamp::UNIX_EPOCH).1, Some(LONGEST_PAUSE));
    }

    #[tokio::test]
    async fn expired_tokens_are_removed_from_the_account_that_was_seen_and_no_secret_is_kept() {
        const ACCOUNT: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/taccounts/clerk";
        let world = Shared::default();
        let mut engine = Engine::new(client(&world), Arc::new(Metrics::default()), Fence::open());
        let reconciler = TAccountReconciler::open(&mut engine);
        let key = Key::new("bank", "clerk");
        let token = |content: &str, expiry: &str| json!({"name": content, "content": content, "expirationTime": expiry});
        let (old, new) = (token("s3cret-old", "2020-01-01T00:00:00Z"), token("s3cret-new", "2999-01-01T00:00:00Z"));
        let account = |tokens: Value| json!({"metadata": {"name": "clerk", "namespace": "bank"}, "spec": {"authentication": {"tokens": tokens}}});
        world.lock().unwrap().put(ACCOUNT, account(json!([old, new, old])));
        world.lock().unwrap().tell(&engine);
        assert!(!format!("{:?}", reconciler.accounts.get(&key)).contains("s3cret"));

        // Somebody logs in at the same moment.
        world.lock().unwrap().put(ACCOUNT, account(json!([new, old, new, old])));
        assert!(reconciler.reconcile(&key).await.is_err(), "another version than the one that was seen");
        let tokens = || world.lock().unwrap().get(ACCOUNT).unwrap()["spec"]["authentication"]["tokens"].clone();
        assert_eq!(tokens(), json!([new, old, new, old]));
        world.lock().unwrap().tell(&engine);
        assert!(reconciler.reconcile(&key).await.unwrap().is_some(), "it is looked at again when the next one expires");
        assert_eq!(tokens(), json!([new, new]));
    }
}
