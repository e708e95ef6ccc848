//! The values that all parts of a running tarsnode share: its own configuration, the facts about the pod, and the clients of other services.

use crate::{
    host,
    identity::Setup,
    objects::{LOCATOR, REGISTRY},
    paths::Paths,
    process::Additions,
    registry::Registry,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tars::{
    client::{Client, ClientOptions, ProxyError},
    config::{Config, ParseError},
    endpoint::{Endpoint, EndpointError},
};

/// Where tarsnode takes heartbeats if its configuration does not say.
const SERVER_ENDPOINT: &str = "tcp -h 127.0.0.1 -p 19386 -t 60000";
/// Time limit of each call: to the registry, tarsnotify, tarsconfig and the server's admin object (docs/reference/tarsnode.md#3.4.3).
const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// Why tarsnode cannot use its own configuration.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error("cannot read configuration {path}, which the init container writes: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("configuration {path}: {source}")]
    Parse { path: PathBuf, source: ParseError },
    /// An adapter has a malformed endpoint.
    #[error("configuration {path}: {source}")]
    Endpoint { path: PathBuf, source: EndpointError },
    /// The locator or the address of the registry is malformed.
    #[error("cannot use the address of the registry: {0}")]
    Registry(#[from] ProxyError),
}

#[derive(Debug)]
pub struct Context {
    pub setup: Setup,
    /// Variables that the server gets in addition to those of tarsnode.
    pub additions: Additions,
    /// Host that the adapters of this pod bind; see [`host::choose_bind_host`].
    pub bind_host: String,
    /// Proxy string of the name service.
    pub locator: String,
    /// Where tarsnode takes heartbeats.
    pub server_endpoint: Endpoint,
    /// Where tarsnode takes commands. Absent in foreground mode.
    pub node_endpoint: Option<Endpoint>,
    pub registry: Registry,
    /// Makes the proxies of all other objects.
    pub client: Client,
}

impl Context {
    /// Reads the configuration at `file`, for the pod that `setup` describes. Needs a tokio runtime.
    pub fn load(file: &Path, setup: Setup, additions: Additions, paths: &Paths) -> Result<Self, ContextError> {
        let at = || file.to_owned();
        let text = fs::read_to_string(file).map_err(|source| ContextError::Read { path: at(), source })?;
        let config = Config::parse(&text).map_err(|source| ContextError::Parse { path: at(), source })?;
        let value = |path: &str| config.get(path).filter(|value| !value.is_empty());
        let adapter = |name: &str| value(&format!("/tars/application/server/{name}<endpoint>"));
        let endpoint = |text: &str| text.parse::<Endpoint>().map_err(|source| ContextError::Endpoint { path: at(), source });

        let bind_host = host::choose_bind_host(&paths.hosts(), &setup.listen_address, &setup.pod_ip);
        let server_endpoint = endpoint(adapter("ServerAdapter").unwrap_or(SERVER_ENDPOINT))?;
        let mut node_endpoint = adapter("NodeAdapter").map(endpoint).transpose()?;
        if let Some(endpoint) = node_endpoint.as_mut().filter(|endpoint| endpoint.host == setup.listen_address) {
            endpoint.host.clone_from(&bind_host);
        }
        let locator = value("/tars/application/client<locator>").unwrap_or(LOCATOR).to_owned();
        let options =
            ClientOptions { timeout: CALL_TIMEOUT, node_name: Some(setup.listen_address.clone()), ..ClientOptions::default() };
        let client = Client::builder().locator(&locator).options(options).build()?;
        let registry = Registry::new(client.proxy(value("/tars/node<registryObj>").unwrap_or(REGISTRY))?);
        Ok(Self { setup, additions, bind_host, locator, server_endpoint, node_endpoint, registry, client })
    }
}
