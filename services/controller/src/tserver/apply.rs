//! Brings about what was described, and writes nothing where it already is so.
//!
//! ```text
//! wanted ─┐
//! live ───┴─► ours? ─no─► OutControl                    (never changed, never deleted)
//!              └yes─► same as what we own? ─yes─► silence
//!                                          └no──► server-side apply, forced, for this uid only
//! ```

mod claim_templates;
mod local_claims;
mod record;

pub use record::Entry;

use super::{
    build::{Applied, Objects, Prepared},
    dereference::{Found, LiveObjects},
    validate::Validated,
};
use crate::{
    cache::{Key, View as _},
    context::Context,
    fields,
    view::{Kind, Live},
};
use kube::api::PropagationPolicy;
use serde_json::Value;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
};
use tars_common::names::message;

/// Why a derived object is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is taken by an object of somebody else.
    #[error("{}", message::foreign(&kind.name().to_lowercase(), &key.namespace, &key.name))]
    Foreign {
        /// Its kind.
        kind: Kind,
        /// Its name.
        key: Key,
    },
    /// An object on its way out has the name.
    #[error("{} {key} is being deleted, its successor must wait", kind.name())]
    Leaving {
        /// Its kind.
        kind: Kind,
        /// Its name.
        key: Key,
    },
    /// The StatefulSet was deleted, because claim templates never change.
    #[error("StatefulSet {key} is replaced by one with other claim templates")]
    Replacing {
        /// Its name.
        key: Key,
    },
    /// The namespace is being deleted, and everything in it.
    #[error("namespace {namespace} is being deleted, nothing new can be made in it")]
    NamespaceEnds {
        /// Its name.
        namespace: String,
    },
    /// The API server said no, or nothing.
    #[error("{}", message::failed(verb, kind, &key.namespace, &key.name, reason(source)))]
    Api {
        /// What was tried.
        verb: &'static str,
        /// On which kind.
        kind: &'static str,
        /// On which object.
        key: Key,
        /// What came of it.
        source: Box<kube::Error>,
    },
}

impl Error {
    fn api(verb: &'static str, kind: &'static str, key: &Key, source: kube::Error) -> Self {
        if namespace_ends(&source) {
            return Self::NamespaceEnds { namespace: key.namespace.clone() };
        }
        Self::Api { verb, kind, key: key.clone(), source: Box::new(source) }
    }

    /// Whether this is part of the normal course of things: something must go before something else can come.
    pub const fn is_expected(&self) -> bool {
        matches!(self, Self::Leaving { .. } | Self::Replacing { .. } | Self::NamespaceEnds { .. })
    }

    /// Whether the API server refused what was asked, so that asking again is of little use.
    pub fn is_refusal(&self) -> bool {
        let Self::Api { source, .. } = self else { return false };
        matches!(&**source, kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422))
    }

    /// The outcome in metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "foreign",
            Self::Leaving { .. } | Self::Replacing { .. } | Self::NamespaceEnds { .. } => "replacing",
            Self::Api { .. } => "api",
        }
    }
}

/// Whether the API server refused because the namespace is on its way out.
fn namespace_ends(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    status.details.as_ref().is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
}

/// The sentence of the API server, without the decoration of the client library.
pub fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => other.to_string(),
    }
}

/// Applied states that the API server stored with other values than we sent. Without this memory, one unforeseen default would
/// make us write the same thing for ever.
#[derive(Debug, Default)]
pub struct Settled(Mutex<HashMap<(Kind, Key), (u64, u64)>>);

impl Settled {
    fn contains(&self, kind: Kind, key: &Key, wanted: &Value, owned: &Value) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(kind, key.clone())) == Some(&(digest(wanted), digest(owned)))
    }

    fn insert(&self, kind: Kind, key: &Key, wanted: &Value, owned: &Value) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((kind, key.clone()), (digest(wanted), digest(owned)));
    }

    /// Forgets everything about `key`.
    pub fn forget(&self, key: &Key) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.is_empty() {
            known.retain(|(_, other), _| other != key);
        }
    }
}

fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

/// Brings `objects` about. What fails does not stop the others; all failures come back.
pub async fn apply(
    context: &Context,
    server: &Validated,
    found: &Found,
    objects: Objects<Prepared>,
    exits: &[Entry],
) -> (Objects<Applied>, Vec<Error>) {
    let LiveObjects { service: live_service, stateful_set: live_set, daemon_set: live_daemons, endpoint: live_endpoint, record } =
        &found.live;
    let task = |kind: Kind| Task { context, server, kind, resource: kind.resource() };
    let (service, stateful_set, daemon_set, endpoint, record, claims) = futures::join!(
        async { task(Kind::Service).settle(objects.service.as_ref(), live_service.clone()).await },
        async { task(Kind::StatefulSet).settle(objects.stateful_set.as_ref(), live_set.clone()).await },
        async { task(Kind::DaemonSet).settle(objects.daemon_set.as_ref(), live_daemons.clone()).await },
        async { task(Kind::TEndpoint).settle(Some(&objects.endpoint), live_endpoint.clone()).await },
        async { task(Kind::TExitedRecord).record(&objects.record, record.clone(), found.framework.as_deref(), exits).await },
        local_claims::volumes(context, server, found),
    );
    let failures = [service, stateful_set, daemon_set, endpoint, record].into_iter().filter_map(Result::err);
    let failures = failures.chain(claims).collect();
    (objects.applied(), failures)
}

/// What became of an object.
#[derive(Clone, Copy, Debug)]
enum Did {
    Created,
    Changed,
    Deleted,
}

/// Says so, once for each write that took effect; where everything is as it should be there is none.
fn wrote(did: Did, kind: &'static str, object: &Key, server: &Key) {
    let did = match did {
        Did::Created => "created",
        Did::Changed => "changed",
        Did::Deleted => "deleted",
    };
    tracing::info!(kind, %object, %server, "{did}");
}

/// One kind of one server.
struct Task<'a> {
    context: &'a Context,
    server: &'a Validated,
    kind: Kind,
    resource: kube::api::ApiResource,
}

