//! `make gen`: writes the generated files of a checkout. See the library for which they are.

use clap::Parser;
use std::{path::PathBuf, process::ExitCode};
use tars_kit::causes::with_sources;

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
            eprintln!("reference: {}", with_sources(&error));
            ExitCode::FAILURE
        }
    }
}
