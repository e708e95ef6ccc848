//! The controller's command line.

use clap::{Parser, Subcommand};
use controller::run;
use std::process::ExitCode;

/// Reconciles the k8s.tars.io resources.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reconcile until SIGTERM.
    Run(run::Args),
    /// Print the CustomResourceDefinitions as YAML.
    Crd {
        /// With the expressions of the chart, which choose versions.
        #[arg(long)]
        chart: bool,
    },
}

/// A bad configuration, as sysexits.h has it.
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    tars_kit::crypto::install();
    match Cli::parse().command {
        Command::Crd { chart } => print_crds(chart),
        Command::Run(args) => {
            let _telemetry = match tars_kit::telemetry::init("tarscontroller") {
                Ok(guard) => guard,
                Err(error) => return fail(USAGE, &error),
            };
            match run::run(args).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error @ run::Error::Configuration(_)) => fail(USAGE, &error),
                Err(error) => fail(1, &error),
            }
        }
    }
}

fn print_crds(chart: bool) -> ExitCode {
    let text = if chart {
        tars_common::crd::render_chart()
    } else {
        tars_common::crd::render(&tars_common::crd::all(&tars_common::crd::CrdOptions::default()))
    };
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, &error),
    }
}

fn fail(code: u8, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("tarscontroller: {error}");
    ExitCode::from(code)
}