impl Task<'_> {
    fn key(&self) -> &Key {
        &self.server.key
    }

    fn wrote(&self, did: Did) {
        wrote(did, self.kind.name(), self.key(), self.key());
    }

    fn failed(&self, verb: &'static str) -> impl FnOnce(kube::Error) -> Error {
        let (kind, key) = (self.kind.name(), self.key().clone());
        move |source| Error::api(verb, kind, &key, source)
    }

    /// Makes the object exist as wanted, or not at all.
    async fn settle(&self, wanted: Option<&Value>, live: Option<Arc<Live>>) -> Result<(), Error> {
        match wanted {
            Some(wanted) => self.ensure(wanted, live).await,
            None => self.remove(live).await,
        }
    }

    /// Deletes what is ours and no longer wanted. What belongs to others is not in the way, since nothing of that name is wanted.
    async fn remove(&self, live: Option<Arc<Live>>) -> Result<(), Error> {
        let Some(live) = live.filter(|live| !live.deleting && live.is_of(&self.server.uid)) else { return Ok(()) };
        let deleted = self.context.writer.delete(&self.resource, self.key(), &live.uid, PropagationPolicy::Background);
        deleted.await.map_err(self.failed("delete"))?;
        self.wrote(Did::Deleted);
        Ok(())
    }

    async fn ensure(&self, wanted: &Value, live: Option<Arc<Live>>) -> Result<(), Error> {
        let live = match live {
            // All TEndpoints are watched, so one that is not in the cache is not there.
            None if self.kind != Kind::TEndpoint => self.look().await?,
            live => live,
        };
        let Some(live) = live else {
            // Nothing of this name was there a moment ago. Not forced: whoever came first since then keeps the name.
            return self.send(wanted, None, false).await;
        };
        self.check_owner(&live)?;
        if self.kind == Kind::StatefulSet {
            return self.ensure_stateful_set(wanted, &live).await;
        }
        self.compare_and_send(wanted, &live).await
    }

    /// Asks the API server itself: the watches select by label, so an object of this name without labels is not in the cache.
    async fn look(&self) -> Result<Option<Arc<Live>>, Error> {
        let object = self.context.writer.get(&self.resource, self.key()).await.map_err(self.failed("get"))?;
        let Some(object) = object else { return Ok(None) };
        let live = Live::of(object).map_err(|error| self.failed("get")(kube::Error::SerdeError(error)))?;
        Ok(Some(Arc::new(live)))
    }

    fn check_owner(&self, live: &Live) -> Result<(), Error> {
        let (kind, key) = (self.kind, self.key().clone());
        if live.deleting {
            return Err(Error::Leaving { kind, key });
        }
        match &live.controller {
            Some(controller) if controller.uid == self.server.uid => Ok(()),
            // Of an earlier TServer of this name; it is collected soon.
            Some(controller) if controller.kind == "TServer" => Err(Error::Leaving { kind, key }),
            _ => Err(Error::Foreign { kind, key }),
        }
    }

    async fn compare_and_send(&self, wanted: &Value, live: &Live) -> Result<(), Error> {
        if live.predecessor {
            self.take_over().await?;
        } else {
            let (mine, owned) = (comparable(wanted), comparable(&live.owned()));
            if fields::same(&mine, &owned) || self.context.settled.contains(self.kind, self.key(), &mine, &owned) {
                return Ok(());
            }
        }
        self.send(wanted, Some(live), true).await
    }

    /// Applies. `live` names the object that is meant: if another one has its name by now, the API server says 409.
    async fn send(&self, wanted: &Value, live: Option<&Live>, force: bool) -> Result<(), Error> {
        let mut body = wanted.clone();
        if let (Some(live), Some(metadata)) = (live, body.get_mut("metadata").and_then(Value::as_object_mut)) {
            metadata.insert("uid".to_owned(), live.uid.clone().into());
        }
        let answer = self.context.writer.apply(&self.resource, self.key(), &body, force).await.map_err(self.failed("apply"))?;
        self.wrote(if live.is_some() { Did::Changed } else { Did::Created });
        if let Some(after) = self.context.caches.live(self.kind).observe(answer) {
            let (mine, owned) = (comparable(wanted), comparable(&after.owned()));
            if !fields::same(&mine, &owned) {
                tracing::debug!(kind = self.kind.name(), %mine, %owned, "the API server stored something else than was sent");
                self.context.settled.insert(self.kind, self.key(), &mine, &owned);
            }
        }
        Ok(())
    }

    /// Makes the fields of the previous controller ours, so that those that we do not want go with the next apply. Nothing of the
    /// object changes but the record of who owns what.
    async fn take_over(&self) -> Result<(), Error> {
        let object = self.context.writer.get(&self.resource, self.key()).await.map_err(self.failed("get"))?;
        let Some(object) = object else { return Ok(()) };
        let version = object.metadata.resource_version.clone();
        let whole = serde_json::to_value(&object).map_err(|error| self.failed("get")(kube::Error::SerdeError(error)))?;
        let Some(managed) = fields::taken_over(&whole) else { return Ok(()) };
        let operations = serde_json::json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/metadata/managedFields", "value": managed},
        ]);
        self.context.writer.patch(&self.resource, self.key(), operations).await.map_err(self.failed("patch"))?;
        tracing::info!(kind = self.kind.name(), "took over from the previous controller");
        Ok(())
    }
}

/// `object` without what identifies it and without what never changes: what is compared.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind" | "status"));
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| matches!(name.as_str(), "labels" | "annotations" | "ownerReferences"));
        }
        if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
            // Claim templates are compared by themselves; an atomic list also holds the server's defaults.
            spec.retain(|name, _| name != "volumeClaimTemplates");
        }
    }
    object
}
