//! The name service of a Tars framework. See the library for how it works.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use tars_kit::causes::with_sources;
use tarsregistry::args::{Args, Config};
use tarsregistry::run::run;

/// The conventional code for a wrong command line or configuration.
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        // Help and version come this way, too; they are no mistakes.
        Err(answer) => {
            let _ = answer.print();
            return if answer.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let config = match args.validate(tars_kit::own_namespace()) {
        Ok(config) => config,
        Err(problem) => return usage(&problem),
    };
    tars_kit::crypto::install();
    let _telemetry = match tars_kit::telemetry::init("tarsregistry") {
        Ok(telemetry) => telemetry,
        Err(problem) => return usage(&problem),
    };
    match serve(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = with_sources(&*error), "stopped");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let stop = tars_kit::shutdown::signal()?;
    tracing::info!(?config, version = env!("CARGO_PKG_VERSION"), "starting");
    Ok(run(config, stop).await?)
}

fn usage(problem: &dyn Error) -> ExitCode {
    eprintln!("configuration: {}", with_sources(problem));
    ExitCode::from(USAGE)
}
