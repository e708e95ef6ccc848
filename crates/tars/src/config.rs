//! The configuration grammar of Tars (`TC_Config`): configurations of servers, templates and profiles
//! (`docs/reference/wire.md#13`).
//!
//! ```text
//! text ──parse──► Config ──join (child over parent)──► Config ──print──► text
//!                   │
//!                   └─ get("/tars/application/server<app>")
//! ```
//!
//! ```text
//! <tars>                     a domain; the same name again continues the domain
//!   <server>
//!     # a comment
//!     app=Test               a parameter; the same key again replaces the value and moves to the end
//!     allow                  a parameter with an empty value
//!     path=c:\\x\ty\=z       escapes: \\ \r \n \t \=
//!   </server>
//! </tars>
//! ```
//!
//! The grammar is that of the C++ parser, because templates were written for it. A document that was parsed and can be printed is
//! read back from the printed text as it was, with two exceptions: parameters outside all domains are never printed, and the
//! top-level domains are printed by name.

mod domain;
mod ordered;
mod parse;
mod print;
#[cfg(test)]
mod tests;

use std::str::FromStr;

pub use domain::{Domain, MAX_DEPTH};
pub use parse::{MAX_TEXT, ParseError, ParseProblem};
pub use print::{MAX_PRINTED, PrintError};

/// A parsed document: its top-level domains and, rarely, parameters outside any domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    root: Domain,
}

/// Why [`Config::set`] refuses a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path does not have the form `/a/b<key>`.
    #[error("path {0:?} has no parameter; write it as /domain/sub-domain<key>")]
    NoParameter(String),
    /// The path has more than [`MAX_DEPTH`] domains.
    #[error("path {0:?} is nested deeper than {MAX_DEPTH} domains")]
    TooDeep(String),
}

impl Config {
    /// Reads `text`, which may have [`MAX_TEXT`] bytes and domains that are nested [`MAX_DEPTH`] deep. An error names the line.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { root: parse::parse(text)? })
    }

    /// Prints this document: two blanks for each level, parameters before sub-domains, top-level domains sorted by name.
    ///
    /// It fails if a name, a key or a value contains `<` or `>`, because the grammar has no escape for them.
    pub fn print(&self) -> Result<String, PrintError> {
        print::print(&self.root)
    }

    /// The value of the parameter at `/domain/sub-domain<key>`; `None` if any part of the path is absent.
    pub fn get(&self, path: &str) -> Option<&str> {
        let (domains, key) = split_path(path)?;
        self.domain(domains)?.get(key)
    }

    /// The domain at `/domain/sub-domain`. `/` and the empty path name the root, which holds the top-level domains.
    pub fn domain(&self, path: &str) -> Option<&Domain> {
        split_names(path).try_fold(&self.root, |domain, name| domain.domains.get(name))
    }

    /// Sets the parameter at `/domain/sub-domain<key>` to `value` and moves it behind the other parameters of the domain. Absent
    /// domains are made. Blanks around the key and around `value` are dropped, as [`Config::parse`] drops them.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), PathError> {
        let (domains, key) = split_path(path).ok_or_else(|| PathError::NoParameter(path.to_owned()))?;
        if split_names(domains).count() > MAX_DEPTH {
            return Err(PathError::TooDeep(path.to_owned()));
        }
        let domain = split_names(domains).fold(&mut self.root, |domain, name| domain.domains.entry(name, Domain::default));
        domain.parameters.put_last(key.trim_matches(' ').to_owned(), value.trim_matches(' ').to_owned());
        Ok(())
    }

    /// Joins `other` into this document. The result is what [`Config::parse`] reads from the printed text of one document
    /// followed by that of the other. Where both have a key, the value of `other` wins with `update`, and that of `self` without.
    /// The keys of the winner come last.
    ///
    /// If one of the documents cannot be printed, the join fails and `self` stays as it was. Parameters outside any domain are
    /// dropped, because they are not printed.
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

impl FromStr for Config {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

/// Splits `/a/b<key>` into `/a/b` and `key`.
fn split_path(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix('>')?.split_once('<')
}

fn split_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}
