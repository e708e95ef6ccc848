//! Writes the files that are generated from the code and checked in, or names those that differ from what the code says.
//!
//! ```text
//! crates/common  ──► helm/tarscontroller/charts/crds/templates/crds.yaml, docs/reference/labels.md
//! services/*     ──► docs/reference/{command-lines,events,metrics}.md
//! helm/*         ──► docs/reference/chart-values.md
//! ```
//!
//! Every file is a row of `FILES`. `make gen` writes them all; `make lint` compares them in the test `generated`.

mod chart_values;
mod command_lines;
mod events;
mod labels;
mod markdown;
mod metrics;

use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tars_common::crd::{self, CrdOptions};

/// Why a file cannot be generated, compared or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read or write {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot render the custom resource definitions")]
    Definitions { source: crd::RenderError },
    #[error(transparent)]
    Values(#[from] chart_values::Error),
}

/// A file below the root, and the function that makes its text. The function gets the root, because some texts are made from other files.
type File = (&'static str, fn(&Path) -> Result<String, Error>);

const FILES: &[File] = &[
    ("helm/tarscontroller/charts/crds/templates/crds.yaml", |_| {
        crd::render_chart(&crd::build_all(&CrdOptions::default())).map_err(|source| Error::Definitions { source })
    }),
    ("docs/reference/labels.md", |_| Ok(labels::build_page())),
    ("docs/reference/events.md", |_| Ok(events::build_page())),
    ("docs/reference/metrics.md", |_| Ok(metrics::build_page())),
    ("docs/reference/command-lines.md", |_| Ok(command_lines::build_page())),
    ("docs/reference/chart-values.md", |root| Ok(chart_values::build_page(root)?)),
];

/// Names the generated files below `root` that differ from what the code says, and writes them if `write` is true.
pub fn bring_up_to_date(root: &Path, write: bool) -> Result<Vec<&'static str>, Error> {
    let mut outdated = Vec::new();
    for (name, text) in FILES {
        let path = root.join(name);
        let failed = |source| Error::File { path: path.clone(), source };
        let wanted = text(root)?;
        let have = match fs::read_to_string(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            have => have.unwrap_or_default(),
        };
        if have != wanted {
            outdated.push(*name);
            if write {
                fs::write(&path, wanted).map_err(failed)?;
            }
        }
    }
    Ok(outdated)
}
