//! Names that the parts of the framework agree on.

/// API group of all kinds.
pub const GROUP: &str = "k8s.tars.io";
