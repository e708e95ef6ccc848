//! The controller. See the library for how it works.

use controller::{
    cli::{Cli, Command},
    run,
};
use std::process::ExitCode;
use tars_common::crd::{self, Conversion, CrdOptions};
use tars_kit::{
    crypto,
    process::{self, Fatal},
    telemetry,
};

#[tokio::main]
async fn main() -> ExitCode {
    crypto::install();
    let cli: Cli = process::parse_arguments();
    match cli.command {
        Some(Command::Crd { chart, without_conversion }) => print_crds(chart, without_conversion),
        Some(Command::Run(args)) => process::end(reconcile(args).await),
        None => process::end(reconcile(cli.run).await),
    }
}

async fn reconcile(args: run::Args) -> Result<(), Fatal> {
    let _telemetry = telemetry::init("tarscontroller").map_err(Fatal::configuration)?;
    run::run(args).await
}

fn print_crds(chart: bool, without_conversion: bool) -> ExitCode {
    let conversion = if without_conversion { Conversion::None } else { Conversion::default() };
    let definitions = crd::build_all(&CrdOptions { conversion, ..CrdOptions::default() });
    let text = if chart { crd::render_chart(&definitions) } else { crd::render(&definitions) };
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tarscontroller: {error}");
            ExitCode::FAILURE
        }
    }
}
