//! The name service of a Tars framework. See the library for how it works.

use std::process::ExitCode;
use tars_kit::process::{self, Fatal};
use tarsregistry::{args::Args, run::run};

#[tokio::main]
async fn main() -> ExitCode {
    tars_kit::crypto::install();
    process::end(serve(process::parse_arguments()).await)
}

async fn serve(args: Args) -> Result<(), Fatal> {
    let config = args.validate(tars_kit::own_namespace()).map_err(Fatal::configuration)?;
    let _telemetry = tars_kit::telemetry::init("tarsregistry").map_err(Fatal::configuration)?;
    let stop = tars_kit::shutdown::stop_on_signal().map_err(Fatal::configuration)?;
    tracing::info!(
        namespace = config.namespace,
        pod = config.pod_name,
        query = %config.query_listen,
        registry = %config.registry_listen,
        grpc = %config.grpc_listen,
        health = %config.health_listen,
        metrics = %config.metrics_listen,
        "configured"
    );
    run(config, stop).await
}
