//! A whole Tars server in a few lines, which tarsnode starts with `--config=FILE`.
//!
//! ```text
//! --config=FILE ─► Application ─ servant(…) … ─► bind ─► Running ─ run ─► adapters, admin object, heartbeats to tarsnode
//!                                                                 │
//!                           SIGTERM, SIGINT or AdminObj.shutdown ─┘─► clients are asked to reconnect, calls are finished
//! ```
//!
//! ```ignore
//! #[tokio::main]
//! async fn main() -> Result<(), tars::application::ApplicationError> {
//!     let application = Application::from_arguments()?;
//!     application.servant("EchoObj", EchoDispatch(Echo)).bind().await?.run_until_signal().await
//! }
//! ```
//!
//! An application reads these keys of the configuration file (`docs/reference/wire.md#11.8`, `docs/reference/wire.md#11.9`):
//! `app`, `server`, `localip`, `node`, `local`, `deactivating-timeout` and the adapters of the server; `locator`,
//! `async-invoke-timeout` and `refresh-endpoint-interval` of the client. It does not read the number of `threads` of an adapter,
//! because servants are asynchronous and share the threads of tokio.

mod admin;

use crate::{
    client::{Client, ClientOptions, ProxyError},
    config::{Config, Domain, ParseError},
    endpoint::{Endpoint, EndpointError},
    framework::{
        admin::AdminFDispatch,
        node::{ServerFClient, ServerInfo},
    },
    server::{Adapter, AdapterLimits, BindError, Dispatch, Draining, Server},
};
use admin::Admin;
use std::{
    env, fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The adapter of the admin object. tarsnode knows it by this name.
const ADMIN_ADAPTER: &str = "AdminAdapter";
/// The name of the admin object.
const ADMIN_OBJ: &str = "AdminObj";
/// How often each adapter sends a heartbeat. tarsnode waits a minute for one.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long one heartbeat may take. tarsnode runs in the same pod.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a stopping server may take. tarsnode kills a server 10 s after it asked it to stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(8);

/// Why an application cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// The command line has no option `--config`.
    #[error("there is no configuration file; start the server with --config=FILE")]
    NoConfiguration,
    /// The configuration file cannot be read.
    #[error("configuration {path} could not be read: {source}")]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The configuration breaks the grammar, see [`crate::config`].
    #[error("configuration: {0}")]
    Parse(#[from] ParseError),
    /// A key that the application needs is missing or empty.
    #[error("configuration has no value for {0}; tarsnode sets one when it renders the configuration")]
    Missing(String),
    /// An endpoint is malformed.
    #[error("configuration, {key}: {source}")]
    Endpoint {
        /// The key that has the endpoint.
        key: String,
        /// The reason.
        source: EndpointError,
    },
    /// An adapter names a servant that the program does not have. The adapter would send no heartbeats, and tarsnode would
    /// restart the server again and again.
    #[error(
        "adapter {adapter} is for servant {servant}, which this program does not serve; remove it from the TServer or implement it"
    )]
    Unserved {
        /// Name of the adapter.
        adapter: String,
        /// The servant that the adapter names.
        servant: String,
    },
    /// The program has a servant that no adapter of the configuration names.
    #[error("servant {0} has no adapter in the configuration; add it to the servants of the TServer")]
    NoAdapter(String),
    /// The locator or the proxy string of tarsnode is malformed.
    #[error("configuration: {0}")]
    Proxy(#[from] ProxyError),
    /// The application cannot listen on an address.
    #[error("{0}: {source}", source = std::error::Error::source(.0).map_or_else(String::new, ToString::to_string))]
    Bind(#[from] BindError),
    /// The system did not let the application handle signals.
    #[error("signal handlers could not be installed: {0}")]
    Signals(#[source] io::Error),
}

/// A server that is not listening yet: its configuration and its servants.
pub struct Application {
    config: Config,
    app: String,
    server: String,
    version: String,
    client: Client,
    servants: Vec<(String, Arc<dyn Dispatch>)>,
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servants: Vec<_> = self.servants.iter().map(|(name, _)| name).collect();
        f.debug_struct("Application")
            .field("app", &self.app)
            .field("server", &self.server)
            .field("servants", &servants)
            .finish_non_exhaustive()
    }
}

impl Application {
    /// Reads the file that the command line names with `--config=FILE` or `--config FILE`. All other arguments are left to the
    /// program.
    pub fn from_arguments() -> Result<Self, ApplicationError> {
        let path = find_configuration(env::args().skip(1)).ok_or(ApplicationError::NoConfiguration)?;
        Self::from_file(Path::new(&path))
    }

    /// Reads the configuration file `path`.
    pub fn from_file(path: &Path) -> Result<Self, ApplicationError> {
        let text = fs::read_to_string(path).map_err(|source| ApplicationError::Read { path: path.to_owned(), source })?;
        Self::from_text(&text)
    }

    /// Reads `text`, the content of a configuration file.
    pub fn from_text(text: &str) -> Result<Self, ApplicationError> {
        let config = Config::parse(text)?;
        let required = |key: &str| {
            let value = config.get(&format!("/tars/application/server<{key}>")).filter(|value| !value.is_empty());
            value.map(str::to_owned).ok_or_else(|| ApplicationError::Missing(format!("/tars/application/server<{key}>")))
        };
        let (app, server) = (required("app")?, required("server")?);
        let client = build_client(&config)?;
        Ok(Self { config, app, server, version: String::new(), client, servants: Vec::new() })
    }

    /// The name of the application, as the configuration spells it.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The name of the server, as the configuration spells it.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The whole configuration. A program may read keys of its own from it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The client that calls other servers. It finds them with the locator of the configuration.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sets the version that the admin command `tars.viewversion` answers.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Serves `object` with `dispatch`. `EchoObj` is short for `App.Server.EchoObj`.
    #[must_use]
    pub fn servant(mut self, object: &str, dispatch: impl Dispatch) -> Self {
        let name = if object.contains('.') { object.to_owned() } else { format!("{}.{}.{object}", self.app, self.server) };
        self.servants.push((name, Arc::new(dispatch)));
        self
    }

    /// Listens on the endpoints of all adapters of the configuration and on that of the admin object.
    pub async fn bind(self) -> Result<Running, ApplicationError> {
        let settings = self.config.domain("/tars/application/server");
        let stop = CancellationToken::new();
        let mut names = Vec::new();
        let mut builder = Server::builder().draining(read_draining(settings));
        let mut unused = self.servants;
        for (name, adapter) in settings.into_iter().flat_map(Domain::domains) {
            let Some(object) = adapter.get("servant") else { continue };
            let Some(index) = unused.iter().position(|(servant, _)| servant == object) else {
                return Err(ApplicationError::Unserved { adapter: name.to_owned(), servant: object.to_owned() });
            };
            let (object, dispatch) = unused.swap_remove(index);
            let endpoint = parse_endpoint(&format!("/tars/application/server/{name}<endpoint>"), adapter.get("endpoint"))?;
            builder = builder.adapter(Adapter::new(name, endpoint).servant(object, dispatch).limits(read_limits(adapter)));
            names.push(name.to_owned());
        }
        if let Some((object, _)) = unused.pop() {
            return Err(ApplicationError::NoAdapter(object));
        }
        let value = |key| settings.and_then(|settings| settings.get(key)).filter(|value| !value.is_empty());
        if let Some(local) = value("local") {
            let admin = Admin { version: self.version, stop: stop.clone() };
            let endpoint = parse_endpoint("/tars/application/server<local>", Some(local))?;
            builder = builder.adapter(Adapter::new(ADMIN_ADAPTER, endpoint).servant(ADMIN_OBJ, Arc::new(AdminFDispatch(admin))));
            names.push(ADMIN_ADAPTER.to_owned());
        }
        let node = value("node").map(|node| self.client.proxy(node)).transpose()?.map(ServerFClient::new);
        let server = builder.bind().await?;
        Ok(Running {
            server,
            stop,
            heartbeat: node.map(|node| Heartbeat { node, app: self.app, server: self.server, adapters: names }),
        })
    }
}

/// An application that listens.
#[derive(Debug)]
pub struct Running {
    server: Server,
    stop: CancellationToken,
    heartbeat: Option<Heartbeat>,
}

impl Running {
    /// The address that the adapter listens on. Its port is the real one, also if the endpoint has port 0. `None` if there is no
    /// such adapter.
    pub fn local_addr(&self, adapter: &str) -> Option<SocketAddr> {
        self.server.local_addr(adapter)
    }

    /// The token that ends the server when it is cancelled. `AdminObj.shutdown` cancels it, too.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves until the stop token is cancelled and then until every call is answered, for 8 s at most.
    pub async fn run(self) {
        if let Some(heartbeat) = self.heartbeat {
            tokio::spawn(heartbeat.run(self.stop.clone()));
        }
        self.server.serve(self.stop).await;
    }

    /// Like [`Running::run`]; SIGTERM and SIGINT cancel the stop token, too.
    pub async fn run_until_signal(self) -> Result<(), ApplicationError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(ApplicationError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ApplicationError::Signals)?;
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.cancel();
        });
        self.run().await;
        Ok(())
    }
}

