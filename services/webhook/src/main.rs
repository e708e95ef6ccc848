//! The admission and conversion webhook. See the library for how it works.

use std::process::ExitCode;
use tars_kit::{crypto, process};

#[tokio::main]
async fn main() -> ExitCode {
    crypto::install();
    process::end(tarswebhook::run(process::parse_arguments()).await)
}
