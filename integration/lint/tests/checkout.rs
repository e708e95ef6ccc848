//! Checks the checkout that this crate is part of.

use std::path::Path;

#[test]
fn the_checkout_has_no_problem() {
    let problems = lint::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
    let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", list.len(), list.join("\n"));
}
