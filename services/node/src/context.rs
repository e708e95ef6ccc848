//! What a running tarsnode knows: its own configuration, the pod's setup, and the way to the registry.

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

/// Where heartbeats are taken.
const SERVER_ENDPOINT: &str = "tcp -h 127.0.0.1 -p 19386 -t 60000";
/// Limit of one call to the registry or to tarsnotify.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// Why tarsnode's own configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// It is not there.
    #[error("configuration {path} could not be read; the init container writes it: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not follow the grammar.
    #[error("configuration {path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParseError,
    },
    /// An adapter has a malformed endpoint.
    #[error("configuration {path}: {source}")]
    Endpoint {
        /// The file.
        path: PathBuf,
        /// Why.
        source: EndpointError,
    },
    /// The locator or the registry's address is malformed.
    #[error("the address of the registry can't be used: {0}")]
    Registry(#[from] ProxyError),
}

/// What all parts of tarsnode share.
#[derive(Debug)]
pub struct Context {
    /// The pod and its server.
    pub setup: Setup,
    /// Variables that the server gets on top of tarsnode's own.
    pub additions: Additions,
    /// Host that adapters of this pod bind.
    pub bind_host: String,
    /// Proxy string of the name service.
    pub locator: String,
    /// Where heartbeats are taken.
    pub server_endpoint: Endpoint,
    /// Where commands are taken, in background mode.
    pub node_endpoint: Option<Endpoint>,
    /// The registry.
    pub registry: Registry,
    /// Calls everything else.
    pub client: Client,
}

impl Context {
    /// Reads the configuration at `file` for the pod that `setup` describes.
    pub fn load(file: &Path, setup: Setup, additions: Additions, paths: &Paths) -> Result<Self, ContextError> {
        let at = || file.to_owned();
        let text = fs::read_to_string(file).map_err(|source| ContextError::Read { path: at(), source })?;
        let config = Config::parse(&text).map_err(|source| ContextError::Parse { path: at(), source })?;
        let value = |path: &str| config.get(path).filter(|value| !value.is_empty());
        let adapter = |name: &str| value(&format!("/tars/application/server/{name}<endpoint>"));
        let endpoint = |text: &str| text.parse::<Endpoint>().map_err(|source| ContextError::Endpoint { path: at(), source });

        let bind_host = host::bind_host(&paths.hosts(), &setup.listen_address, &setup.pod_ip);
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
