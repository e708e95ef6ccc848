//! Compares the generated files of the checkout that this crate is part of with the code.

use std::path::Path;

#[test]
fn every_generated_file_is_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let outdated = reference::bring_up_to_date(&root, false).unwrap();
    assert!(outdated.is_empty(), "these files are not what the code says; run `make gen` and commit them: {outdated:?}");
}
