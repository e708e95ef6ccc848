//! The command line of the checks. See the library for what they are.

use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// Checks citations, rules and their tests, links, imports, layers and file sizes of a git checkout.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// The root of the checkout.
    #[arg(default_value = ".")]
    root: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let problems = match lint::check(&args.root) {
        Ok(problems) => problems,
        Err(error) => {
            eprintln!("lint: {error}");
            return ExitCode::FAILURE;
        }
    };
    for problem in &problems {
        println!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
