//! The labels and annotations of this system, as `tars_common::names` declares them.

use crate::markdown::{Page, code};
use tars_common::names::{ALL_ANNOTATIONS, ALL_LABELS, MetadataKey};

/// The page of all labels and annotations.
pub fn page() -> String {
    let introduction = "A part of a key in upper case varies, such as `NAMESPACE`. Labels of Kubernetes itself are not listed.";
    let mut page = Page::new("Labels and annotations", introduction);
    for (heading, keys) in [("Labels", ALL_LABELS), ("Annotations", ALL_ANNOTATIONS)] {
        page.heading(heading);
        page.table(["key", "on", "set by", "meaning"], keys.iter().map(row));
    }
    page.finish()
}

fn row(key: &MetadataKey) -> [String; 4] {
    [code(key.key), key.carried_by.to_owned(), key.set_by.to_owned(), key.meaning.to_owned()]
}
