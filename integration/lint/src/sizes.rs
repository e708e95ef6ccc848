//! A source file has at most [`LIMIT`] lines.

use crate::{
    Problem,
    tree::{self, Tree},
};

/// The most lines that a reader takes in at once. A longer file usually has more than one subject.
const LIMIT: usize = 600;

const SOURCES: &[&str] = &["rs", "go", "sh", "js"];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let sources = tree.texts().filter(|(path, _)| tree::has_ending(path, SOURCES));
    let long = sources.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LIMIT);
    long.map(|(path, lines)| Problem::new(path, 0, format!("the file has {lines} lines, more than {LIMIT}; split it"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_source_files_have_a_limit() {
        let long = "x\n".repeat(LIMIT + 1);
        let tree = Tree::of(&[("a.rs", &long), ("b.md", &long), ("c.rs", "x\n")]);
        assert_eq!(check(&tree).iter().map(|problem| &*problem.path).collect::<Vec<_>>(), ["a.rs"]);
    }
}
