//! The command line, and the end of the process.

use crate::{
    certificates::{self, CertificatesArgs},
    cluster::ClusterArgs,
    completion::{self, CompletionArgs},
    lint::{self, LintArgs},
    migrate::{self, MigrateCommand},
    output::{ColorArgs, Verdict},
    refresh::{self, RefreshArgs},
};
use clap::{CommandFactory, Parser, Subcommand};
use std::{error::Error, ffi::OsString, path::Path, process::ExitCode};
use tars_kit::causes::with_sources;

/// Checks manifests, shows certificates, migrates stored objects and refreshes servers of Tars on Kubernetes.
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
  1  something is wrong with what the command looked at: a manifest would be refused, a certificate is not trusted, a TServer cannot be changed
  2  the command could not do its work: a wrong option, no cluster, no right";

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell what a cluster would refuse or warn of, with file, line, field, problem and remedy
    Lint(LintArgs),
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