/// Sends heartbeats to tarsnode.
#[derive(Debug)]
struct Heartbeat {
    node: ServerFClient,
    app: String,
    server: String,
    adapters: Vec<String>,
}

impl Heartbeat {
    async fn run(self, stop: CancellationToken) {
        // A heartbeat without the name of an adapter stands for the whole server.
        self.send("").await;
        let mut rounds = tokio::time::interval(HEARTBEAT);
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            for adapter in &self.adapters {
                self.send(adapter).await;
            }
        }
    }

    async fn send(&self, adapter: &str) {
        let info = ServerInfo {
            application: self.app.clone(),
            server_name: self.server.clone(),
            // Process ids of Linux are positive and at most 2^22.
            pid: i32::try_from(process::id()).unwrap_or_default(),
            adapter: adapter.to_owned(),
        };
        if let Ok(Err(problem)) = tokio::time::timeout(HEARTBEAT_TIMEOUT, self.node.keep_alive(&info)).await {
            tracing::warn!(adapter, %problem, "tarsnode did not accept a heartbeat");
        }
    }
}

fn find_configuration(mut arguments: impl Iterator<Item = String>) -> Option<String> {
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next();
        }
        if let Some(path) = argument.strip_prefix("--config=") {
            return Some(path.to_owned());
        }
    }
    None
}

