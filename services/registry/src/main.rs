//! The name service.
fn main() {}
