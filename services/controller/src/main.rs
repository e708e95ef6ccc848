//! Reconciles the k8s.tars.io resources.
fn main() {}
