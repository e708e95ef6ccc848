//! Reads the command line of a service, and ends its process with a sentence for people and an exit code for programs.
//!
//! | end | code | the sentence |
//! | --- | --- | --- |
//! | a signal stops the process | 0 | none |
//! | the configuration cannot be used | 64 | on standard error, because the fault may be in the telemetry |
//! | a task ended before the stop | 1 | in the log |
//!
//! ```text
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     process::end(run(process::parse_arguments()).await)
//! }
//! ```

use crate::{causes::with_sources, tasks::Ended};
use clap::{Command, CommandFactory, Parser};
use std::{error::Error, ffi::OsString, net::SocketAddr, path::Path, process::ExitCode};
use tokio::net::TcpListener;

/// `EX_USAGE` of sysexits.h. Another start would end in the same way.
const BAD_CONFIGURATION: u8 = 64;
/// The variables that every service reads besides its own options, as `--help` shows them. [`crate::telemetry`] has the details.
const ENVIRONMENT: &str = "\
Environment:
  RUST_LOG                     What is logged, for example info or info,kube=debug [default: info]
  LOG_LEVEL_FILE               File whose filter counts instead of RUST_LOG, also when it changes [default: /etc/tars/log-level/PROGRAM]
  LOG_FORMAT                   json for one JSON object a line, anything else for people [default: text]
  OTEL_EXPORTER_OTLP_ENDPOINT  gRPC address of an OpenTelemetry collector for traces [default: no traces]
  KUBECONFIG                   Access to the cluster, outside of a pod";

/// The reasons why a process ends other than a signal.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The command line, the environment or something that they name cannot be used.
    #[error("configuration: {0}")]
    Configuration(String),
    /// One of the tasks of the process has ended.
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl Fatal {
    /// Makes a [`Fatal::Configuration`] from the text of `error` and of its sources.
    pub fn configuration(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Configuration(with_sources(&*error.into()))
    }
}

/// Reads the command line. Like `Parser::parse` it ends the process after `--help`, and with code 64 if the command line is wrong.
pub fn parse_arguments<A: Parser>() -> A {
    parse(std::env::args_os()).unwrap_or_else(|answer| {
        // If standard output is closed, nobody can be told.
        let _ = answer.print();
        std::process::exit(if answer.use_stderr() { BAD_CONFIGURATION.into() } else { 0 })
    })
}

fn parse<A: Parser>(words: impl IntoIterator<Item = OsString>) -> Result<A, clap::Error> {
    let matches = build_command::<A>().try_get_matches_from(words)?;
    A::from_arg_matches(&matches)
}

/// The command line of a service, with the environment variables that all services read in its help.
pub fn build_command<A: CommandFactory>() -> Command {
    A::command().after_help(ENVIRONMENT)
}

/// Listens on `address`. The address is a part of the configuration, so a failure is a [`Fatal::Configuration`].
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Fatal> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Fatal::Configuration(format!("cannot listen on {address}: {error}")))
}

/// Reports why the process ends, and returns the exit code for `main`.
pub fn end(result: Result<(), Fatal>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal @ Fatal::Configuration(_)) => {
            eprintln!("{}: {fatal}", program_name());
            ExitCode::from(BAD_CONFIGURATION)
        }
        Err(Fatal::Ended(ended)) => {
            tracing::error!(error = %ended, "giving up");
            ExitCode::FAILURE
        }
    }
}

/// The name of the program without its path, for messages.
fn program_name() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does something.
    #[derive(Debug, Parser)]
    #[command(name = "service")]
    struct Args {
        /// How much.
        #[arg(long, default_value_t = 1)]
        much: u8,
    }

    fn parsed(words: &[&str]) -> Result<Args, clap::Error> {
        parse(std::iter::once(&"service").chain(words).map(OsString::from))
    }

    #[test]
    fn help_shows_the_environment_that_all_services_read() {
        assert_eq!(parsed(&["--much", "2"]).unwrap().much, 2);
        let help = parsed(&["--help"]).unwrap_err();
        assert!(!help.use_stderr());
        let help = help.to_string();
        for word in ["Does something", "--much", "RUST_LOG", "LOG_FORMAT", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
            assert!(help.contains(word), "{word} is not in {help}");
        }
        assert!(parsed(&["--more"]).unwrap_err().use_stderr());
    }

    #[test]
    fn the_exit_code_tells_a_wrong_configuration_from_a_failure() {
        let ended = Ended { task: "serve metrics", reason: "no more".to_owned() };
        for (result, code) in [
            (Ok(()), ExitCode::SUCCESS),
            (Err(Fatal::configuration("no namespace")), ExitCode::from(64)),
            (Err(ended.into()), ExitCode::FAILURE),
        ] {
            // Exit codes cannot be compared, but their debug texts can.
            assert_eq!(format!("{:?}", end(result)), format!("{code:?}"));
        }
    }

    #[test]
    fn a_wrong_configuration_is_reported_with_its_causes() {
        let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
        let failure = Fatal::configuration(std::io::Error::other(cause));
        assert_eq!(failure.to_string(), "configuration: entity not found");
        assert_eq!(Fatal::configuration("no namespace").to_string(), "configuration: no namespace");
    }

    #[tokio::test]
    async fn a_taken_address_is_a_wrong_configuration() {
        let taken = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = taken.local_addr().unwrap();
        let failure = listen(address).await.unwrap_err();
        assert!(failure.to_string().starts_with(&format!("configuration: cannot listen on {address}: ")), "{failure}");
    }
}
