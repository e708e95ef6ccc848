//! Knows the endpoints of an object and chooses the next one (`docs/reference/wire.md#11.4` to `docs/reference/wire.md#11.6`).

use super::{error::CallError, link::Link, options::ClientOptions, push::PushHandler, rotation::plan_round};
use crate::endpoint::Endpoint;
use futures::future::BoxFuture;
use std::{
    collections::HashMap,
    fmt::Debug,
    io,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How long an endpoint that failed is blocked. If all endpoints are blocked, calls go to them nevertheless.
const BLOCK: Duration = Duration::from_secs(10);
/// After this many failed calls in a row an endpoint is blocked. A connection that cannot be made blocks it at once.
const FAILURES: u32 = 5;
/// How long after a failed or an empty answer the name service is asked again.
const RETRY: Duration = Duration::from_secs(10);

/// One endpoint, its connection and its health.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) endpoint: Endpoint,
    link: Mutex<Option<Arc<Link>>>,
    connecting: tokio::sync::Mutex<()>,
    failures: AtomicU32,
    blocked_until: Mutex<Option<Instant>>,
}

impl Slot {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            link: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            failures: AtomicU32::new(0),
            blocked_until: Mutex::default(),
        }
    }

    /// Returns the open connection, or makes a new one. Callers that need a new one at the same time share it.
    pub(super) async fn connect(
        &self,
        object: &str,
        options: &Arc<ClientOptions>,
        pushes: &PushHandler,
    ) -> io::Result<Arc<Link>> {
        if let Some(link) = self.usable_link() {
            return Ok(link);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(link) = self.usable_link() {
            return Ok(link);
        }
        let link = Arc::new(Link::open(&self.endpoint, object, options, pushes).await?);
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&link));
        Ok(link)
    }

    fn usable_link(&self) -> Option<Arc<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).as_ref().filter(|link| link.is_usable()).cloned()
    }

    /// Notes that a call was answered.
    pub(super) fn record_success(&self) {
        if self.failures.swap(0, Relaxed) > 0 {
            *self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Notes that a call got no answer. `at_once` blocks the endpoint without waiting for further failures.
    pub(super) fn record_failure(&self, at_once: bool) {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if at_once || failures >= FAILURES {
            *self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + BLOCK);
        }
    }

    fn is_blocked(&self) -> bool {
        if self.failures.load(Relaxed) == 0 {
            return false;
        }
        let blocked_until = *self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        blocked_until.is_some_and(|until| Instant::now() < until)
    }
}

/// The endpoints of an object at one time.
#[derive(Debug)]
pub(super) struct Group {
    active: Vec<Arc<Slot>>,
    /// These are not called. They are kept so that their connections still bring answers, and are there when the endpoint becomes
    /// active again.
    inactive: Vec<Arc<Slot>>,
    turns: Vec<usize>,
    next: AtomicUsize,
}

impl Group {
    fn new(active: Vec<Endpoint>, inactive: Vec<Endpoint>, previous: Option<&Self>) -> Self {
        let known: HashMap<&Endpoint, &Arc<Slot>> = previous
            .into_iter()
            .flat_map(|group| group.active.iter().chain(&group.inactive))
            .map(|slot| (&slot.endpoint, slot))
            .collect();
        let slot =
            |endpoint: Endpoint| known.get(&endpoint).map_or_else(|| Arc::new(Slot::new(endpoint)), |slot| Arc::clone(slot));
        let weights: Vec<i32> = active.iter().map(|endpoint| endpoint.weight).collect();
        let weighted = active.iter().all(|endpoint| endpoint.weight_type == 1);
        let turns = plan_round(active.len(), weighted.then_some(&weights));
        Self {
            active: active.into_iter().map(slot).collect(),
            inactive: inactive.into_iter().map(slot).collect(),
            turns,
            next: AtomicUsize::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.active.len()
    }

    /// Chooses the next endpoint in turn that is not in `tried` and not blocked. If all others are blocked, it chooses a blocked
    /// one.
    pub(super) fn choose(&self, tried: &[Arc<Slot>]) -> Option<Arc<Slot>> {
        let turn = self.next.fetch_add(1, Relaxed);
        let candidates = (0..self.turns.len()).map(|offset| &self.active[self.turns[(turn + offset) % self.turns.len()]]);
        let mut untried = candidates.filter(|slot| !tried.iter().any(|other| Arc::ptr_eq(slot, other)));
        let first = untried.next()?;
        if !first.is_blocked() {
            return Some(Arc::clone(first));
        }
        Some(Arc::clone(untried.find(|slot| !slot.is_blocked()).unwrap_or(first)))
    }
}

/// Finds out where an object is served.
pub(super) trait Resolve: Debug + Send + Sync {
    /// Asks for the endpoints of `object`. Neither list contains an endpoint twice.
    fn resolve<'a>(&'a self, object: &'a str) -> BoxFuture<'a, Result<Resolved, CallError>>;
}

/// The endpoints of an object as the name service answered them.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Endpoints to call.
    pub(super) active: Vec<Endpoint>,
    /// Endpoints that exist but must not be called now.
    pub(super) inactive: Vec<Endpoint>,
}

