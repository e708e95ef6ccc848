//! Starts and stops the parts of the service in the right order (docs/reference/name-service.md#A3).
//!
//! ```text
//! health (NOT_SERVING), gRPC, metrics ─► watches ─► all lists complete ─► Tars sockets ─► health SERVING, own gate open
//! SIGTERM ─► health NOT_SERVING, own gate closed ─► 1 s for DNS ─► reconnect notices, drain ─► gRPC, health and metrics end
//! ```

use crate::{
    args::Config,
    grpc::{Resolver, list_access},
    index::{Index, QUERY_OBJECT, REGISTRY_OBJECT, Writer},
    metrics::{Contacts, Metrics, Readings},
    query::QueryObj,
    readiness::{OwnGate, Pods, Reporter},
    registry_obj::RegistryObj,
    watch,
};
use kube::Client;
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
    auth::Guard,
    cluster,
    grpc::{self, Offer},
    health::{self, Health},
    keeper::{Issuer, Keeper},
    metrics as metrics_endpoint,
    process::{Fatal, listen},
    tasks::Tasks,
    tls,
};
use tars_proto::registry::v1::{DESCRIPTORS, name_service_server::NameServiceServer};
use tokio::sync::watch as cell;
use tokio_util::sync::CancellationToken;

const QUEUE_TIMEOUT: Duration = Duration::from_secs(4);
const QUEUE_CAPACITY: usize = 10_000;
const QUERY_CONNECTIONS: usize = 10_000;
const REGISTRY_CONNECTIONS: usize = 2_048;
/// The time between closing the own gate and the first reconnect notice. In it endpoints and DNS follow, so that new clients go
/// elsewhere.
const LEAD: Duration = Duration::from_secs(1);
/// How long the last tasks may take to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The health check that every list was read.
const LISTS: &str = "lists";
/// The health check that the Tars sockets listen and the process is not stopping.
const LISTENERS: &str = "listeners";

/// Runs the service against the cluster that the process is in, until `stop` is cancelled.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), Fatal> {
    run_with(config, cluster::connect().await?, stop).await
}

/// Runs the service against the cluster of `client`, until `stop` is cancelled.
pub async fn run_with(config: Config, client: Client, stop: CancellationToken) -> Result<(), Fatal> {
    let index = Index::default();
    let (contacts, stats) = (Contacts::default(), Arc::new(OnceLock::new()));
    let readings = Readings { index: index.clone(), contacts: contacts.clone(), server: Arc::clone(&stats) };
    let (metrics, registry) = Metrics::register(readings);
    let pods = Pods::new(client.clone(), &config.namespace);
    let gate = OwnGate::new(pods.clone(), config.pod_name.clone());
    let health = Health::new(&[LISTS, LISTENERS]).await;
    let (synced_sender, mut synced) = cell::channel(false);

    // The tasks that outlive the Tars servants stop by a token of their own.
    let last_stop = CancellationToken::new();
    let mut tasks = Tasks::new(last_stop.clone());
    let names = NameServiceServer::new(Resolver::new(index.clone(), metrics.clone(), synced.clone()));
    let offer = Offer::new(&health, &[DESCRIPTORS], &list_access(config.grpc_open_reads))
        .map_err(Fatal::configuration)?
        .add_service(names);
    let guard = Guard::new(client.clone(), &config.namespace, metrics.callers.clone());
    let certificate = metrics.certificate.clone();
    let grpc_listener = listen(config.grpc_listen).await?;
    let health_listener = listen(config.health_listen).await?;
    let metrics_listener = listen(config.metrics_listen).await?;
    tasks.spawn("serve health", health::serve(health_listener, health.clone(), last_stop.clone()));
    tasks.spawn("serve gRPC", grpc::serve(grpc_listener, offer, certificate.clone(), guard, last_stop.clone()));
    // Every replica mounts the Secret with the leaf (docs/reference/trust.md#2.6).
    let keeper = Keeper {
        client: client.clone(),
        namespace: config.namespace.clone(),
        authority: "tars-registry-ca",
        leaf: match config.certificate_issuer {
            Issuer::Keeper => "tars-registry-tls",
            Issuer::CertManager => "tars-registry-cert-manager-tls",
        },
        host: "tars-tarsregistry",
        lease: "tars-registry",
        issuer: config.certificate_issuer,
    };
    // The pod's name is unique among the replicas. The time of the start is unique among the processes of one pod.
    let identity = format!("{}_{:x}", config.pod_name, jiff::Timestamp::now().as_nanosecond());
    tasks.spawn("keep the certificates", keeper.run(identity, last_stop.clone()));
    tasks.spawn("follow the certificate", tls::follow_files(config.tls_folder, certificate, last_stop.clone()));
    tasks.spawn("serve metrics", metrics_endpoint::serve(metrics_listener, Arc::new(registry), last_stop.clone()));
    let (writer, watched, namespace) = (Writer::new(index.clone()), metrics.clone(), config.namespace.clone());
    let last = last_stop.clone();
    tasks.spawn("watch Kubernetes objects", async move {
        let watching = watch::run(client, contacts, &namespace, writer, watched, synced_sender);
        last.run_until_cancelled(watching).await.unwrap_or(Ok(()))
    });

    gate.announce_start().await;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        ended = tasks.wait_for_failure() => return Err(ended.into()),
        _ = synced.wait_for(|synced| *synced) => {}
    }
    let totals = index.load().totals();
    tracing::info!(servers = totals.servers, servants = totals.servants, active = totals.active, "all lists are complete");
    health.set(LISTS, true).await;

    let reporter = Reporter::new(pods, metrics.clone());
    let server =
        bind(config.query_listen, config.registry_listen, &index, reporter, &metrics).await.map_err(Fatal::configuration)?;
    // The cell is set here only, so it cannot be full.
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
        ended = tasks.wait_for_failure() => Some(ended),
    };
    stop.cancel();
    health.set(LISTENERS, false).await;
    // The keeper must have ended, because it would open the gate again.
    let _ = keeper.await;
    gate.close().await;
    tokio::time::sleep(LEAD).await;
    draining.cancel();
    if let Err(error) = serving.await {
        tracing::error!(%error, "the Tars server failed while it drained");
    }
    last_stop.cancel();
    // The keeper of the certificates gives its Lease back, so that another replica need not wait for its end.
    if tokio::time::timeout(FAREWELL, tasks.join()).await.is_err() {
        tracing::warn!("some tasks did not end in time");
    }
    failure.map_or(Ok(()), |ended| Err(ended.into()))
}

/// The name of the adapter of `QueryObj`.
pub const QUERY_ADAPTER: &str = "QueryAdapter";
/// The name of the adapter of `RegistryObj`.
pub const REGISTRY_ADAPTER: &str = "RegistryAdapter";

/// Opens the sockets of both Tars servants.
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
