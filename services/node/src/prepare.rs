//! From a name to a configuration file on the disk: ask the registry, render, write.

use crate::{
    context::Context,
    identity::LauncherType,
    objects::SERVER_OBJ,
    registry::DescriptorError,
    render::{Place, RenderError, Rendered, render},
};
use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
};
use tars::{
    codec::{from_bytes, to_bytes},
    framework::registry::ServerDescriptor,
};

/// Ports for the server's admin object on the loopback, best first. The first is where operators expect it and needs privileges in
/// many containers; 0 is any.
const ADMIN_PORTS: [u16; 3] = [1000, 19387, 0];

/// Why there is no configuration file. The texts go to the operators as alarms.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The registry did not say how.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// It can't be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// It can't be written.
    #[error("[alarm] cannot open or write configuration file: {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Renders the configuration and writes it. `heartbeats` is where the server is to send them.
///
/// A descriptor that was used before in this pod serves again while the registry is away or refuses: a server that crashed comes
/// back without it.
pub async fn prepare(context: &Context, heartbeats: &str) -> Result<Rendered, PrepareError> {
    let setup = &context.setup;
    let cache = setup.conf_file.with_file_name(format!("{}.descriptor", setup.module()));
    let descriptor = match context.registry.descriptor(&setup.app, &setup.server).await {
        Ok(descriptor) => {
            remember(&cache, &descriptor);
            descriptor
        }
        Err(problem) => match recall(&cache) {
            Some(descriptor) => {
                tracing::warn!(%problem, "starting with the descriptor of the last start");
                descriptor
            }
            None => return Err(problem.into()),
        },
    };
    let place = Place {
        bind_host: context.bind_host.clone(),
        local: admin_endpoint(setup.launcher, &context.bind_host),
        node: format!("{SERVER_OBJ}@{heartbeats}"),
        locator: context.locator.clone(),
    };
    let rendered = render(setup, &place, &descriptor)?;
    replace(&setup.conf_file, rendered.text.as_bytes())
        .map_err(|source| PrepareError::Write { path: setup.conf_file.clone(), source })?;
    Ok(rendered)
}

/// Where the server's admin object is to listen (section 3.4).
fn admin_endpoint(launcher: LauncherType, bind_host: &str) -> String {
    match launcher {
        LauncherType::Foreground => format!("tcp -h {bind_host} -t 6000 -p 19385"),
        LauncherType::Background => format!("tcp -h 127.0.0.1 -p {} -t 3000", free_port().unwrap_or(ADMIN_PORTS[0])),
    }
}

/// The first port that can be bound now: this process has the privileges that the server will have.
fn free_port() -> Option<u16> {
    ADMIN_PORTS
        .iter()
        .find_map(|port| TcpListener::bind(("127.0.0.1", *port)).and_then(|free| free.local_addr()).ok())
        .map(|free| free.port())
}

/// Writes a whole file or nothing: the server may read it at any time.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let staged = path.with_extension("new");
    fs::write(&staged, content)?;
    fs::rename(staged, path)
}

fn remember(cache: &Path, descriptor: &ServerDescriptor) {
    if let Err(problem) = replace(cache, &to_bytes(0, descriptor)) {
        tracing::warn!(file = %cache.display(), %problem, "the descriptor is not kept for a start without the registry");
    }
}

fn recall(cache: &Path) -> Option<ServerDescriptor> {
    from_bytes(0, &fs::read(cache).ok()?).ok()
}
