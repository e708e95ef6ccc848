//! Defaults, refuses and converts the k8s.tars.io resources.
fn main() {}
