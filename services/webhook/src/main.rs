//! Defaults, refuses and converts the k8s.tars.io resources.
//!
//! ```text
//! API server ──TLS──► router ─► review ─► tars_common::{admission, convert}      (pure: decide)
//!                        │          ▲
//!                        └► lookup ─┘  what the rules ask of other objects        (watches, then the API server)
//! keeper: Secret ─► serving certificate, caBundles ─► readiness                   (one writer, by Lease)
//! ```
//!
//! Rules:
//! - A rule violation is an ordinary answer, one sentence long; HTTP errors are for what is no review (400), too large (413) or too much
//!   at once (429).
//! - Ready means: a certificate is served, the API server trusts it in every registration, the templates are known. A replica that is not
//!   ready gets no calls, so nobody is refused because it has just started.
//! - The certificate authority is made at install time and its key never leaves the Secret.

mod certificates;
mod keeper;
mod lookup;
mod metrics;
mod review;
mod router;

use clap::Parser;
use keeper::{CHECK_BUNDLES, CHECK_CERTIFICATE, Keeper};
use lookup::Lookup;
use metrics::Metrics;
use router::App;
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

/// Readiness: the templates of the cluster are known.
const CHECK_CACHES: &str = "caches";

/// Admission and conversion webhook of Tars.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Where reviews are answered, over TLS.
    #[arg(long, env = "HTTPS_LISTEN", default_value = "0.0.0.0:8443")]
    https_listen: SocketAddr,
    /// Where gRPC health is answered.
    #[arg(long, env = "GRPC_LISTEN", default_value = "0.0.0.0:9444")]
    grpc_listen: SocketAddr,
    /// Where metrics are served at /metrics.
    #[arg(long, env = "METRICS_LISTEN", default_value = "0.0.0.0:9445")]
    metrics_listen: SocketAddr,
    /// Namespace of the Service and of the certificates. In a cluster it is that of the service account.
    #[arg(long, env = "POD_NAMESPACE")]
    namespace: Option<String>,
    /// Name of the Service in front of the replicas; certificates are made for it.
    #[arg(long, env = "SERVICE_NAME", default_value = names::WEBHOOK_SERVICE)]
    service_name: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    crypto::install();
    process::end(run(process::arguments()).await)
}

async fn run(args: Args) -> Result<(), Fatal> {
    let _telemetry = telemetry::init("tarswebhook").map_err(Fatal::configuration)?;
    let missing = || Fatal::configuration("no namespace, set --namespace or POD_NAMESPACE outside a cluster");
    let namespace = args.namespace.clone().or_else(tars_kit::own_namespace).ok_or_else(missing)?;
    let client = process::client().await?;
    let https = listen(args.https_listen).await?;
    let grpc = listen(args.grpc_listen).await?;
    let metrics_listener = listen(args.metrics_listen).await?;
    let stop = shutdown::signal().map_err(Fatal::configuration)?;

    let mut registry = tars_kit::metrics::registry("tarswebhook", env!("CARGO_PKG_VERSION"));
    let metrics = Metrics::new(&mut registry);
    let health = Health::new(&[CHECK_CACHES, CHECK_CERTIFICATE, CHECK_BUNDLES]).await;
    let grpc_services = grpc::routes(&health, &[]).map_err(Fatal::configuration)?;
    let lookup = Lookup::start(client.clone(), &stop);
    let certificate = tls::ServingCertificate::default();
    let identity = format!("{}_{:032x}", tars_kit::instance_name(), u128::from_be_bytes(router::random()));
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
    let seen = lookup.clone();
    tasks.spawn("the look at the caches", health.announce(CHECK_CACHES, async move { seen.ready().await }, stop.clone()));
    tasks.spawn("the keeper of certificates", keeper.run(identity, stop.clone()));
    let router = router::router(App::new(lookup, metrics));
    tasks.spawn("the HTTPS server", tls::serve(https, router, certificate, stop.clone()));
    tasks.spawn("the gRPC server", grpc::serve(grpc, grpc_services, stop.clone()));
    tasks.spawn("the metrics server", tars_kit::metrics::serve(metrics_listener, Arc::new(registry), stop.clone()));
    Ok(tasks.join().await?)
}
