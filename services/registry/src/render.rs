//! The configuration of a server: its profile over its template over that template's parents.
//!
//! ```text
//! profile ─► template ─► parent ─► … ─► root (its own parent)      what comes earlier wins
//! ```

#[cfg(test)]
mod tests;

use tars::config::{Config, ParseError, PrintError};

use crate::index::{Server, Snapshot};

/// Most templates of a chain. The default ones make chains of two.
const LONGEST_CHAIN: usize = 32;

/// Why a configuration could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The profile does not parse.
    #[error("profile of server {server}: {problem}")]
    Profile {
        /// Name of the server's object.
        server: String,
        /// What is wrong, and where.
        problem: ParseError,
    },
    /// A template does not parse.
    #[error("content of template {template}: {problem}")]
    Template {
        /// Name of the template.
        template: String,
        /// What is wrong, and where.
        problem: ParseError,
    },
    /// A template is not there.
    #[error("template {template} does not exist, but {wanted_by} needs it; create it or name another one")]
    Missing {
        /// Name of the template.
        template: String,
        /// What refers to it.
        wanted_by: String,
    },
    /// Templates that are each other's parents.
    #[error("templates form a cycle: {}; give one of them another parent, or itself for none", chain.join(" -> "))]
    Cycle {
        /// Names from the server's template to the one that was there before.
        chain: Vec<String>,
    },
    /// A chain of more than 32.
    #[error("template {template} has more than {LONGEST_CHAIN} ancestors; shorten the chain of parents")]
    TooLong {
        /// The server's template.
        template: String,
    },
    /// The documents can't be joined or printed.
    #[error("{place}: {problem}")]
    Print {
        /// What was being joined or printed.
        place: String,
        /// What can't be printed.
        problem: PrintError,
    },
}

/// Renders the configuration of `server` with the templates of `snapshot`. Placeholders such as `${app}` stay.
pub fn render(snapshot: &Snapshot, server: &Server) -> Result<String, RenderError> {
    let mut document =
        Config::parse(&server.profile).map_err(|problem| RenderError::Profile { server: server.name.to_string(), problem })?;
    let mut chain: Vec<&str> = Vec::new();
    let mut name = &*server.template;
    while !name.is_empty() {
        if chain.contains(&name) {
            chain.push(name);
            return Err(RenderError::Cycle { chain: chain.into_iter().map(str::to_owned).collect() });
        }
        if chain.len() == LONGEST_CHAIN {
            return Err(RenderError::TooLong { template: server.template.to_string() });
        }
        let template = snapshot.template(name).ok_or_else(|| RenderError::Missing {
            template: name.to_owned(),
            wanted_by: chain.last().map_or_else(|| format!("server {}", server.name), |child| format!("template {child}")),
        })?;
        let parent =
            Config::parse(&template.content).map_err(|problem| RenderError::Template { template: name.to_owned(), problem })?;
        let place = || format!("server {} joined with template {name}", server.name);
        document.join(&parent, false).map_err(|problem| RenderError::Print { place: place(), problem })?;
        if &*template.parent == name {
            break;
        }
        chain.push(name);
        name = &template.parent;
    }
    document.print().map_err(|problem| RenderError::Print { place: format!("server {}", server.name), problem })
}
