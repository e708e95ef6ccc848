//! Provisions local volumes on a node.
fn main() {}
