//! Writes the configuration file of the server: asks the registry for the descriptor, renders it and replaces the file.

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

/// Ports for the server's admin object on the loopback, best first. Operators expect port 1000, which many containers may not bind; 0
/// stands for any free port (docs/reference/tarsnode.md#3.4.6).
const ADMIN_PORTS: [u16; 3] = [1000, 19387, 0];

/// Why there is no configuration file. tarsnode sends the messages to operators as alarms.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error("[alarm] cannot open or write configuration file: {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Renders the configuration and writes it. The server will send its heartbeats to the endpoint `heartbeats`.
///
/// While the registry is away or refuses, the last descriptor of this pod is used again, so that a server that crashed comes back
/// (docs/reference/tarsnode.md#3.5.2).
pub async fn prepare_configuration(context: &Context, heartbeats: &str) -> Result<Rendered, PrepareError> {
    let setup = &context.setup;
    let cache = setup.conf_file.with_file_name(format!("{}.descriptor", setup.module()));
    let descriptor = match context.registry.fetch_descriptor(&setup.app, &setup.server).await {
        Ok(descriptor) => {
            keep_descriptor(&cache, &descriptor);
            descriptor
        }
        Err(problem) => match recall_descriptor(&cache) {
            Some(descriptor) => {
                tracing::warn!(%problem, "starting with the descriptor of the last start");
                descriptor
            }
            None => return Err(problem.into()),
        },
    };
    let place = Place {
        bind_host: context.bind_host.clone(),
        local: choose_admin_endpoint(setup.launcher, &context.bind_host),
        node: format!("{SERVER_OBJ}@{heartbeats}"),
        locator: context.locator.clone(),
    };
    let rendered = render(setup, &place, &descriptor)?;
    replace_file(&setup.conf_file, rendered.text.as_bytes())
        .map_err(|source| PrepareError::Write { path: setup.conf_file.clone(), source })?;
    Ok(rendered)
}

/// Chooses the endpoint of the server's admin object (docs/reference/tarsnode.md#3.4).
fn choose_admin_endpoint(launcher: LauncherType, bind_host: &str) -> String {
    match launcher {
        LauncherType::Foreground => format!("tcp -h {bind_host} -t 6000 -p 19385"),
        LauncherType::Background => format!("tcp -h 127.0.0.1 -p {} -t 3000", find_free_port().unwrap_or(ADMIN_PORTS[0])),
    }
}

/// Finds the first of [`ADMIN_PORTS`] that this process can bind now. The server will have the same privileges.
fn find_free_port() -> Option<u16> {
    ADMIN_PORTS
        .iter()
        .find_map(|port| TcpListener::bind(("127.0.0.1", *port)).and_then(|free| free.local_addr()).ok())
        .map(|free| free.port())
}

/// Replaces the file at once, because the server may read it at any time.
fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let staged = path.with_extension("new");
    fs::write(&staged, content)?;
    fs::rename(staged, path)
}

fn keep_descriptor(cache: &Path, descriptor: &ServerDescriptor) {
    if let Err(problem) = replace_file(cache, &to_bytes(0, descriptor)) {
        tracing::warn!(file = %cache.display(), %problem, "cannot keep the descriptor for a start without the registry");
    }
}

fn recall_descriptor(cache: &Path) -> Option<ServerDescriptor> {
    from_bytes(0, &fs::read(cache).ok()?).ok()
}
