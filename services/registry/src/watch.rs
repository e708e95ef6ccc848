//! Carries the state of the API server into the index: one watch for each kind, and one writer
//! (docs/reference/name-service.md#A4.3).
//!
//! ```text
//! watch(TEndpoint) ────────┐
//! watch(TTemplate) ────────┼─► changes, in order for each kind ─► write ─► Index
//! watch(TFrameworkConfig) ─┘
//! ```
//!
//! No watch ever ends for good. While the API server is away, the last known state is served, and the metric `watch_age_seconds`
//! shows the age of that state.

use crate::{
    index::{Change, Outcome, SourceKind, Writer},
    metrics::{Contacts, Metrics},
    objects::{EndpointObject, FrameworkObject, TemplateObject},
};
use backon::ExponentialBuilder;
use futures::StreamExt;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt,
        utils::ResetTimerBackoff,
        watcher,
        watcher::{Event, ExponentialBackoff},
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, time::Duration};
use tars_common::names::FRAMEWORK_CONFIG;
use tars_kit::causes::with_sources;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
};

/// How long one watch lasts. Then the API server ends it, and it is opened again.
const WATCH_SECONDS: u32 = 50;
/// Objects per page of a list.
const PAGE: u32 = 500;
/// How many changes may wait for the writer.
const QUEUE: usize = 1_024;
/// How many changes at most are applied before they are published to readers.
const BATCH: usize = 256;
/// After so many refusals in a row the kind is listed anew. The API server may be refusing to resume from the last version.
const REFUSALS_BEFORE_LIST: u32 = 6;
/// The pause before that list.
const LIST_PAUSE: Duration = Duration::from_secs(5);
/// Pauses between attempts double from the first to the longest one, with jitter. The longest pause is short, because an answer may
/// be wrong for that long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// After so long without a failure the next pause is the first one again.
const FORGET_AFTER: Duration = Duration::from_mins(1);

/// A kind of objects that the index is built from.
trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static
{
    const KIND: SourceKind;
    fn into_change(self) -> Change;
}

impl Watched for EndpointObject {
    const KIND: SourceKind = SourceKind::Endpoint;

    fn into_change(self) -> Change {
        Change::Endpoint(self)
    }
}

impl Watched for TemplateObject {
    const KIND: SourceKind = SourceKind::Template;

    fn into_change(self) -> Change {
        Change::Template(self)
    }
}

impl Watched for FrameworkObject {
    const KIND: SourceKind = SourceKind::Framework;

    fn into_change(self) -> Change {
        Change::Framework(self)
    }
}

/// Keeps the index of `writer` up to date, and `contacts`. `synced` becomes true once every kind was listed.
///
/// Returns when one of its tasks ends. A task ends only by a panic, which is the error.
pub async fn run(
    client: Client,
    contacts: Contacts,
    namespace: &str,
    writer: Writer,
    metrics: Metrics,
    synced: watch::Sender<bool>,
) -> Result<(), JoinError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let all = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
    let framework = all.clone().fields(&format!("metadata.name={FRAMEWORK_CONFIG}"));
    let mut tasks = JoinSet::new();
    tasks.spawn(watch::<EndpointObject>(find(&client, &contacts, namespace), all.clone(), sender.clone(), metrics.clone()));
    tasks.spawn(watch::<TemplateObject>(find(&client, &contacts, namespace), all, sender.clone(), metrics.clone()));
    tasks.spawn(watch::<FrameworkObject>(find(&client, &contacts, namespace), framework, sender, metrics.clone()));
    tasks.spawn(write(receiver, writer, metrics, synced));
    tasks.join_next().await.unwrap_or(Ok(()))
}

/// The objects of one kind, through a client that records when the API server spoke of them.
fn find<K: Watched>(client: &Client, contacts: &Contacts, namespace: &str) -> Api<K> {
    Api::namespaced(contacts[K::KIND.position()].observe(client), namespace)
}

async fn watch<K: Watched>(api: Api<K>, config: watcher::Config, changes: mpsc::Sender<Change>, metrics: Metrics) {
    loop {
        let mut events = std::pin::pin!(
            watcher(api.clone(), config.clone())
                .backoff(ResetTimerBackoff::new(ExponentialBackoff::from(build_backoff()), FORGET_AFTER))
        );
        let mut refusals = 0;
        while refusals < REFUSALS_BEFORE_LIST
            && let Some(event) = events.next().await
        {
            let change = match event {
                Ok(Event::Init) => Change::ListBegins(K::KIND),
                Ok(Event::InitApply(object) | Event::Apply(object)) => object.into_change(),
                Ok(Event::Delete(object)) => Change::Gone(K::KIND, object.name_any()),
                Ok(Event::InitDone) => Change::ListEnds(K::KIND),
                Err(error) => {
                    refusals += u32::from(is_refusal(&error));
                    metrics.count_watch_failure(K::KIND);
                    let error = with_sources(&error);
                    tracing::warn!(resource = K::KIND.plural(), %error, "the watch failed, trying again; meanwhile the last known state is served");
                    continue;
                }
            };
            // The watcher makes `Init` without asking the API server, so `Init` does not show that the API server works.
            if !matches!(change, Change::ListBegins(_)) {
                refusals = 0;
            }
            if changes.send(change).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(LIST_PAUSE).await;
    }
}

fn build_backoff() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE).without_max_times().with_jitter()
}

/// Whether the API server refused the request, as opposed to being away or overloaded.
fn is_refusal(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => (400..500).contains(&status.code) && status.code != 429,
        _ => false,
    }
}

async fn write(mut changes: mpsc::Receiver<Change>, mut writer: Writer, metrics: Metrics, synced: watch::Sender<bool>) {
    let mut batch = Vec::with_capacity(BATCH);
    while changes.recv_many(&mut batch, BATCH).await > 0 {
        for change in batch.drain(..) {
            if let Outcome::Skipped { kind, name, error } = writer.apply(change) {
                metrics.count_skipped_object(kind);
                tracing::warn!(resource = kind.plural(), name, %error, "the object cannot be used, its last usable version stays");
            }
        }
        writer.publish();
        if writer.is_synced() {
            synced.send_if_modified(|synced| !std::mem::replace(synced, true));
        }
    }
}
