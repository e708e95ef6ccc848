//! The process beside each Tars server in its pod.
fn main() {}
