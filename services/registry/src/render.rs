//! Renders the configuration of a server: its profile over its template over the parents of that template
//! (docs/reference/name-service.md#A9).
//!
//! ```text
//! profile ─► template ─► parent ─► … ─► root (its own parent)      a value that comes earlier wins
//! ```

#[cfg(test)]
mod tests;

use crate::index::{Server, Snapshot, Template};
use tars::config::{Config, ParseError, PrintError};
use tars_common::templates::{ChainError, walk_parents};

/// Why a configuration could not be rendered. `server` is the name of the TEndpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The profile does not parse.
    #[error("profile of server {server}: {problem}")]
    Profile { server: String, problem: ParseError },
    /// The content of a template does not parse.
    #[error("content of template {template}: {problem}")]
    Template { template: String, problem: ParseError },
    /// The parents of the server's template do not lead to a root.
    #[error("server {server}: {problem}")]
    Chain { server: String, problem: ChainError },
    /// Two documents cannot be joined, or the result cannot be printed.
    #[error("{place}: {problem}")]
    Print {
        /// The server, and the template that was joined if it is about one.
        place: String,
        problem: PrintError,
    },
}

/// Renders the configuration of `server` with the templates of `snapshot`. Placeholders such as `${app}` stay as they are.
pub fn render(snapshot: &Snapshot, server: &Server) -> Result<String, RenderError> {
    let mut document =
        Config::parse(&server.profile).map_err(|problem| RenderError::Profile { server: server.name.to_string(), problem })?;
    for (name, template) in find_templates(snapshot, server)? {
        let parent =
            Config::parse(&template.content).map_err(|problem| RenderError::Template { template: name.clone(), problem })?;
        let place = || format!("server {} joined with template {name}", server.name);
        document.join(&parent, false).map_err(|problem| RenderError::Print { place: place(), problem })?;
    }
    document.print().map_err(|problem| RenderError::Print { place: format!("server {}", server.name), problem })
}

/// Returns the template of `server` and the parents of that template, in this order, each with its name.
fn find_templates<'a>(snapshot: &'a Snapshot, server: &Server) -> Result<Vec<(String, &'a Template)>, RenderError> {
    if server.template.is_empty() {
        return Ok(Vec::new());
    }
    walk_parents(&server.template, |name| snapshot.template(name), |template| &template.parent)
        .map_err(|problem| RenderError::Chain { server: server.name.to_string(), problem })
}
