//! Defaults, refuses and converts the k8s.tars.io resources.
//!
//! ```text
//! API server ──TLS──► router ─► review ─► tars_common::{admission, convert}      (pure: decides)
//!                        │          ▲
//!                        └► lookup ─┘  facts about other objects                  (watches, then the API server)
//! keeper: Secret ─► serving certificate, caBundles ─► readiness                   (one writer, by a Lease)
//! ```
//!
//! Rules:
//! - A request that breaks a rule gets an ordinary answer of one sentence. HTTP errors are for a body that is not a review (400) or too
//!   large (413), and for too many reviews at the same time (429).
//! - A replica is ready when it serves a certificate, when every registration trusts that certificate, and when it knows the templates.
//!   The API server does not call a replica that is not ready. So no request is refused because a replica has just started.
//! - The first leader makes the certificate authority. The key of the authority is stored in the Secret only.

mod certificates;
mod keeper;
mod lookup;
mod metrics;
mod random;
mod review;
mod router;

use clap::Parser;
use keeper::{CHECK_BUNDLES, CHECK_CERTIFICATE, Keeper};
use lookup::Lookup;
use metrics::Metrics;
use random::random_bytes;
use router::{App, build_router};
use std::{net::SocketAddr, process::ExitCode, sync::Arc};
use tars_common::names;
use tars_kit::{
    crypto, grpc,
    health::Health,
    process::{self, Fatal, listen},
    shutdown,
    tasks::Tasks,
    telemetry, tls,
};

/// The readiness check that holds once the templates of the cluster are known.
const CHECK_CACHES: &str = "caches";

/// Admission and conversion webhook of Tars.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Address on which reviews are answered, over TLS.
    #[arg(long, env = "HTTPS_LISTEN", default_value = "0.0.0.0:8443")]
    https_listen: SocketAddr,
    /// Address on which gRPC health is answered.
    #[arg(long, env = "GRPC_LISTEN", default_value = "0.0.0.0:9444")]
    grpc_listen: SocketAddr,
    /// Address on which metrics are served at /metrics.
    #[arg(long, env = "METRICS_LISTEN", default_value = "0.0.0.0:9445")]
    metrics_listen: SocketAddr,
    /// Namespace of the Service and of the Secret with the certificates [default: that of the service account].
    #[arg(long, env = "POD_NAMESPACE")]
    namespace: Option<String>,
    /// Name of the Service in front of the replicas. The serving certificate is made for this name.
    #[arg(long, env = "SERVICE_NAME", default_value = names::WEBHOOK_SERVICE)]
    service_name: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    crypto::install();
    process::end(run(process::parse_arguments()).await)
}

async fn run(args: Args) -> Result<(), Fatal> {
    let _telemetry = telemetry::init("tarswebhook").map_err(Fatal::configuration)?;
    let missing = || Fatal::configuration("the namespace is not known: outside a cluster set --namespace or POD_NAMESPACE");
    let namespace = args.namespace.clone().or_else(tars_kit::own_namespace).ok_or_else(missing)?;
    let client = process::connect().await?;
    let https = listen(args.https_listen).await?;
    let grpc = listen(args.grpc_listen).await?;
    let metrics_listener = listen(args.metrics_listen).await?;
    let stop = shutdown::stop_on_signal().map_err(Fatal::configuration)?;

    let mut registry = tars_kit::metrics::Registry::new("tarswebhook", env!("CARGO_PKG_VERSION"));
    let metrics = Metrics::new(&mut registry);
    let health = Health::new(&[CHECK_CACHES, CHECK_CERTIFICATE, CHECK_BUNDLES]).await;
    let grpc_services = grpc::build_routes(&health, &[]).map_err(Fatal::configuration)?;
    let lookup = Lookup::start(client.clone(), &stop);
    let certificate = tls::ServingCertificate::default();
    let identity = format!("{}_{:032x}", tars_kit::instance_name(), u128::from_be_bytes(random_bytes()));
    let keeper = Keeper {
        client,
        namespace,
        service: args.service_name,
        certificate: certificate.clone(),
        health: health.clone(),
        metrics: metrics.clone(),
    };
    tracing::info!(https = %args.https_listen, "started");

    let mut tasks = Tasks::new(stop.clone());
    let watched = lookup.clone();
    let templates_known = async move { watched.wait_until_ready().await };
    tasks.spawn("report full caches", health.announce(CHECK_CACHES, templates_known, stop.clone()));
    tasks.spawn("keep the certificates", keeper.run(identity, stop.clone()));
    let router = build_router(App::new(lookup, metrics));
    tasks.spawn("serve HTTPS", tls::serve(https, router, certificate, stop.clone()));
    tasks.spawn("serve gRPC", grpc::serve(grpc, grpc_services, stop.clone()));
    tasks.spawn("serve metrics", tars_kit::metrics::serve(metrics_listener, Arc::new(registry), stop.clone()));
    Ok(tasks.join().await?)
}
