//! Checks what no compiler checks.
//!
//! ```text
//! git ls-files ──► Tree ──┬─► citations  `docs/reference/PAGE.md#N` names a rule that exists
//!                         ├─► rules      a rule has one number, a kind, and a reason if it is ours
//!                         ├─► links      a link in Markdown leads to a file, and to a heading of it
//!                         ├─► imports    no two source files of a crate import each other, however far round
//!                         ├─► layers     crates know no services, services know no integration
//!                         └─► sizes      a source file can be finished by a reader
//! ```
//!
//! Each check is a pure function from the [`tree::Tree`] to a list of [`Problem`]s. `make lint` runs them all.

mod citations;
mod imports;
mod layers;
mod links;
mod modules;
mod rules;
mod sizes;
mod tree;

use clap::Parser;
use std::{fmt, path::PathBuf, process::ExitCode};
use tree::Tree;

/// Checks citations, rules, links, imports and file sizes of a git checkout.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// The root of the checkout.
    #[arg(default_value = ".")]
    root: PathBuf,
}

/// Something that must be corrected, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    /// Counted from 1; 0 stands for the file as a whole.
    line: usize,
    text: String,
}

impl Problem {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

type Check = fn(&Tree) -> Vec<Problem>;

const CHECKS: &[(&str, Check)] = &[
    ("citations", citations::check),
    ("rules", rules::check),
    ("links", links::check),
    ("imports", imports::check),
    ("layers", layers::check),
    ("sizes", sizes::check),
];

fn main() -> ExitCode {
    let args = Args::parse();
    let tree = match Tree::read(&args.root) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("lint: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut found = 0;
    for (name, check) in CHECKS {
        let mut problems = check(&tree);
        problems.sort();
        for problem in &problems {
            println!("{problem}");
        }
        println!("{name}: {}", if problems.is_empty() { "ok".to_owned() } else { format!("{} problems", problems.len()) });
        found += problems.len();
    }
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
