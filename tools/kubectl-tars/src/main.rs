//! The plugin `kubectl tars`. See the library for how it works.

use std::process::ExitCode;
use tars_kit::crypto;

#[tokio::main]
async fn main() -> ExitCode {
    crypto::install();
    kubectl_tars::run(std::env::args_os()).await
}
