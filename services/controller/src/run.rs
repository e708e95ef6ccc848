//! Starts the parts of the process from the command line, and runs them until the process is told to stop.

use crate::{
    engine::{Engine, metrics::Metrics, reconciler::AnyReconciler},
    grpc::{ACCESS, Control},
    leader::lead,
    node::NodeReconciler,
    taccount::TAccountReconciler,
    tconfig::TConfigReconciler,
    timage::TImageReconciler,
    tserver::{ServerControl, TServerReconciler},
    ttree::TTreeReconciler,
    views::Views,
};
use kube::Client;
use std::{convert::Infallible, net::SocketAddr, path::PathBuf, sync::Arc};
use tars_common::names;
use tars_kit::{
    auth::Guard,
    cluster,
    grpc::{self, Offer},
    health::{self, Health},
    lease::{Elector, Fence, Holder, Restores, Timing},
    metrics::{self, Registry},
    process::{Fatal, listen},
    shutdown,
    tasks::Tasks,
    tls,
};
use tars_proto::controller::v1::{DESCRIPTORS, control_service_server::ControlServiceServer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The health check that passes once every cache has had its first list.
const CACHES: &str = "caches";

/// How the controller runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Address of gRPC.
    #[arg(long, env = "GRPC_LISTEN", default_value = "0.0.0.0:9444")]
    pub grpc_listen: SocketAddr,
    /// Address of the probes: gRPC health in plain text.
    #[arg(long, env = "HEALTH_LISTEN", default_value = "0.0.0.0:9446")]
    pub health_listen: SocketAddr,
    /// Folder with tls.crt and tls.key, the certificate of gRPC. Changed files are served without a restart.
    #[arg(long, env = "TLS_FOLDER", default_value = tls::FOLDER)]
    pub tls_folder: PathBuf,
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

/// Runs until a signal tells the process to stop.
///
/// # Errors
/// Returns an error when the process cannot go on. The process should then end and be started again.
pub async fn run(args: Args) -> Result<(), Fatal> {
    let namespace = args.namespace.or_else(tars_kit::own_namespace).unwrap_or_else(|| names::SYSTEM_NAMESPACE.to_owned());
    let grpc_listener = listen(args.grpc_listen).await?;
    let health_listener = listen(args.health_listen).await?;
    let metrics_listener = listen(args.metrics_listen).await?;
    let stop = shutdown::stop_on_signal().map_err(Fatal::configuration)?;
    let client = cluster::connect().await?;

    let (metrics, registry) = register_metrics();
    let guard = Guard::new(client.clone(), &namespace, metrics.callers.clone());
    let certificate = metrics.certificate.clone();
    // The pod's name is unique among the replicas. The time of the start is unique among the processes of one pod.
    let identity = format!("{}_{:x}", tars_kit::instance_name(), jiff::Timestamp::now().as_nanosecond());
    let elector = Elector::new(client.clone(), &namespace, &args.lease_name, identity, Timing::default());
    let holder = Holder::new(client.clone(), &namespace, &args.lease_name);
    let (engine, servers) = assemble(client, Arc::new(metrics), args.workers, elector.fence());
    let engine = Arc::new(engine);
    let health = Health::new(&[CACHES]).await;
    let offer = Offer::new(&health, &[DESCRIPTORS], &ACCESS).map_err(Fatal::configuration)?;
    let offer = offer.add_service(ControlServiceServer::new(Control::new(engine.clone(), servers, elector.fence(), holder)));
    let watches = engine.start_watches();
    let restores = elector.restores();

    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("serve health", health::serve(health_listener, health.clone(), stop.clone()));
    tasks.spawn("serve gRPC", grpc::serve(grpc_listener, offer, certificate.clone(), guard, stop.clone()));
    tasks.spawn("follow the certificate", tls::follow_files(args.tls_folder, certificate, stop.clone()));
    tasks.spawn("serve metrics", metrics::serve(metrics_listener, Arc::new(registry), stop.clone()));
    tasks.spawn("watch Kubernetes objects", await_end(watches, stop.clone()));
    tasks.spawn("follow the versions of the cluster", end_after_restore(restores, stop.clone()));
    let watching = engine.clone();
    tasks.spawn("report full caches", health.announce(CACHES, async move { watching.synced().await }, stop.clone()));
    tasks.spawn("reconcile", lead(engine, elector, stop));
    Ok(tasks.join().await?)
}

fn register_metrics() -> (Metrics, Registry) {
    let mut registry = Registry::new("tars_controller", env!("CARGO_PKG_VERSION"));
    (Metrics::register(&mut registry), registry)
}

/// The metrics of this service, without samples.
pub fn declare_metrics() -> Registry {
    register_metrics().1
}

/// Makes the watches and the reconcilers, and what people may ask of the one for TServers. A new reconciler is a new module and one line here.
pub fn assemble(client: Client, metrics: Arc<Metrics>, server_workers: u16, fence: Fence) -> (Engine, ServerControl) {
    let mut engine = Engine::new(client, metrics, fence);
    let views = Views::watch(&mut engine);
    let servers = TServerReconciler::open(&mut engine, &views, server_workers);
    let control = servers.control();
    let reconcilers: [Arc<dyn AnyReconciler>; 6] = [
        servers,
        NodeReconciler::open(&mut engine, &views),
        TTreeReconciler::open(&mut engine, &views),
        TConfigReconciler::open(&mut engine, &views),
        TAccountReconciler::open(&mut engine),
        TImageReconciler::open(&mut engine, &views),
    ];
    for reconciler in reconcilers {
        engine.add(reconciler);
    }
    (engine, control)
}

/// Returns when any watch ends; a watch must never end.
async fn await_end(mut watches: JoinSet<()>, stop: CancellationToken) -> Result<(), Infallible> {
    tokio::select! {
        () = stop.cancelled() => {}
        _ = watches.join_next() => {}
    }
    Ok(())
}

/// The cluster was restored from a backup while this process ran.
#[derive(Debug, thiserror::Error)]
#[error("the cluster was restored from a backup, so everything is to be listed anew by a new process")]
struct Restored;

/// Fails after the first of `restores`. A new process knows nothing of a history that never was: objects, versions, and writes that are on
/// their way (docs/reference/controller.md#1.16).
async fn end_after_restore(mut restores: Restores, stop: CancellationToken) -> Result<(), Restored> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = restores.next() => Err(Restored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::Cli,
        engine::{
            cache::Key,
            fake::{
                Shared, client,
                wire::{Sent, record},
            },
        },
        tserver::fixtures,
    };
    use clap::Parser as _;
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use std::time::Duration;
    use tokio::sync::watch;

    /// A leader decides by its caches. So the caches must be full, and every key must be queued, before it begins.
    #[tokio::test]
    async fn every_object_is_known_and_queued_once_the_caches_are_full() {
        let service = tower::service_fn(|request: Request<Body>| async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=")) {
                return std::future::pending().await;
            }
            // The list that the test looks at arrives last.
            let servers = request.uri().path().ends_with("/tservers");
            if servers {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let items = if servers { json!([fixtures::server("normal: {}")]) } else { json!([]) };
            let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "20"}, "items": items});
            Ok::<_, std::io::Error>(Response::new(Body::from(list.to_string().into_bytes())))
        });
        let (engine, _) = assemble(Client::new(service, "default"), Arc::new(Metrics::default()), 1, Fence::open());
        let watches = engine.start_watches();
        engine.synced().await;
        assert_eq!((engine.count_objects(), engine.queue_of("tserver").next().await), (1, Key::new("bank", "ledger-audit")));
        drop(watches);
    }

    #[tokio::test]
    async fn the_process_ends_after_a_restore_of_the_cluster() {
        let (restores, stop) = (watch::Sender::new(0), CancellationToken::new());
        let following = tokio::spawn(end_after_restore(restores.subscribe().into(), stop.clone()));
        restores.send_replace(1);
        assert!(following.await.unwrap().unwrap_err().to_string().contains("restored from a backup"));
        let following = tokio::spawn(end_after_restore(restores.subscribe().into(), stop.clone()));
        stop.cancel();
        assert!(following.await.unwrap().is_ok());
    }

    /// A leader acts on what it is told, in every namespace; it asks for nothing again while the watches last.
    #[tokio::test(start_paused = true)]
    async fn the_watches_cover_all_namespaces_and_nothing_is_polled() {
        let world = Shared::default();
        let (client, log) = record(client(&world));
        let (engine, _) = assemble(client, Arc::new(Metrics::default()), 1, Fence::open());
        let _watches = engine.start_watches();
        engine.synced().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let describe = |sent: &Sent| {
            let labelled = sent.query.contains("labelSelector=tars.io%2FServerApp%2Ctars.io%2FServerName");
            let metadata = sent.accept.contains("as=PartialObjectMetadata");
            format!("{}{}{}", sent.path, if labelled { " of servers" } else { "" }, if metadata { ", metadata" } else { "" })
        };
        let requests = log.lock().unwrap().clone();
        let (watches, lists): (Vec<&Sent>, Vec<&Sent>) = requests.iter().partition(|sent| sent.query.contains("watch="));
        let mut described: Vec<_> = lists.into_iter().map(describe).collect();
        described.sort();
        let expected = [
            "/api/v1/nodes, metadata",
            "/api/v1/persistentvolumeclaims of servers",
            "/api/v1/pods of servers",
            "/api/v1/services of servers",
            "/apis/apps/v1/daemonsets of servers",
            "/apis/apps/v1/statefulsets of servers",
            "/apis/k8s.tars.io/v1beta3/taccounts",
            "/apis/k8s.tars.io/v1beta3/tconfigs, metadata",
            "/apis/k8s.tars.io/v1beta3/tendpoints",
            "/apis/k8s.tars.io/v1beta3/texitedrecords",
            "/apis/k8s.tars.io/v1beta3/tframeworkconfigs",
            "/apis/k8s.tars.io/v1beta3/timages",
            "/apis/k8s.tars.io/v1beta3/tservers",
            "/apis/k8s.tars.io/v1beta3/ttemplates",
            "/apis/k8s.tars.io/v1beta3/ttrees",
            "/apis/policy/v1/poddisruptionbudgets of servers",
        ];
        assert_eq!(described, expected);
        described = watches.into_iter().map(describe).collect();
        described.sort();
        assert_eq!(described, expected);
        tokio::time::sleep(Duration::from_hours(1)).await;
        let later = log.lock().unwrap().iter().skip(requests.len()).filter(|sent| !sent.query.contains("watch=")).count();
        assert_eq!(later, 0, "a watch that has ended is taken up where it was");
    }

    #[tokio::test(start_paused = true)]
    async fn thirty_two_servers_are_worked_on_at_the_same_time() {
        let world = Shared::default();
        for number in 0..50 {
            let mut server = serde_json::to_value(fixtures::server("normal: {}")).unwrap();
            server["metadata"]["name"] = json!(format!("ledger-{number}"));
            world.lock().unwrap().put(&format!("/apis/k8s.tars.io/v1beta3/namespaces/bank/tservers/ledger-{number}"), server);
        }
        // No write is ever answered.
        world.lock().unwrap().script.down = true;
        let workers = Cli::parse_from(["tarscontroller"]).run.workers;
        let (engine, _) = assemble(client(&world), Arc::new(Metrics::default()), workers, Fence::open());
        let _watches = engine.start_watches();
        engine.synced().await;
        let _workers = engine.start_workers(&CancellationToken::new());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(engine.queue_of("tserver").len(), 50 - 32);
    }
}
