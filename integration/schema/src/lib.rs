//! The rules that the schemas of the CRDs must have, and objects that try each rule.
//!
//! ```text
//! rules.txt ──► Table ─┬─ compared with ──► the schemas, generated from the Rust types of tars-common
//!                      └─► Cases ─┬─ accepted and refused by ──► a real API server (integration/e2e)
//!                                 └─ pass unchanged through ───► the Rust types
//! ```
//!
//! The Rust types are the source of the schemas. `rules.txt` says the same a second time, one line for each field, so that a change
//! of a type that changes a schema by accident fails a test.

pub mod cases;
mod sample;
pub mod table;

#[cfg(test)]
mod tests;
