//! Packages depend downwards: `crates/` on `crates/`, `services/`, `tools/`, `examples/` on `crates/`, `integration/` on all of these. That holds for
//! dependencies of tests and benchmarks, too.

use crate::{
    Problem,
    tree::{self, Tree},
};
use regex::Regex;
use std::{collections::BTreeMap, sync::LazyLock};

/// A line such as `tars-kit = { path = "crates/kit" }` of the workspace's Cargo.toml.
#[allow(clippy::unwrap_used, reason = "the pattern is a constant, and every test uses it")]
static PATH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"(?m)^([\w-]+) = \{.*\bpath = "([^"]+)""#).unwrap());

/// A line such as `tars-kit.workspace = true` of a member's Cargo.toml.
#[allow(clippy::unwrap_used, reason = "the pattern is a constant, and every test uses it")]
static USE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([\w-]+)(?:\.workspace| = \{.*\bworkspace) = true").unwrap());

pub fn check(tree: &Tree) -> Vec<Problem> {
    let members: BTreeMap<&str, &str> = tree.text("Cargo.toml").map(read_paths).unwrap_or_default();
    let manifests = tree.texts().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    manifests
        .flat_map(|(path, text)| text.lines().enumerate().map(move |(index, line)| (path, index + 1, line)))
        .filter_map(|(path, line, text)| {
            let direct = PATH.captures(text).and_then(|found| tree::resolve(path, found.get(2)?.as_str()));
            let named =
                || USE.captures(text).and_then(|found| members.get(found.get(1)?.as_str()).map(|path| (*path).to_owned()));
            let target = direct.or_else(named)?;
            let up = rank_folder(&target) > rank_folder(path);
            up.then(|| Problem::new(path, line, format!("the package depends on {target}, which is in a folder above its own")))
        })
        .collect()
}

/// Reads the packages of the workspace and their folders.
fn read_paths(manifest: &str) -> BTreeMap<&str, &str> {
    PATH.captures_iter(manifest).filter_map(|found| Some((found.get(1)?.as_str(), found.get(2)?.as_str()))).collect()
}

/// Ranks the folder of a package. A package may depend on packages of the same or a lower rank.
fn rank_folder(path: &str) -> u8 {
    match path.split('/').next() {
        Some("crates") => 0,
        Some("services" | "tools" | "examples") => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_may_not_depend_on_one_above_it() {
        let tree = Tree::of(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nkit = { path = \"crates/kit\" }\nbench = { path = \"integration/bench\" }\n",
            ),
            ("crates/kit/Cargo.toml", "[dev-dependencies]\nbench.workspace = true\n"),
            ("services/agent/Cargo.toml", "kit.workspace = true\nhelp = { path = \"../../integration/help\" }\n"),
            ("integration/bench/Cargo.toml", "kit.workspace = true\n"),
        ]);
        let problems: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "crates/kit/Cargo.toml:2: the package depends on integration/bench, which is in a folder above its own",
                "services/agent/Cargo.toml:2: the package depends on integration/help, which is in a folder above its own",
            ]
        );
    }
}
