//! Checks what no compiler checks.
//!
//! ```text
//! git ls-files ──► Tree ──┬─► citations  `docs/reference/PAGE.md#N` names a rule that exists
//!                         ├─► rules      a rule has one number, a kind, and a reason if it is ours
//!                         ├─► coverage   each rule of the controller has a test, and the page that lists them is right
//!                         ├─► links      a link in Markdown leads to a file, and to a heading of it
//!                         ├─► imports    no two source files of a crate import each other, however far round
//!                         ├─► layers     crates know no services, services know no integration
//!                         └─► sizes      a source file can be finished by a reader
//! ```
//!
//! Each check is a pure function from the `Tree` to a list of [`Problem`]s. `make lint` runs them all, as the test `checkout`.

mod citations;
mod coverage;
mod imports;
mod layers;
mod links;
mod modules;
mod rules;
mod sizes;
mod tree;

use std::{fmt, path::Path};
pub use tree::Error;
use tree::Tree;

/// Something that must be corrected, and where. It prints as `PATH:LINE: TEXT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
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

const CHECKS: &[Check] =
    &[citations::check, rules::check, coverage::check, links::check, imports::check, layers::check, sizes::check];

/// Every problem of the git checkout at `root`, check by check.
pub fn check(root: &Path) -> Result<Vec<Problem>, Error> {
    let tree = Tree::read(root)?;
    let mut all = Vec::new();
    for check in CHECKS {
        let mut problems = check(&tree);
        problems.sort();
        all.extend(problems);
    }
    Ok(all)
}
