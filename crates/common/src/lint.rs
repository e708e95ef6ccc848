//! Judges manifests by the rules of admission before they are applied (docs/reference/kubectl-tars.md#2).
//!
//! ```text
//! manifests ─► Batch ─┬─► list_queries ─► Facts of a cluster, or assume()
//!                     └─► judge(facts + what the batch brings along) ─► Findings
//! ```
//!
//! The schema and the rules are those that the API server and the webhook use. A batch is judged as a whole: objects may refer to each
//! other, in any order.

mod batch;
mod finding;
#[cfg(test)]
mod tests;

pub use batch::{Assumption, Batch, Manifest};
pub use finding::{Finding, Severity};

/// The greatest number of violations of the schema that are reported for one manifest.
const MOST_VIOLATIONS: usize = 20;
