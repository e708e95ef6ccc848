//! Each rule of `controller.md` has a row in `controller-tests.md`, which names the tests that fail when the rule is broken:
//!
//! ```text
//! | [7.8.1](controller.md#7.8.1) | `the_label_follows_those_of_the_namespaces` in [node.rs](../../services/controller/src/node.rs) |
//! ```
//!
//! A file of Rust has a test function of that name. A script has a check with that text in quotes. Whether the test shows the rule is for readers
//! to judge.

use crate::{
    Problem, rules,
    tree::{self, Tree},
};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};
use syn::{
    ItemFn,
    visit::{self, Visit},
};

const RULES: &str = "docs/reference/controller.md";
const TESTS: &str = "docs/reference/controller-tests.md";

/// A row: the text and the target of the link to the rule, and the tests.
#[allow(clippy::unwrap_used, reason = "the pattern is a constant, and every test uses it")]
static ROW: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\| \[([0-9.]+)\]\(controller\.md#([0-9.]+)\) \| (.+) \|$").unwrap());

/// A test: its name, and the target of the link to its file.
#[allow(clippy::unwrap_used, reason = "the pattern is a constant, and every test uses it")]
static TEST: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"`([^`]+)` in \[[^\]]+\]\(([^)]+)\)").unwrap());

pub fn check(tree: &Tree) -> Vec<Problem> {
    let Some(page) = tree.text(RULES) else { return Vec::new() };
    let Some(list) = tree.text(TESTS) else { return vec![Problem::new(RULES, 0, format!("there is no {TESTS} for its rules"))] };
    let rules: BTreeMap<String, usize> = rules::find_rules(page).map(|(line, id, _)| (id, line)).collect();
    let (mut rows, mut problems, mut files) = (BTreeSet::new(), Vec::new(), Files { tree, tests: BTreeMap::new() });
    for (line, text) in list.lines().enumerate().map(|(index, text)| (index + 1, text)) {
        let mut tell = |problem: String| problems.push(Problem::new(TESTS, line, problem));
        if !text.starts_with("| [") {
            continue;
        }
        let Some(row) = ROW.captures(text) else {
            tell("the row is not of the form | [7.8.1](controller.md#7.8.1) | tests |".to_owned());
            continue;
        };
        let number = &row[1];
        if number != &row[2] {
            tell(format!("the row of rule {number} has a link to {}", &row[2]));
        }
        if !rules.contains_key(number) {
            tell(format!("{RULES} has no rule {number}"));
        }
        if !rows.insert(number.to_owned()) {
            tell(format!("rule {number} has a row already"));
        }
        let tests: Vec<&str> = TEST.find_iter(&row[3]).map(|test| test.as_str()).collect();
        if tests.join(", ") != row[3] {
            tell(format!("{:?} is not a list of the form `name` in [file](path), ...", &row[3]));
        }
        tests.into_iter().filter_map(|test| files.find_fault(test)).for_each(tell);
    }
    let without = rules.iter().filter(|(number, _)| !rows.contains(*number));
    problems.extend(without.map(|(number, line)| Problem::new(RULES, *line, format!("rule {number} has no row in {TESTS}"))));
    problems
}

/// The files that rows name.
struct Files<'a> {
    tree: &'a Tree,
    /// The test functions of each file of Rust that was read.
    tests: BTreeMap<String, BTreeSet<String>>,
}

impl Files<'_> {
    /// Finds the fault of `test`, one test of a row, as a sentence. `None` if it exists.
    fn find_fault(&mut self, test: &str) -> Option<String> {
        let found = TEST.captures(test)?;
        let name = &found[1];
        let path = tree::resolve(TESTS, &found[2]).unwrap_or_default();
        let Some(source) = self.tree.text(&path) else { return Some(format!("the file {path} of {name} does not exist")) };
        let exists = if tree::has_ending(&path, &["rs"]) {
            self.tests.entry(path.clone()).or_insert_with(|| list_tests(source)).contains(name)
        } else {
            source.contains(&format!("'{name}'"))
        };
        (!exists).then(|| format!("{path} has no test {name:?}"))
    }
}

