//! The text files that git tracks, or would track.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Why the checkout cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot run git in {}", root.display())]
    Start { root: PathBuf, source: io::Error },
    #[error("git cannot list the files of {}: {text}", root.display())]
    List { root: PathBuf, text: String },
}

/// The files of a checkout by their path below its root, with `/` between folders. Files that are not UTF-8 have no text.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads every file below `root` that git tracks or does not ignore. A tracked file that was deleted is left out.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let output = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(root)
            .output()
            .map_err(|source| Error::Start { root: root.to_owned(), source })?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::List { root: root.to_owned(), text });
        }
        let names = String::from_utf8_lossy(&output.stdout);
        let names = names.split('\0').filter(|name| !name.is_empty());
        let files = names.filter_map(|name| Some((name.to_owned(), String::from_utf8(fs::read(root.join(name)).ok()?).ok())));
        Ok(Self { files: files.collect() })
    }

    /// A tree of these files.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))).collect() }
    }

    /// The text of the file at `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether `path` is a file, or a folder that has files. The empty path is the root.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.contains_key(path) || self.files.keys().any(|name| name.starts_with(&folder))
    }

    /// Path and text of every text file.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }
}

/// Whether the name of the file at `path` ends with a dot and one of `endings`.
pub fn has_ending(path: &str, endings: &[&str]) -> bool {
    Path::new(path).extension().is_some_and(|extension| endings.iter().any(|ending| extension == *ending))
}

/// The path that `link`, written in the file at `from`, leads to. `None` if it leads out of the checkout.
pub fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_resolved_from_the_folder_of_its_file() {
        assert_eq!(resolve("docs/a.md", "b.md").as_deref(), Some("docs/b.md"));
        assert_eq!(resolve("docs/a.md", "../README.md").as_deref(), Some("README.md"));
        assert_eq!(resolve("a.md", "docs/").as_deref(), Some("docs"));
        assert_eq!(resolve("a.md", "../b.md"), None);
    }

    #[test]
    fn folders_exist_if_they_have_files() {
        let tree = Tree::of(&[("docs/a.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/a.md") && tree.has(""));
        assert!(!tree.has("doc") && !tree.has("docs/b.md"));
    }
}
