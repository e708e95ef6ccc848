//! From the API server to the index: one watch per kind, one writer.
//!
//! ```text
//! watch(TEndpoint) ────────┐
//! watch(TTemplate) ────────┼─► changes, in order per kind ─► write ─► Index
//! watch(TFrameworkConfig) ─┘
//! ```
//!
//! No watch ever ends for good. While the API server is away the last known state is served; the age of the watches says so.

use crate::{
    index::{Change, Outcome, SourceKind, Writer},
    metrics::Metrics,
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
    task::JoinSet,
};

/// How long one watch lasts; the API server ends it then and it is opened again.
pub const WATCH_SECONDS: u32 = 50;
/// Objects per page of a list.
const PAGE: u32 = 500;
/// Changes that may wait for the writer.
const QUEUE: usize = 1_024;
/// Most changes that are taken up before readers see them.
const BATCH: usize = 256;
/// After so many refusals in a row everything is listed anew: resuming from the last version may be what is refused.
const REFUSALS_BEFORE_LIST: u32 = 6;
/// Pause before that.
const LIST_PAUSE: Duration = Duration::from_secs(5);
/// Pauses between attempts double from the first to the longest of these, with jitter. The longest is short, because an answer may
/// be wrong for as long as it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// After so long without a failure the pauses begin with the first again.
const FORGET_AFTER: Duration = Duration::from_mins(1);

/// An object that the index is made of.
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

/// Keeps the index of `writer` up to date for as long as it runs. `synced` becomes true once every kind was listed.
///
/// It only returns when one of its tasks panicked, with that task's failure.
pub async fn run(
    client: Client,
    namespace: &str,
    writer: Writer,
    metrics: Metrics,
    synced: watch::Sender<bool>,
) -> Result<(), tokio::task::JoinError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let all = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
    let framework = all.clone().fields(&format!("metadata.name={FRAMEWORK_CONFIG}"));
    let mut tasks = JoinSet::new();
    tasks.spawn(watch::<EndpointObject>(
        Api::namespaced(client.clone(), namespace),
        all.clone(),
        sender.clone(),
        metrics.clone(),
    ));
    tasks.spawn(watch::<TemplateObject>(Api::namespaced(client.clone(), namespace), all, sender.clone(), metrics.clone()));
    tasks.spawn(watch::<FrameworkObject>(Api::namespaced(client, namespace), framework, sender, metrics.clone()));
    tasks.spawn(write(receiver, writer, metrics, synced));
    tasks.join_next().await.unwrap_or(Ok(()))
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
                    tracing::warn!(resource = K::KIND.plural(), %error, "watch failed, serving what is known; trying again");
                    continue;
                }
            };
            // `Init` is made without asking the API server, so it is no sign of success.
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

/// Whether the API server answered that it will not do this, rather than being away or overloaded.
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
                tracing::warn!(resource = kind.plural(), name, %error, "object can't be used, keeping what was known of it");
            }
        }
        writer.publish();
        if writer.is_synced() {
            synced.send_if_modified(|synced| !std::mem::replace(synced, true));
        }
    }
}
