//! The configuration grammar of Tars (`TC_Config`): server configurations, templates and profiles.
//!
//! ```text
//! text ──parse──► Config ──join (child over parent)──► Config ──print──► text
//!                   │
//!                   └─ get("/tars/application/server<app>")
//! ```
//!
//! ```text
//! <tars>                     a domain; opening a name again continues it
//!   <server>
//!     # a comment
//!     app=Test               a parameter; a repeated one replaces the value and moves to the end
//!     allow                  a parameter with an empty value
//!     path=c:\\x\ty\=z       escapes: \\ \r \n \t \=
//!   </server>
//! </tars>
//! ```
//!
//! The grammar is that of the C++ parser, which is authoritative for templates. `parse(print(x)) == x` holds for every document
//! that was parsed and can be printed, apart from parameters outside all domains, which are never printed.

mod domain;
mod ordered;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use domain::{Domain, MAX_DEPTH};
pub use parse::{MAX_TEXT, ParseError, ParseProblem};
pub use print::{MAX_PRINTED, PrintError};

/// A parsed document: top-level domains and (rarely) parameters outside any domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    root: Domain,
}

/// A path that [`Config::set`] can't follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not of the form `/a/b<key>`.
    #[error("path {0:?} has no parameter; write it as /domain/sub-domain<key>")]
    NoParameter(String),
    /// More than [`MAX_DEPTH`] domains.
    #[error("path {0:?} is nested deeper than {MAX_DEPTH} domains")]
    TooDeep(String),
}

impl Config {
    /// Reads `text` (at most [`MAX_TEXT`] bytes, domains at most [`MAX_DEPTH`] deep). The error names the line.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { root: parse::parse(text)? })
    }

    /// The text of this document: two blanks per level, parameters before sub-domains, top-level domains by name.
    ///
    /// Fails when a name, key or value contains `<` or `>`, which the grammar can't express.
    pub fn print(&self) -> Result<String, PrintError> {
        print::print(&self.root)
    }

    /// The value of the parameter at `/domain/sub-domain<key>`; `None` when any part of the path is absent.
    pub fn get(&self, path: &str) -> Option<&str> {
        let (domains, key) = split_path(path)?;
        self.domain(domains)?.get(key)
    }

    /// The domain at `/domain/sub-domain`; `/` and the empty path are the root, which holds the top-level domains.
    pub fn domain(&self, path: &str) -> Option<&Domain> {
        split_names(path).try_fold(&self.root, |domain, name| domain.domains.get(name))
    }

    /// Sets the parameter at `/domain/sub-domain<key>` to `value`, behind the domain's other parameters; makes domains that
    /// are absent. Blanks around `value` and the key are dropped, as reading does.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), PathError> {
        let (domains, key) = split_path(path).ok_or_else(|| PathError::NoParameter(path.to_owned()))?;
        if split_names(domains).count() > MAX_DEPTH {
            return Err(PathError::TooDeep(path.to_owned()));
        }
        let domain = split_names(domains).fold(&mut self.root, |domain, name| domain.domains.entry(name, Domain::default));
        domain.parameters.put_last(key.trim_matches(' ').to_owned(), value.trim_matches(' ').to_owned());
        Ok(())
    }

    /// Joins `other` into this document. With `update`, `other` comes second and its values win; without it, `self` comes second
    /// and its values win. Keys of the second document move behind those of the first.
    ///
    /// Fails, and leaves `self` as it was, when either document can't be printed: a join is defined as reading the two printed
    /// texts one after the other. For the same reason parameters outside any domain are dropped.
    pub fn join(&mut self, other: &Self, update: bool) -> Result<(), PrintError> {
        print::check_printable(&self.root)?;
        print::check_printable(&other.root)?;
        let mut joined = Self::default();
        let (first, second) = if update { (&*self, other) } else { (other, &*self) };
        joined.root.append_domains(&first.root);
        joined.root.append_domains(&second.root);
        *self = joined;
        Ok(())
    }
}

impl std::str::FromStr for Config {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

/// `/a/b<key>` → (`/a/b`, `key`).
fn split_path(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix('>')?.split_once('<')
}

fn split_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}
