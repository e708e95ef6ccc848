//! Reads the modules of a crate, and the paths that each module names.
//!
//! ```text
//! src/lib.rs ──mod──► src/queue.rs, src/room.rs ──mod──► src/room/plan.rs
//!                                     └─ use crate::queue::Queue ─► [crate, queue, Queue]
//! ```
//!
//! Tests are left out: a module or an item with `#[cfg(test)]` does not count.

use crate::tree::Tree;
use proc_macro2::{Spacing, TokenStream, TokenTree};
use std::collections::BTreeMap;
use syn::{
    Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility,
    visit::{self, Visit},
};

/// The names that lead to a module from the root of its crate; empty for the root.
pub type Names = Vec<String>;

/// A module.
#[derive(Debug, Default)]
pub struct Module {
    /// The file that it is written in.
    pub file: String,
    /// The paths that it names, as they are written.
    pub paths: Vec<Names>,
}

/// Every module of the crate whose root is the file at `root`. A file that does not parse counts as empty: the compiler tells why.
pub fn read(tree: &Tree, root: &str) -> BTreeMap<Names, Module> {
    let mut modules = BTreeMap::new();
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    read_file(tree, root, folder, Vec::new(), &mut modules);
    modules
}

/// Reads the module `names` from `file`. The files of its children are in `folder`.
fn read_file(tree: &Tree, file: &str, folder: &str, names: Names, modules: &mut BTreeMap<Names, Module>) {
    let items = tree.text(file).and_then(|text| syn::parse_file(text).ok()).map(|parsed| parsed.items).unwrap_or_default();
    read_items(tree, file, folder, names, &items, modules);
}

fn read_items(tree: &Tree, file: &str, folder: &str, names: Names, items: &[Item], modules: &mut BTreeMap<Names, Module>) {
    let mut paths =
        Paths { children: items.iter().filter_map(as_module).map(|child| child.ident.to_string()).collect(), found: Vec::new() };
    for item in items {
        let Some(child) = as_module(item) else {
            paths.visit_item(item);
            continue;
        };
        let name = child.ident.to_string();
        let below = [names.as_slice(), std::slice::from_ref(&name)].concat();
        let inner = format!("{folder}/{name}");
        match &child.content {
            _ if is_test(&child.attrs) => {}
            Some((_, items)) => read_items(tree, file, &inner, below, items, modules),
            None => {
                let files = [format!("{inner}.rs"), format!("{inner}/mod.rs")];
                if let Some(file) = files.iter().find(|file| tree.text(file).is_some()) {
                    read_file(tree, file, &inner, below, modules);
                }
            }
        }
    }
    modules.insert(names, Module { file: file.to_owned(), paths: paths.found });
}

fn as_module(item: &Item) -> Option<&ItemMod> {
    if let Item::Mod(child) = item { Some(child) } else { None }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// Collects paths of more than one name.
struct Paths {
    /// The modules that are declared here.
    children: Vec<String>,
    found: Vec<Names>,
}

impl Paths {
    fn add_use(&mut self, before: &Names, tree: &UseTree) {
        let with = |name: String| [before.as_slice(), &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&with(path.ident.to_string()), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(before, tree)),
            // `use a::{self}` names `a`.
            UseTree::Name(name) if name.ident == "self" => self.found.push(before.clone()),
            UseTree::Name(name) => self.found.push(with(name.ident.to_string())),
            UseTree::Rename(rename) => self.found.push(with(rename.ident.to_string())),
            UseTree::Glob(_) => self.found.push(before.clone()),
        }
    }

    /// Adds the paths in the tokens of a macro's call. The tokens need not be Rust.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut names = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 || names.is_empty() => names.push(name.to_string()),
                TokenTree::Punct(colon) if colon.as_char() == ':' && (colons == 1 || colon.spacing() == Spacing::Joint) => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.add(std::mem::take(&mut names));
                    match other {
                        TokenTree::Ident(name) => names.push(name.to_string()),
                        TokenTree::Group(group) => self.add_tokens(group.stream()),
                        _ => {}
                    }
                }
            }
            colons = 0;
        }
        self.add(names);
    }

    fn add(&mut self, names: Names) {
        if names.len() > 1 {
            self.found.push(names);
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    /// A re-export of something of a child offers it and does not use it.
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let first = match &item.tree {
            UseTree::Path(path) if path.ident == "self" => match &*path.tree {
                UseTree::Path(path) => path.ident.to_string(),
                _ => String::new(),
            },
            UseTree::Path(path) => path.ident.to_string(),
            _ => String::new(),
        };
        if matches!(item.vis, Visibility::Inherited) || !self.children.contains(&first) {
            self.add_use(&Names::new(), &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.add_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
