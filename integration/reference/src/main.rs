//! `make gen`: writes the generated files of a checkout. See the library for which they are.

use clap::Parser;
use std::{error::Error, path::PathBuf, process::ExitCode};

/// Writes the files that are generated from the code and checked in.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// The root of the checkout.
    #[arg(default_value = ".")]
    root: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match reference::bring_up_to_date(&args.root, true) {
        Ok(written) => {
            for name in written {
                println!("wrote {name}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("reference: {}", describe(&error));
            ExitCode::FAILURE
        }
    }
}

fn describe(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", describe(source)))
}