/// Knows the endpoints of one object.
#[derive(Debug)]
pub(super) struct Directory {
    group: RwLock<Option<Arc<Group>>>,
    source: Option<Source>,
}

/// The source of endpoints that are not fixed.
#[derive(Debug)]
struct Source {
    resolver: Arc<dyn Resolve>,
    next_refresh: Mutex<Option<Instant>>,
    refreshing: AtomicBool,
    /// The caller that asks for the first time holds this lock while the others wait.
    first: tokio::sync::Mutex<()>,
}

impl Directory {
    pub(super) fn fixed(endpoints: Vec<Endpoint>) -> Self {
        Self { group: RwLock::new(Some(Arc::new(Group::new(endpoints, Vec::new(), None)))), source: None }
    }

    pub(super) fn resolved_by(resolver: Arc<dyn Resolve>) -> Self {
        let source = Source {
            resolver,
            next_refresh: Mutex::default(),
            refreshing: AtomicBool::new(false),
            first: tokio::sync::Mutex::default(),
        };
        Self { group: RwLock::default(), source: Some(source) }
    }

    fn current(&self) -> Option<Arc<Group>> {
        self.group.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the endpoints of `object`. If none are known, it asks for them and waits. If the known ones are old, it returns
    /// them and asks in the background.
    pub(super) async fn find_group(
        self: &Arc<Self>,
        object: &Arc<str>,
        options: &Arc<ClientOptions>,
    ) -> Result<Arc<Group>, CallError> {
        let no_endpoint = || CallError::NoEndpoint { object: object.to_string() };
        let Some(source) = &self.source else { return self.current().ok_or_else(no_endpoint) };
        if let Some(group) = self.current() {
            if source.is_due() && !source.refreshing.swap(true, Relaxed) {
                let (this, object, options) = (Arc::clone(self), Arc::clone(object), Arc::clone(options));
                tokio::spawn(async move { this.refresh_in_background(&object, &options).await });
            }
            return Ok(group);
        }
        let _first = source.first.lock().await;
        if let Some(group) = self.current() {
            return Ok(group);
        }
        self.refresh(source, object, options).await?;
        self.current().ok_or_else(no_endpoint)
    }

    async fn refresh_in_background(&self, object: &str, options: &ClientOptions) {
        let Some(source) = &self.source else { return };
        if let Err(error) = self.refresh(source, object, options).await {
            tracing::warn!(object, %error, "cannot refresh the endpoints, the known ones stay in use");
        }
        source.refreshing.store(false, Relaxed);
    }

    /// Asks for the endpoints. An empty active list does not replace known endpoints.
    async fn refresh(&self, source: &Source, object: &str, options: &ClientOptions) -> Result<(), CallError> {
        source.schedule_refresh(RETRY);
        let Resolved { active, inactive } = source.resolver.resolve(object).await?;
        if active.is_empty() {
            return Ok(());
        }
        let mut group = self.group.write().unwrap_or_else(PoisonError::into_inner);
        let next = Group::new(active, inactive, group.as_deref());
        *group = Some(Arc::new(next));
        source.schedule_refresh(options.refresh_interval);
        Ok(())
    }
}

impl Source {
    fn is_due(&self) -> bool {
        let next = *self.next_refresh.lock().unwrap_or_else(PoisonError::into_inner);
        next.is_none_or(|next| Instant::now() >= next)
    }

    fn schedule_refresh(&self, time: Duration) {
        *self.next_refresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }
}
