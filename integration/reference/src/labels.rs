//! The labels and annotations of this system, as `tars_common::names` declares them.

use crate::markdown::{Page, format_code};
use tars_common::names::{ALL_ANNOTATIONS, ALL_LABELS, MetadataKey};

/// Builds the page of all labels and annotations.
pub fn build_page() -> String {
    let introduction = "A part of a key in upper case varies, such as `NAMESPACE`. Labels of Kubernetes itself are not listed.";
    let mut page = Page::new("Labels and annotations", introduction);
    for (heading, keys) in [("Labels", ALL_LABELS), ("Annotations", ALL_ANNOTATIONS)] {
        page.add_heading(heading);
        page.add_table(["key", "on", "set by", "meaning"], keys.iter().map(build_row));
    }
    page.finish()
}

fn build_row(key: &MetadataKey) -> [String; 4] {
    [format_code(key.key), key.carried_by.to_owned(), key.set_by.to_owned(), key.meaning.to_owned()]
}
