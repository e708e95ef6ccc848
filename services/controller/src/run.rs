//! From a configuration to a process that reconciles until it is told to stop.
//!
//! ```text
//! watches ──► caches ──► queues         on every instance, from the start
//!                          │
//! Lease held ──────────► workers        on the leader only; the loss of the Lease ends the process
//! ```

use crate::{
    api::Writer,
    cache::Key,
    context::{Caches, Context, Queues},
    metrics::Metrics,
    node,
    queue::Queue,
    route, taccount, tconfig, timage, tserver, ttree,
};
use kube::{
    Client,
    runtime::events::{Recorder, Reporter},
};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tars_common::names;
use tars_kit::{
    grpc,
    health::Health,
    lease::{Elector, Timing},
    metrics as metrics_endpoint,
    process::{self, Fatal, listen},
    shutdown,
    tasks::Tasks,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The health check that holds once every cache has had its first list.
const CACHES: &str = "caches";
/// Workers that are under way when the process is told to stop have this long; the kubelet kills after 30 s.
const GRACE: Duration = Duration::from_secs(15);
/// Configurations come in bursts when a front end saves them, each a write or two.
const CONFIG_WORKERS: u16 = 4;
/// An answer that takes longer than this is an error: a worker must not wait for ever on a connection that died silently.
const ANSWER: Duration = Duration::from_secs(30);

/// How the controller runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Address of gRPC health.
    #[arg(long, env = "GRPC_LISTEN", default_value = "0.0.0.0:9444")]
    pub grpc_listen: SocketAddr,
    /// Address of the metrics.
    #[arg(long, env = "METRICS_LISTEN", default_value = "0.0.0.0:9445")]
    pub metrics_listen: SocketAddr,
    /// Namespace of the leader's Lease [default: that of the service account, else tars-system].
    #[arg(long, env = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Name of the leader's Lease. Instances with the same one take turns.
    #[arg(long, env = "LEASE_NAME", default_value = names::CONTROLLER_LEASE)]
    pub lease_name: String,
    /// How many TServers are worked on at the same time.
    #[arg(long, env = "WORKERS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub workers: u16,
}

/// Why the work ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// Another instance may write now.
    #[error("leadership was lost, another instance takes over")]
    LeadershipLost,
    /// Workers never end by themselves.
    #[error("a worker ended unexpectedly")]
    Worker,
}

/// Runs until a signal says stop.
///
/// # Errors
/// Everything that makes going on pointless; the process should end with it, and be started again.
pub async fn run(args: Args) -> Result<(), Fatal> {
    let namespace = args.namespace.clone().or_else(tars_kit::own_namespace).unwrap_or_else(|| names::SYSTEM_NAMESPACE.to_owned());
    let grpc_listener = listen(args.grpc_listen).await?;
    let metrics_listener = listen(args.metrics_listen).await?;
    let stop = shutdown::signal().map_err(Fatal::configuration)?;
    let client = client().await?;

    let mut registry = tars_kit::metrics::registry("tars_controller", env!("CARGO_PKG_VERSION"));
    let metrics = Arc::new(Metrics::register(&mut registry));
    let context = Arc::new(context(client.clone(), metrics));
    let health = Health::new(&[CACHES]).await;
    let routes = grpc::routes(&health, &[]).map_err(Fatal::configuration)?;
    let watches = route::start(&context, &client);

    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("the gRPC server", grpc::serve(grpc_listener, routes, stop.clone()));
    tasks.spawn("the metrics server", metrics_endpoint::serve(metrics_listener, Arc::new(registry), stop.clone()));
    tasks.spawn("the watches", watch(watches, stop.clone()));
    let seen = context.clone();
    tasks.spawn("the look at the caches", health.announce(CACHES, async move { seen.caches.synced().await }, stop.clone()));
    tasks.spawn("the work", lead(context, client, namespace, args, stop));
    Ok(tasks.join().await?)
}

async fn client() -> Result<Client, Fatal> {
    let mut config = process::cluster().await?;
    config.connect_timeout = Some(Duration::from_secs(10));
    Client::try_from(config).map_err(Fatal::configuration)
}

/// Ends with the first of the watches, none of which may.
async fn watch(mut watches: JoinSet<()>, stop: CancellationToken) -> Result<(), Infallible> {
    tokio::select! {
        () = stop.cancelled() => {}
        _ = watches.join_next() => {}
    }
    Ok(())
}

/// A context with empty caches and queues.
pub fn context(client: Client, metrics: Arc<Metrics>) -> Context {
    let reporter = Reporter { controller: crate::fields::MANAGER.to_owned(), instance: Some(tars_kit::instance_name()) };
    Context {
        caches: Caches::default(),
        queues: Queues::default(),
        writer: Writer::new(client.clone(), metrics.clone(), ANSWER),
        recorder: Recorder::new(client, reporter),
        exits: crate::texitedrecord::Exits::default(),
        settled: tserver::apply::Settled::default(),
        patience: tserver::events::Patience::default(),
        metrics,
    }
}

