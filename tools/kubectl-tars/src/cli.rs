//! The command line, and the end of the process.

use crate::{
    certificates::{self, CertificatesArgs},
    cluster::ClusterArgs,
    completion::{self, CompletionArgs},
    explain::{self, ExplainArgs},
    lint::{self, LintArgs},
    migrate::{self, MigrateCommand},
    output::{ColorArgs, Verdict},
    refresh::{self, RefreshArgs},
    resync::{self, ResyncArgs},
};
use clap::{CommandFactory, Parser, Subcommand};
use std::{error::Error, ffi::OsString, path::Path, process::ExitCode};
use tars_kit::causes::with_sources;

/// Checks manifests, explains, compares and refreshes servers, shows certificates and migrates stored objects of Tars on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "kubectl-tars", bin_name = "kubectl tars", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    color: ColorArgs,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  everything is as it should be
  1  something is wrong with what the command looked at: a manifest would be refused, a certificate is not trusted, a TServer is not ready
     or cannot be changed
  2  the command could not do its work: a wrong option, no cluster, no right";

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell what a cluster would refuse or warn of, with file, line, field, problem and remedy
    Lint(LintArgs),
    /// Tell why TServers are not ready: a tree of causes
    Explain(ExplainArgs),
    /// Let the controller compare the objects of TServers with those of the API server now, and repair what differs
    Resync(ResyncArgs),
    /// Show which certificates the webhook serves, when they end, and who trusts them
    Certificates(CertificatesArgs),
    /// Move stored objects to another form
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Replace the pods of TServers, so that they get the newest defaults of the controller
    Refresh(RefreshArgs),
    /// Print a script that completes commands and options in a shell
    Completion(CompletionArgs),
}

/// Runs a command line. Writes its result to standard output, and progress and errors to standard error.
pub async fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    if words.first().is_some_and(|program| Path::new(program).file_name().is_some_and(|name| name == completion::HELPER)) {
        completion::complete(&words[1..], Cli::command());
        return ExitCode::SUCCESS;
    }
    // A wrong option ends the process with code 2.
    let cli = Cli::parse_from(words);
    cli.color.apply();
    let result: Result<Verdict, Box<dyn Error>> = match cli.command {
        Command::Lint(args) => lint::run(args, &cli.cluster).await.map_err(Into::into),
        Command::Explain(args) => explain::run(&args, &cli.cluster).await.map_err(Into::into),
        Command::Resync(args) => resync::run(&args, &cli.cluster).await.map_err(Into::into),
        Command::Certificates(args) => certificates::run(&args, &cli.cluster).await.map_err(Into::into),
        Command::Migrate(command) => migrate::run(&command, &cli.cluster).await.map_err(Into::into),
        Command::Refresh(args) => refresh::run(&args, &cli.cluster).await.map_err(Into::into),
        Command::Completion(args) => Ok(completion::print(&args, Cli::command())),
    };
    match result {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Wrong) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("error: {}", with_sources(&*error));
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_comparison_needs_a_name_or_the_word_all_and_an_explanation_does_not() {
        let parses = |words: &[&str]| Cli::try_parse_from([&["kubectl-tars"], words].concat()).is_ok();
        assert!(parses(&["explain"]) && parses(&["explain", "demo-echo", "-n", "tars", "-o", "json", "--no-logs"]));
        assert!(parses(&["resync", "demo-echo"]) && parses(&["resync", "--all", "--account", "me"]));
        assert!(!parses(&["resync"]) && !parses(&["resync", "demo-echo", "--all"]) && !parses(&["explain", "a", "b"]));
    }

    fn complete(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let lines = completion::list_candidates(&words, Cli::command());
        lines.into_iter().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn commands_options_and_values_are_completed() {
        assert_eq!(complete(&["li"]), ["lint", ":4"]);
        assert_eq!(complete(&["migrate", ""]), ["storage", "help", ":4"]);
        assert_eq!(complete(&["lint", "--rec"]), ["--recursive", ":4"]);
        assert_eq!(complete(&["lint", "-o", "j"]), ["json", ":4"]);
        assert_eq!(complete(&["lint", "-f", ""]), [":0"]);
        assert_eq!(complete(&["certificates", "--context", ""]), [":0"]);
    }
}
