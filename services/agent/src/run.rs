//! The process: its command line, its tasks and its end.

use crate::{act::Actor, disk::Root, metrics::Metrics, watch::Watched};
use clap::Parser;
use std::{convert::Infallible, net::SocketAddr, path::PathBuf, sync::Arc};
use tars_common::names;
use tars_kit::{
    auth::Guard,
    cluster,
    grpc::{self, Offer},
    health::{self, Health},
    process::{Fatal, listen},
    shutdown,
    tasks::Tasks,
    telemetry, tls,
};

/// Readiness check: all watches have delivered their first list.
const CHECK_CACHES: &str = "caches";
/// Directory of all local volumes, on the host and in the agent's pod.
const ROOT: &str = "/usr/local/app/tars/host-mount";

/// Makes local volumes on its node and offers them to pods.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Args {
    /// Name of the node that this agent acts for.
    #[arg(long, env = "NodeName")]
    node_name: String,
    /// Directory on the host that holds the local volumes.
    #[arg(long, env = "TLVInHost", default_value = ROOT)]
    tlv_in_host: String,
    /// The same directory, as it is mounted in the agent's pod.
    #[arg(long, env = "TLV_ROOT", default_value = ROOT)]
    root: PathBuf,
    /// Address on which gRPC is served.
    #[arg(long, env = "GRPC_LISTEN", default_value = "0.0.0.0:9444")]
    grpc_listen: SocketAddr,
    /// Address on which probes are answered, by gRPC health in plain text.
    #[arg(long, env = "HEALTH_LISTEN", default_value = "0.0.0.0:9446")]
    health_listen: SocketAddr,
    /// Folder with tls.crt and tls.key, the certificate of gRPC. Changed files are served without a restart.
    #[arg(long, env = "TLS_FOLDER", default_value = tls::FOLDER)]
    tls_folder: PathBuf,
    /// Address on which metrics are served at /metrics.
    #[arg(long, env = "METRICS_LISTEN", default_value = "0.0.0.0:9445")]
    metrics_listen: SocketAddr,
}

/// Runs until a signal tells the process to stop.
pub async fn run(args: Args) -> Result<(), Fatal> {
    let _telemetry = telemetry::init("tarsagent").map_err(Fatal::configuration)?;
    if args.node_name.is_empty() {
        return Err(Fatal::configuration("NodeName is empty, set it from the pod's spec.nodeName"));
    }
    let root = Root::open(&args.root).map_err(Fatal::configuration)?;
    let client = cluster::connect().await?;
    let grpc = listen(args.grpc_listen).await?;
    let health_listener = listen(args.health_listen).await?;
    let metrics_listener = listen(args.metrics_listen).await?;
    let stop = shutdown::stop_on_signal().map_err(Fatal::configuration)?;

    let (metrics, registry) = Metrics::register();
    let health = Health::new(&[CHECK_CACHES]).await;
    let offer = Offer::new(&health, &[], &[]).map_err(Fatal::configuration)?;
    let namespace = tars_kit::own_namespace().unwrap_or_else(|| names::SYSTEM_NAMESPACE.to_owned());
    let guard = Guard::new(client.clone(), &namespace, metrics.callers.clone());
    let watched = Watched::start(&client, &stop);
    let host_root = args.tlv_in_host.trim_end_matches('/').to_owned();
    tracing::info!(node = args.node_name, host_root, "started");

    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("serve health", health::serve(health_listener, health.clone(), stop.clone()));
    let certificate = metrics.certificate.clone();
    tasks.spawn("follow the certificate", tls::follow_files(args.tls_folder, certificate.clone(), stop.clone()));
    let begin = stop.clone();
    tasks.spawn("provide local volumes", async move {
        tokio::select! {
            () = watched.wait_until_ready() => health.set(CHECK_CACHES, true).await,
            () = begin.cancelled() => return Ok::<_, Infallible>(()),
        }
        Actor::new(client, args.node_name, host_root, root, metrics, watched).run(begin).await
    });
    tasks.spawn("serve gRPC", grpc::serve(grpc, offer, certificate, guard, stop.clone()));
    tasks.spawn("serve metrics", tars_kit::metrics::serve(metrics_listener, Arc::new(registry), stop.clone()));
    Ok(tasks.join().await?)
}