/// Waits for the Lease, works while it is held.
async fn lead(
    context: Arc<Context>,
    client: Client,
    namespace: String,
    args: Args,
    stop: CancellationToken,
) -> Result<(), Error> {
    // Unique among replicas by the pod's name, and among the lives of one by the time of its start.
    let identity = format!("{}_{:x}", tars_kit::instance_name(), jiff::Timestamp::now().as_nanosecond());
    let elector = Elector::new(client, &namespace, &args.lease_name, identity, Timing::default());
    let Some(leadership) = elector.acquire(&stop).await else { return Ok(()) };
    context.exits.lead();
    tokio::select! {
        () = context.caches.synced() => {}
        () = leadership.lost.cancelled() => return Err(Error::LeadershipLost),
        () = stop.cancelled() => { leadership.release().await; return Ok(()) }
    }
    context.metrics.leading(true);
    let began = Instant::now();
    let halt = CancellationToken::new();
    // Counted in the cache: the queue is emptied from the moment that there are workers.
    let servers = context.caches.servers.keys(|_, _| true).len();
    tracing::info!(workers = args.workers, servers, "reconciling");
    let mut workers = workers(&context, args.workers, &halt);
    let result = tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = leadership.lost.cancelled() => Err(Error::LeadershipLost),
        _ = workers.join_next() => Err(Error::Worker),
    };
    context.metrics.leading(false);
    halt.cancel();
    if result.is_err() {
        // Whoever leads now writes; what is under way here is cut off, and repaired there.
        workers.shutdown().await;
        return result;
    }
    let finished = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finished).await.is_err() {
        tracing::warn!(grace = ?GRACE, "some work did not end in time");
        workers.shutdown().await;
    }
    leadership.release().await;
    tracing::info!(led_for = ?began.elapsed(), "stopped");
    Ok(())
}

/// The workers of every queue: many for TServers, one each where a key is a whole namespace or rarely changes.
fn workers(context: &Arc<Context>, servers: u16, halt: &CancellationToken) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    for (reconciler, count) in [
        (Reconciler::TServer, servers),
        (Reconciler::Node, 1),
        (Reconciler::TTree, 1),
        (Reconciler::TConfig, CONFIG_WORKERS),
        (Reconciler::TAccount, 1),
        (Reconciler::TImage, 1),
    ] {
        for _ in 0..count {
            workers.spawn(work(context.clone(), reconciler, halt.clone()));
        }
    }
    workers
}

/// The reconcilers.
#[derive(Clone, Copy, Debug)]
enum Reconciler {
    TServer,
    Node,
    TTree,
    TConfig,
    TAccount,
    TImage,
}

/// What a worker needs to know of a failure.
struct Failure {
    category: &'static str,
    retry: bool,
    /// Part of the normal course of things.
    expected: bool,
    text: String,
}

impl From<tserver::Error> for Failure {
    fn from(error: tserver::Error) -> Self {
        Self {
            category: error.category(),
            retry: error.is_ours_to_retry(),
            expected: error.is_expected(),
            text: error.to_string(),
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        Self { category: "api", retry: true, expected: false, text: tserver::apply::reason(&error) }
    }
}

impl Reconciler {
    const fn name(self) -> &'static str {
        match self {
            Self::TServer => "tserver",
            Self::Node => "node",
            Self::TTree => "ttree",
            Self::TConfig => "tconfig",
            Self::TAccount => "taccount",
            Self::TImage => "timage",
        }
    }

    const fn queue(self, queues: &Queues) -> &Queue<Key> {
        match self {
            Self::TServer => &queues.servers,
            Self::Node => &queues.nodes,
            Self::TTree => &queues.trees,
            Self::TConfig => &queues.configs,
            Self::TAccount => &queues.accounts,
            Self::TImage => &queues.images,
        }
    }

    /// One run. Gives back when to look again although nothing changes.
    async fn reconcile(self, context: &Context, key: &Key) -> Result<Option<Duration>, Failure> {
        match self {
            Self::TServer => tserver::reconcile(context, key).await?,
            Self::Node => node::reconcile(context, key).await?,
            Self::TTree => ttree::reconcile(context, key).await?,
            Self::TConfig => tconfig::reconcile(context, key).await?,
            Self::TAccount => return Ok(taccount::reconcile(context, key).await?),
            Self::TImage => return Ok(timage::reconcile(context, key).await?),
        }
        Ok(None)
    }
}

/// One worker: takes a key, runs the reconciler in a span, decides about the next try.
async fn work(context: Arc<Context>, reconciler: Reconciler, halt: CancellationToken) {
    let queue = reconciler.queue(&context.queues);
    loop {
        let key = tokio::select! {
            biased;
            () = halt.cancelled() => return,
            key = queue.next() => key,
        };
        let span = tracing::info_span!("reconcile", reconciler = reconciler.name(), namespace = key.namespace, name = key.name);
        let began = Instant::now();
        let outcome = reconciler.reconcile(&context, &key).instrument(span.clone()).await;
        let category = outcome.as_ref().err().map_or("ok", |failure| failure.category);
        context.metrics.run(reconciler.name(), category, began.elapsed());
        match outcome {
            Ok(again) => {
                queue.forget(&key);
                if let Some(pause) = again {
                    queue.add_after(key.clone(), pause);
                }
            }
            Err(failure) if failure.retry => {
                let pause = queue.retry(key.clone());
                span.in_scope(|| {
                    if failure.expected {
                        tracing::debug!(reason = failure.text, ?pause, "looking again");
                    } else {
                        tracing::warn!(error = failure.text, ?pause, "trying again");
                    }
                });
            }
            Err(failure) => span.in_scope(|| tracing::warn!(error = failure.text, "waiting for a change of the object")),
        }
        queue.done(&key);
    }
}
