//! No two files of a crate use each other, directly or through other files: arrows between files go down.
//!
//! A file `room/plan.rs` may use what its own `room.rs` declares, and `room.rs` tells the story by calling `room/plan.rs`; that pair is one room
//! and no circle. Everything else counts, also paths that are written out where they are used.

use crate::{
    Problem,
    modules::{self, Module, Names},
    tree::Tree,
};
use petgraph::{algo::tarjan_scc, graphmap::DiGraphMap};
use std::collections::{BTreeMap, BTreeSet};

type Arrows<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<String>>;

pub fn check(tree: &Tree) -> Vec<Problem> {
    let manifests = tree.texts().filter_map(|(path, _)| path.strip_suffix("Cargo.toml"));
    let roots = manifests.flat_map(|folder| ["src/lib.rs", "src/main.rs"].map(|root| format!("{folder}{root}")));
    roots.filter(|root| tree.text(root).is_some()).flat_map(|root| check_crate(&modules::read(tree, &root))).collect()
}

fn check_crate(modules: &BTreeMap<Names, Module>) -> Vec<Problem> {
    let arrows = find_arrows(modules);
    let graph: DiGraphMap<&str, ()> = arrows.keys().map(|(from, to)| (*from, *to)).collect();
    let circles = tarjan_scc(&graph).into_iter().filter(|files| files.len() > 1);
    circles
        .map(|mut files| {
            files.sort_unstable();
            let within = arrows.iter().filter(|((from, to), _)| files.contains(from) && files.contains(to));
            let arrows: Vec<_> = within
                .map(|((from, to), names)| {
                    format!("\n  {from} uses {} of {to}", names.iter().cloned().collect::<Vec<_>>().join(", "))
                })
                .collect();
            Problem::new(files[0], 0, format!("{} files use each other in a circle:{}", files.len(), arrows.concat()))
        })
        .collect()
}

/// Finds the arrows between the files of a crate: one file uses names of another one.
fn find_arrows(modules: &BTreeMap<Names, Module>) -> Arrows<'_> {
    let mut arrows = Arrows::new();
    for (names, module) in modules {
        for path in &module.paths {
            let Some((target, rest)) = resolve(modules, names, path) else { continue };
            let file = &modules[target].file;
            let own_story = names.starts_with(target);
            if *file != module.file && !own_story {
                let name = rest.first().or(target.last()).cloned().unwrap_or_default();
                arrows.entry((module.file.as_str(), file.as_str())).or_default().insert(name);
            }
        }
    }
    arrows
}

/// The module that `path`, written in the module `from`, leads into, and what is left of the path there. `None` for other crates.
fn resolve<'a, 'b>(modules: &'a BTreeMap<Names, Module>, from: &Names, path: &'b [String]) -> Option<(&'a Names, &'b [String])> {
    let mut at = from.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                at.pop()?;
                rest = &rest[1..];
            }
        }
        child if modules.contains_key([from.as_slice(), &[child.to_owned()]].concat().as_slice()) => {}
        _ => return None,
    }
    while let Some(name) = rest.first() {
        at.push(name.clone());
        if !modules.contains_key(&at) {
            at.pop();
            break;
        }
        rest = &rest[1..];
    }
    modules.get_key_value(&at).map(|(names, _)| (names, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let all = [&[("x/Cargo.toml", "")], files].concat();
        check(&Tree::of(&all)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let found = problems(&[
            ("x/src/lib.rs", "mod a; mod b;"),
            ("x/src/a.rs", "use crate::b::B; pub struct A(B);"),
            ("x/src/b.rs", "pub struct B; fn f() -> Option<super::a::A> { None }"),
        ]);
        let text = "x/src/a.rs: 2 files use each other in a circle:\n  x/src/a.rs uses B of x/src/b.rs\n  x/src/b.rs uses A of x/src/a.rs";
        assert_eq!(found, [text]);
    }

    #[test]
    fn a_circle_may_lead_through_folders_and_macros() {
        let found = problems(&[
            ("x/src/main.rs", "mod room; mod low;"),
            ("x/src/room.rs", "mod plan;"),
            ("x/src/room/plan.rs", "use crate::low;"),
            ("x/src/low.rs", "fn f() { println!(\"{}\", crate::room::plan::N); }"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("x/src/low.rs uses N of x/src/room/plan.rs"), "{found:?}");
    }

    #[test]
    fn a_room_and_its_chapters_are_no_circle_and_neither_are_tests_and_exports() {
        let found = problems(&[
            ("x/src/lib.rs", "mod room; mod low; pub use room::Room;"),
            ("x/src/room.rs", "mod plan; pub use plan::Plan; pub struct Room; fn f() { plan::act() }"),
            ("x/src/room/plan.rs", "use super::Room; use crate::low::Low; pub struct Plan; pub fn act() {}"),
            ("x/src/low.rs", "pub struct Low; #[cfg(test)] mod tests { use crate::room::Room; }"),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