/// Lists the test functions of a file. A file that does not parse has none: the compiler tells why.
fn list_tests(text: &str) -> BTreeSet<String> {
    let mut found = Functions(BTreeSet::new());
    if let Ok(file) = syn::parse_file(text) {
        found.visit_file(&file);
    }
    found.0
}

struct Functions(BTreeSet<String>);

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let is_test = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "test");
        if function.attrs.iter().any(|attribute| is_test(attribute.path())) {
            self.0.insert(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "## <a id=\"1\"></a>1 Process\n\n<a id=\"1.1\"></a>**1.1** *compatible.* It acts.\n\n| <a id=\"1.2\"></a>1.2 | *compatible.* | x |\n";
    const SOURCE: &str = "fn help() {}\n#[cfg(test)]\nmod tests {\n    #[tokio::test(start_paused = true)]\n    async fn it_acts() {}\n    #[test]\n    fn it_rests() {}\n}\n";

    fn problems(list: &str) -> Vec<String> {
        let tree =
            Tree::of(&[(RULES, PAGE), (TESTS, list), ("src/lib.rs", SOURCE), ("check.sh", "expect 1 'two pods, and more'\n")]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    /// A good row.
    fn row(number: &str) -> String {
        format!("| [{number}](controller.md#{number}) | `it_acts` in [lib.rs](../../src/lib.rs) |\n")
    }

    #[test]
    fn a_row_names_tests_and_checks_that_exist() {
        let both = "| [1.2](controller.md#1.2) | `it_rests` in [lib.rs](../../src/lib.rs), `two pods, and more` in [check.sh](../../check.sh) |";
        assert_eq!(problems(&format!("| rule | shown by |\n| --- | --- |\n{}{both}", row("1.1"))), [""; 0]);
    }

    #[test]
    fn each_rule_has_one_row_and_each_row_has_a_rule() {
        let two = [row("1.1"), row("1.1")].concat();
        assert_eq!(
            problems(&two),
            [
                "docs/reference/controller-tests.md:2: rule 1.1 has a row already",
                "docs/reference/controller.md:5: rule 1.2 has no row in docs/reference/controller-tests.md"
            ]
        );
        let all = [row("1.1"), row("1.2")].concat();
        let section = "docs/reference/controller-tests.md:3: docs/reference/controller.md has no rule 1";
        assert_eq!(problems(&(all.clone() + &row("1"))), [section]);
        let other = row("1.1").replace("controller.md#1.1", "controller.md#1.2") + &row("1.2");
        assert_eq!(problems(&other), ["docs/reference/controller-tests.md:1: the row of rule 1.1 has a link to 1.2"]);
        assert_eq!(check(&Tree::of(&[(RULES, PAGE)])).len(), 1, "there is no list at all");
    }

    #[test]
    fn a_test_that_does_not_exist_is_named() {
        for (test, fault) in [
            ("`help` in [lib.rs](../../src/lib.rs)", "src/lib.rs has no test \"help\""),
            ("`gone` in [lib.rs](../../src/lib.rs)", "src/lib.rs has no test \"gone\""),
            ("`two` in [check.sh](../../check.sh)", "check.sh has no test \"two\""),
            ("`it_acts` in [old.rs](../../src/old.rs)", "the file src/old.rs of it_acts does not exist"),
            ("it_acts", "\"it_acts\" is not a list of the form `name` in [file](path), ..."),
        ] {
            let list = row("1.1") + &format!("| [1.2](controller.md#1.2) | {test} |\n");
            assert_eq!(problems(&list), [format!("docs/reference/controller-tests.md:2: {fault}")]);
        }
        let broken = row("1.1") + &row("1.2") + "| [1.2](admission.md#1.2) | `it_acts` in [lib.rs](../../src/lib.rs) |\n";
        assert!(problems(&broken)[0].contains("is not of the form"), "{:?}", problems(&broken));
    }
}
