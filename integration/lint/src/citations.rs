//! Code and documents cite rules as `docs/reference/PAGE.md#N`, where `N` is the number of a rule or of a section.

use crate::{Problem, rules, tree::Tree};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

#[allow(clippy::unwrap_used, reason = "the pattern is a constant, and every test uses it")]
static CITATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"docs/reference/([a-z-]+\.md)#([A-Za-z]?[0-9]+(?:\.[0-9]+)*)").unwrap());

pub fn check(tree: &Tree) -> Vec<Problem> {
    let pages: BTreeMap<&str, BTreeSet<&str>> = tree
        .texts()
        .filter_map(|(path, text)| {
            Some((path.strip_prefix(rules::FOLDER)?, rules::find_anchors(text).map(|(_, id)| id).collect()))
        })
        .collect();
    let mut problems = Vec::new();
    for (path, text) in tree.texts() {
        for (index, line) in text.lines().enumerate() {
            for citation in CITATION.captures_iter(line) {
                let (page, number) = (&citation[1], &citation[2]);
                match pages.get(page) {
                    None => problems.push(Problem::new(path, index + 1, format!("there is no page docs/reference/{page}"))),
                    Some(numbers) if !numbers.contains(number) => {
                        problems.push(Problem::new(
                            path,
                            index + 1,
                            format!("docs/reference/{page} has no rule or section {number}"),
                        ));
                    }
                    Some(_) => {}
                }
            }
            if line.contains('\u{a7}') {
                let text = "a section sign cites a page that readers do not have; cite docs/reference/PAGE.md#N";
                problems.push(Problem::new(path, index + 1, text));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Split, so that this file does not cite what does not exist.
    fn problems(page: &str) -> Vec<String> {
        let line = format!("//! Claims ({}{page}).", rules::FOLDER);
        let tree = Tree::of(&[("docs/reference/controller.md", "## <a id=\"7.3\"></a>7.3 Claims"), ("src/lib.rs", &line)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_citation_leads_to_a_number_of_a_page() {
        assert_eq!(problems("controller.md#7.3"), [""; 0]);
        assert_eq!(problems("controller.md#7.4"), ["src/lib.rs:1: docs/reference/controller.md has no rule or section 7.4"]);
        assert_eq!(problems("other.md#7"), ["src/lib.rs:1: there is no page docs/reference/other.md"]);
    }

    #[test]
    fn a_section_sign_is_refused() {
        assert_eq!(problems("controller.md \u{a7}7.3").len(), 1);
    }
}
