//! Puts the parts together and takes them apart again in the right order.
//!
//! ```text
//! gRPC (health: NOT_SERVING), metrics ─► watches ─► all lists complete ─► Tars sockets ─► health SERVING, own gate open
//! SIGTERM ─► own gate closed ─► a moment for DNS ─► reconnect notices, drain ─► gRPC and metrics end
//! ```

use crate::{
    args::Config,
    contact::{ContactLayer, Contacts},
    grpc::Resolver,
    index::{Index, QUERY_OBJECT, REGISTRY_OBJECT, Writer},
    metrics::{self, Metrics, Readings},
    query::QueryObj,
    readiness::{OwnGate, Pods, Reporter},
    registry_obj::RegistryObj,
    watch,
};
use kube::{Client, client::ClientBuilder};
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tars::{
    endpoint::Endpoint,
    framework::registry::RegistryDispatch,
    server::{Adapter, AdapterLimits, BindError, Server},
};
use tars_kit::{
    health::Health,
    process::{self, Fatal, listen},
    tasks::Tasks,
};
use tars_proto::registry::v1::{DESCRIPTORS, name_service_server::NameServiceServer};
use tokio::sync::watch as cell;
use tokio_util::sync::CancellationToken;

const QUEUE_TIMEOUT: Duration = Duration::from_secs(4);
const QUEUE_CAPACITY: usize = 10_000;
const QUERY_CONNECTIONS: usize = 10_000;
const REGISTRY_CONNECTIONS: usize = 2_048;
/// Between closing the own gate and the first reconnect notice: endpoints and DNS follow, new clients go elsewhere.
const LEAD: Duration = Duration::from_secs(1);

/// Health check: every list was read.
const LISTS: &str = "lists";
/// Health check: the Tars sockets listen, and the process is not stopping.
const LISTENERS: &str = "listeners";

/// Runs the service until `stop` is cancelled.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), Fatal> {
    let contacts = Arc::new(Contacts::default());
    let client = connect(Arc::clone(&contacts)).await?;
    run_with(config, client, contacts, stop).await
}

/// Runs the service against the cluster of `client`.
pub async fn run_with(config: Config, client: Client, contacts: Arc<Contacts>, stop: CancellationToken) -> Result<(), Fatal> {
    let index = Index::default();
    let stats = Arc::new(OnceLock::new());
    let (metrics, registry) = metrics::register(Readings { index: index.clone(), contacts, server: Arc::clone(&stats) });
    let pods = Pods::new(client.clone(), &config.namespace);
    let gate = OwnGate::new(pods.clone(), config.pod_name.clone());
    let health = Health::new(&[LISTS, LISTENERS]).await;
    let (synced_sender, mut synced) = cell::channel(false);

    // What outlives the Tars servants has a token of its own.
    let last = CancellationToken::new();
    let mut parts = Tasks::new(last.clone());
    let names = NameServiceServer::new(Resolver::new(index.clone(), metrics.clone(), synced.clone()));
    let routes = tars_kit::grpc::build_routes(&health, &[DESCRIPTORS]).map_err(Fatal::configuration)?.add_service(names);
    let grpc = listen(config.grpc_listen).await?;
    let scraped = listen(config.metrics_listen).await?;
    parts.spawn("the gRPC server", tars_kit::grpc::serve(grpc, routes, last.clone()));
    parts.spawn("the metrics server", tars_kit::metrics::serve(scraped, Arc::new(registry), last.clone()));
    let (writer, watched, namespace) = (Writer::new(index.clone()), metrics.clone(), config.namespace.clone());
    parts.spawn("the watches", async move { watch::run(client, &namespace, writer, watched, synced_sender).await });

    gate.announce_start().await;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        ended = parts.failed() => return Err(ended.into()),
        _ = synced.wait_for(|synced| *synced) => {}
    }
    let totals = index.load().totals();
    tracing::info!(servers = totals.servers, servants = totals.servants, active = totals.active, "lists are complete");
    health.set(LISTS, true).await;

    let reporter = Reporter::new(pods, metrics.clone());
    let server =
        bind(config.query_listen, config.registry_listen, &index, reporter, &metrics).await.map_err(Fatal::configuration)?;
    // Set once, here.
    let _ = stats.set(server.stats());
    let draining = CancellationToken::new();
    let serving = tokio::spawn(server.serve(draining.clone()));
    health.set(LISTENERS, true).await;

    let keeper = {
        let (gate, stop) = (gate.clone(), stop.clone());
        tokio::spawn(async move { gate.keep_open(stop).await })
    };
    let failure = tokio::select! {
        () = stop.cancelled() => None,
        ended = parts.failed() => Some(ended),
    };
    stop.cancel();
    health.set(LISTENERS, false).await;
    // The keeper must not open the gate again behind us.
    let _ = keeper.await;
    gate.close().await;
    tokio::time::sleep(LEAD).await;
    draining.cancel();
    if let Err(error) = serving.await {
        tracing::error!(%error, "the Tars server failed while it drained");
    }
    last.cancel();
    failure.map_or(Ok(()), |ended| Err(ended.into()))
}

/// A client whose answers tell how old the state in memory is.
async fn connect(contacts: Arc<Contacts>) -> Result<Client, Fatal> {
    let builder = ClientBuilder::try_from(process::find_cluster().await?).map_err(Fatal::configuration)?;
    Ok(builder.with_layer(&ContactLayer(contacts)).build())
}

/// Name of the adapter of `QueryObj`.
pub const QUERY_ADAPTER: &str = "QueryAdapter";
/// Name of the adapter of `RegistryObj`.
pub const REGISTRY_ADAPTER: &str = "RegistryAdapter";

/// Listens for both Tars servants.
pub async fn bind(
    query_listen: SocketAddr,
    registry_listen: SocketAddr,
    index: &Index,
    reporter: Reporter,
    metrics: &Metrics,
) -> Result<Server, BindError> {
    let query = QueryObj::new(index.clone(), metrics.clone());
    let registry = RegistryDispatch(RegistryObj::new(index.clone(), reporter, metrics.clone()));
    let limits = AdapterLimits { queue_capacity: QUEUE_CAPACITY, queue_timeout: QUEUE_TIMEOUT, ..AdapterLimits::default() };
    let adapter = |name: &str, address: SocketAddr, connections| {
        let endpoint = Endpoint::tcp(address.ip().to_string(), address.port());
        Adapter::new(name, endpoint).limits(AdapterLimits { connections, ..limits })
    };
    Server::builder()
        .adapter(adapter(QUERY_ADAPTER, query_listen, QUERY_CONNECTIONS).servant(QUERY_OBJECT, Arc::new(query)))
        .adapter(adapter(REGISTRY_ADAPTER, registry_listen, REGISTRY_CONNECTIONS).servant(REGISTRY_OBJECT, Arc::new(registry)))
        .bind()
        .await
}
