//! The process: its command line, its tasks and its end.

use crate::{
    grpc::{ACCESS, Admission},
    keeper::{CHECK_BUNDLES, CHECK_CERTIFICATE, Keeper},
    lookup::Lookup,
    metrics::Metrics,
    random::make_random_bytes,
    router::{App, build_router},
};
use clap::Parser;
use std::{net::SocketAddr, sync::Arc};
use tars_common::names;
use tars_kit::{
    auth::Guard,
    cluster,
    grpc::{self, Offer},
    health::{self, Health},
    keeper::Issuer,
    process::{Fatal, listen},
    shutdown,
    tasks::Tasks,
    telemetry, tls,
};
use tars_proto::webhook::v1::{DESCRIPTORS, admission_service_server::AdmissionServiceServer};
use tokio::sync::watch;

/// The readiness check that holds once the templates of the cluster are known.
const CHECK_CACHES: &str = "caches";

/// Admission and conversion webhook of Tars.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Args {
    /// Address on which reviews are answered, over TLS.
    #[arg(long, env = "HTTPS_LISTEN", default_value = "0.0.0.0:8443")]
    https_listen: SocketAddr,
    /// Address on which gRPC is served.
    #[arg(long, env = "GRPC_LISTEN", default_value = "0.0.0.0:9444")]
    grpc_listen: SocketAddr,
    /// Address on which probes are answered, by gRPC health in plain text.
    #[arg(long, env = "HEALTH_LISTEN", default_value = "0.0.0.0:9446")]
    health_listen: SocketAddr,
    /// Address on which metrics are served at /metrics.
    #[arg(long, env = "METRICS_LISTEN", default_value = "0.0.0.0:9445")]
    metrics_listen: SocketAddr,
    /// Namespace of the Service and of the Secret with the certificates [default: that of the service account].
    #[arg(long, env = "POD_NAMESPACE")]
    namespace: Option<String>,
    /// Name of the Service in front of the replicas. The serving certificate is made for this name.
    #[arg(long, env = "SERVICE_NAME", default_value = names::WEBHOOK_SERVICE)]
    service_name: String,
    /// Who makes the certificates.
    #[arg(long, env = "CERTIFICATE_ISSUER", value_enum, default_value_t)]
    certificate_issuer: Issuer,
}

/// Runs until a signal tells the process to stop.
pub async fn run(args: Args) -> Result<(), Fatal> {
    let _telemetry = telemetry::init("tarswebhook").map_err(Fatal::configuration)?;
    let missing = || Fatal::configuration("the namespace is not known: outside a cluster set --namespace or POD_NAMESPACE");
    let namespace = args.namespace.clone().or_else(tars_kit::own_namespace).ok_or_else(missing)?;
    let client = cluster::connect().await?;
    let https = listen(args.https_listen).await?;
    let grpc = listen(args.grpc_listen).await?;
    let health_listener = listen(args.health_listen).await?;
    let metrics_listener = listen(args.metrics_listen).await?;
    let stop = shutdown::stop_on_signal().map_err(Fatal::configuration)?;

    let (metrics, registry) = Metrics::register();
    let health = Health::new(&[CHECK_CACHES, CHECK_CERTIFICATE, CHECK_BUNDLES]).await;
    let guard = Guard::new(client.clone(), &namespace, metrics.callers.clone());
    let lookup = Lookup::start(client.clone(), &stop);
    let (reports, report) = watch::channel(None);
    let offer = Offer::new(&health, &[DESCRIPTORS], &ACCESS).map_err(Fatal::configuration)?;
    let offer = offer.add_service(AdmissionServiceServer::new(Admission::new(lookup.clone(), report)));
    let certificate = metrics.certificate.clone();
    let identity = format!("{}_{:032x}", tars_kit::instance_name(), u128::from_be_bytes(make_random_bytes()));
    let keeper = Keeper {
        client,
        namespace,
        service: args.service_name,
        issuer: args.certificate_issuer,
        certificate: certificate.clone(),
        health: health.clone(),
        metrics: metrics.clone(),
        reports,
    };
    tracing::info!(https = %args.https_listen, "started");

    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("serve health", health::serve(health_listener, health.clone(), stop.clone()));
    let watched = lookup.clone();
    let templates_known = async move { watched.wait_until_ready().await };
    tasks.spawn("report full caches", health.announce(CHECK_CACHES, templates_known, stop.clone()));
    tasks.spawn("keep the certificates", keeper.run(identity, stop.clone()));
    let router = build_router(App::new(lookup, metrics));
    tasks.spawn("serve gRPC", grpc::serve(grpc, offer, certificate.clone(), guard, stop.clone()));
    tasks.spawn("serve HTTPS", tls::serve(https, router, certificate, stop.clone()));
    tasks.spawn("serve metrics", tars_kit::metrics::serve(metrics_listener, Arc::new(registry), stop.clone()));
    Ok(tasks.join().await?)
}