fn build_client(config: &Config) -> Result<Client, ProxyError> {
    let value = |key: &str| config.get(&format!("/tars/application/client<{key}>")).filter(|value| !value.is_empty());
    let milliseconds = |key: &str, default| value(key).and_then(|text| text.parse().ok()).map_or(default, Duration::from_millis);
    let defaults = ClientOptions::default();
    let options = ClientOptions {
        timeout: milliseconds("async-invoke-timeout", defaults.timeout),
        refresh_interval: milliseconds("refresh-endpoint-interval", defaults.refresh_interval),
        node_name: config.get("/tars/application/server<localip>").map(str::to_owned),
        ..defaults
    };
    Client::builder().locator(value("locator").unwrap_or_default()).options(options).build()
}

fn parse_endpoint(key: &str, text: Option<&str>) -> Result<Endpoint, ApplicationError> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| ApplicationError::Missing(key.to_owned()))?;
    text.parse().map_err(|source| ApplicationError::Endpoint { key: key.to_owned(), source })
}

fn read_limits(adapter: &Domain) -> AdapterLimits {
    let defaults = AdapterLimits::default();
    let count = |key, default| adapter.get(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    let queue_timeout =
        adapter.get("queuetimeout").and_then(|text| text.parse().ok()).map_or(defaults.queue_timeout, Duration::from_millis);
    AdapterLimits {
        connections: count("maxconns", defaults.connections),
        queue_capacity: count("queuecap", defaults.queue_capacity),
        queue_timeout,
        ..defaults
    }
}

/// Reads `deactivating-timeout`: how long clients get to move to other servers.
fn read_draining(settings: Option<&Domain>) -> Draining {
    let milliseconds = settings.and_then(|settings| settings.get("deactivating-timeout")).and_then(|text| text.parse().ok());
    let quiet = milliseconds.map_or(Draining::default().quiet, Duration::from_millis).min(STOPPED_WITHIN / 2);
    Draining { quiet, stop_reading: STOPPED_WITHIN / 2, abort: STOPPED_WITHIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_the_configuration() {
        let of = |words: &[&str]| find_configuration(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(of(&["--verbose", "--config=/a.conf"]).as_deref(), Some("/a.conf"));
        assert_eq!(of(&["--config", "/a.conf", "x"]).as_deref(), Some("/a.conf"));
        assert_eq!(of(&["--config"]), None);
        assert_eq!(of(&["config=/a.conf"]), None);
    }

    #[test]
    fn a_configuration_without_names_says_which_is_missing() {
        let problem =
            Application::from_text("<tars>\n<application>\n<server>\napp=Demo\n</server>\n</application>\n</tars>").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "configuration has no value for /tars/application/server<server>; tarsnode sets one when it renders the configuration"
        );
    }

    #[test]
    fn limits_and_draining_follow_the_configuration() {
        let config = Config::parse("<a>\nmaxconns=7\nqueuecap=8\nqueuetimeout=60000\ndeactivating-timeout=500\n</a>").unwrap();
        let domain = config.domain("/a").unwrap();
        let limits = read_limits(domain);
        assert_eq!((limits.connections, limits.queue_capacity, limits.queue_timeout), (7, 8, Duration::from_mins(1)));
        assert_eq!(read_draining(Some(domain)).quiet, Duration::from_millis(500));
        assert!(read_draining(None).abort < Duration::from_secs(10));
    }
}
