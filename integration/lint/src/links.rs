//! A link in a Markdown file leads to a file or folder of the checkout, and its fragment to a heading or an anchor of that file.
//! Links to other hosts are not checked.

use crate::{
    Problem, rules,
    tree::{self, Tree},
};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use std::collections::BTreeSet;

pub fn check(tree: &Tree) -> Vec<Problem> {
    let pages = tree.texts().filter(|(path, _)| tree::has_ending(path, &["md"]));
    pages
        .flat_map(|(path, text)| {
            list_links(text).into_iter().filter_map(move |(line, link)| Some((path, line, find_fault(tree, path, &link)?)))
        })
        .map(|(path, line, text)| Problem::new(path, line, text))
        .collect()
}

/// Finds the fault of `link` in the file at `from`, as a sentence. `None` if the link is good.
fn find_fault(tree: &Tree, from: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = link.split_once('#').map_or((link, None), |(path, fragment)| (path, Some(fragment)));
    let target = if path.is_empty() { from.to_owned() } else { tree::resolve(from, path)? };
    if !tree.has(&target) {
        return Some(format!("the link {link} leads to {target}, which does not exist"));
    }
    let fragment = fragment?;
    let found =
        tree::has_ending(&target, &["md"]) && tree.text(&target).is_some_and(|text| list_fragments(text).contains(fragment));
    (!found).then(|| format!("the link {link} leads to a heading that {target} does not have"))
}

/// Lists the links of a page with their lines.
fn list_links(text: &str) -> Vec<(usize, String)> {
    let line_of = |offset: usize| text[..offset].matches('\n').count() + 1;
    let events = Parser::new_ext(text, pulldown_cmark::Options::ENABLE_TABLES).into_offset_iter();
    events
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((line_of(range.start), dest_url.to_string()))
            }
            _ => None,
        })
        .collect()
}

/// Lists the names that a fragment may have: the headings as the usual Markdown hosts spell them, and explicit anchors.
fn list_fragments(text: &str) -> BTreeSet<String> {
    let mut fragments: BTreeSet<String> = rules::find_anchors(text).map(|(_, id)| id.to_owned()).collect();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, pulldown_cmark::Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = build_slug(&heading.take().unwrap_or_default());
                // A heading that occurs again gets a number.
                let again = |number: &usize| !fragments.contains(&format!("{slug}-{number}"));
                let number = fragments.contains(&slug).then(|| (1..=fragments.len()).find(again)).flatten();
                fragments.insert(number.map_or(slug.clone(), |number| format!("{slug}-{number}")));
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    fragments
}

/// Spells a heading as the usual Markdown hosts do in a fragment: lower case, without punctuation, with dashes for spaces.
fn build_slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(page: &str) -> Vec<String> {
        let tree =
            Tree::of(&[("docs/a.md", page), ("docs/b.md", "# The `Ready` one\n\n# Twice\n\n# Twice\n"), ("src/lib.rs", "")]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_to_files_folders_headings_and_other_hosts_are_good() {
        let page = "# Top\n[1](b.md) [2](../src) [3](b.md#the-ready-one) [4](https://example.org/x#y) [5](#top) [6](b.md#twice-1)\n\n| [7](b.md) |";
        assert_eq!(problems(page), [""; 0]);
    }

    #[test]
    fn a_link_to_nothing_names_its_line() {
        assert_eq!(
            problems("\n[1](c.md)\n\n[2](b.md#none)\n"),
            [
                "docs/a.md:2: the link c.md leads to docs/c.md, which does not exist",
                "docs/a.md:4: the link b.md#none leads to a heading that docs/b.md does not have"
            ]
        );
    }

    #[test]
    fn code_is_not_a_link() {
        assert_eq!(problems("```\n[1](c.md)\n```\n`[2](c.md)`"), [""; 0]);
    }
}
