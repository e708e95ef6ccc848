//! Watches, queues and writes, for any kind.

pub mod cache;
#[cfg(test)]
pub mod fake;
pub mod fields;
pub mod metrics;
pub mod queue;
pub mod writer;
