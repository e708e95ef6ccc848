//! The two servants of tarsnode: one takes heartbeats, the other one commands. They pass both on to the supervisor, which decides.

use crate::{
    context::Context,
    identity::Setup,
    objects::{CONFIG_OBJ, NODE_OBJ, SERVER_OBJ},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tars::{
    client::{CallError, Client, ProxyError},
    endpoint::Endpoint,
    framework::{
        admin::AdminFClient,
        config::ConfigClient,
        node::{Node, NodeDispatch, ServerF, ServerFDispatch, ServerInfo},
    },
    server::{Adapter, AdapterLimits, BindError, Request, ServantError, Server},
};
use tokio::{
    fs,
    sync::{mpsc, watch},
};

/// A heartbeat of the server or a command of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The process `pid` works. The heartbeat is for one adapter, or for all if `adapter` is empty.
    KeepAlive {
        pid: i32,
        adapter: String,
    },
    /// The process `pid` is still starting. The heartbeat is for one adapter, or for all if `adapter` is empty.
    KeepActiving {
        pid: i32,
        adapter: String,
    },
    Start,
    Stop,
    Restart,
}

/// How many messages wait for the supervisor. Further heartbeats are dropped, and further commands are refused.
pub const QUEUE: usize = 1024;

/// Names of the server of this pod.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ServerName {
    app: String,
    server: String,
}

impl ServerName {
    fn of(setup: &Setup) -> Self {
        Self { app: setup.app.clone(), server: setup.server.clone() }
    }

    /// Whether a message is for this server. Both names must match (docs/reference/tarsnode.md#3.9.2).
    fn matches(&self, app: &str, server: &str) -> bool {
        self.app == app && self.server == server
    }

    fn explain_mismatch(&self, app: &str, server: &str) -> String {
        format!("error: this pod runs {}.{}, not {app}.{server}", self.app, self.server)
    }
}

/// Takes heartbeats (docs/reference/tarsnode.md#3.10).
#[derive(Debug)]
struct Heartbeats {
    name: ServerName,
    messages: mpsc::Sender<Message>,
}

impl Heartbeats {
    fn pass_on(&self, info: ServerInfo, make: impl FnOnce(i32, String) -> Message) -> i32 {
        if self.name.matches(&info.application, &info.server_name) {
            // If the queue is full, heartbeats come faster than anybody needs them, and this one may be dropped.
            let _ = self.messages.try_send(make(info.pid, info.adapter));
        } else {
            tracing::warn!(app = info.application, server = info.server_name, "ignoring the heartbeat of another server");
        }
        0
    }
}

impl ServerF for Heartbeats {
    async fn keep_alive(&self, _: &Request, info: ServerInfo) -> Result<i32, ServantError> {
        Ok(self.pass_on(info, |pid, adapter| Message::KeepAlive { pid, adapter }))
    }

    async fn keep_activing(&self, _: &Request, info: ServerInfo) -> Result<i32, ServantError> {
        Ok(self.pass_on(info, |pid, adapter| Message::KeepActiving { pid, adapter }))
    }

    async fn report_version(&self, _: &Request, _: String, _: String, version: String) -> Result<i32, ServantError> {
        tracing::debug!(version, "the server reports the version of its framework");
        Ok(0)
    }

    async fn get_latest_keep_alive_time(&self, _: &Request) -> Result<u32, ServantError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u32::try_from(now.as_secs()).unwrap_or(u32::MAX))
    }
}

/// Why a command failed. The message is the answer to the operator.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("the server has not been started yet")]
    NotStarted,
    #[error(transparent)]
    Address(#[from] ProxyError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("`{0}` is not the name of a file")]
    FileName(String),
    #[error("tarsconfig has no file {name} for {module} (code {code})")]
    NoFile { name: String, module: String, code: i32 },
    #[error("{path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Takes commands (docs/reference/tarsnode.md#3.9).
#[derive(Debug)]
struct Commands {
    name: ServerName,
    messages: mpsc::Sender<Message>,
    client: Client,
    /// Endpoint of the server's admin object. `None` before the first start.
    admin: watch::Receiver<Option<String>>,
    setup: Setup,
}

impl Commands {
    fn pass_on(&self, app: &str, server: &str, message: Message) -> (i32, String) {
        if !self.name.matches(app, server) {
            return (-1, self.name.explain_mismatch(app, server));
        }
        match self.messages.try_send(message) {
            Ok(()) => (0, "Success".to_owned()),
            Err(_) => (-1, "error: too many commands are waiting; try again".to_owned()),
        }
    }

    async fn notify_admin(&self, command: &str) -> Result<String, CommandError> {
        let endpoint = self.admin.borrow().clone().ok_or(CommandError::NotStarted)?;
        Ok(build_admin_client(&self.client, &endpoint)?.notify(command).await?)
    }

    /// Fetches a file from tarsconfig, puts it beside the program and returns its path.
    async fn fetch_file(&self, file: &str) -> Result<PathBuf, CommandError> {
        let name = Path::new(file).file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| CommandError::FileName(file.to_owned()))?;
        let config = ConfigClient::new(self.client.proxy(CONFIG_OBJ)?);
        let (code, text) = config.load_config(&self.setup.app, &self.setup.server, name).await?;
        if code != 0 {
            return Err(CommandError::NoFile { name: name.to_owned(), module: self.setup.module(), code });
        }
        let path = self.setup.bin_dir.join(name);
        match fs::write(&path, text).await {
            Ok(()) => Ok(path),
            Err(source) => Err(CommandError::Write { path, source }),
        }
    }
}

impl Node for Commands {
    async fn add_file(&self, _: &Request, app: String, server: String, file: String) -> Result<(i32, String), ServantError> {
        if !self.name.matches(&app, &server) {
            return Ok((-1, self.name.explain_mismatch(&app, &server)));
        }
        Ok(match self.fetch_file(&file).await {
            Ok(path) => (0, format!("Success: {}", path.display())),
            Err(problem) => (-1, format!("error: {problem}")),
        })
    }

    async fn start_server(&self, _: &Request, app: String, server: String) -> Result<(i32, String), ServantError> {
        Ok(self.pass_on(&app, &server, Message::Start))
    }

    async fn stop_server(&self, _: &Request, app: String, server: String) -> Result<(i32, String), ServantError> {
        Ok(self.pass_on(&app, &server, Message::Stop))
    }

    async fn restart_server(&self, _: &Request, app: String, server: String) -> Result<(i32, String), ServantError> {
        Ok(self.pass_on(&app, &server, Message::Restart))
    }

    async fn notify_server(
        &self,
        _: &Request,
        app: String,
        server: String,
        command: String,
    ) -> Result<(i32, String), ServantError> {
        if !self.name.matches(&app, &server) {
            return Ok((-1, self.name.explain_mismatch(&app, &server)));
        }
        Ok(match self.notify_admin(&command).await {
            Ok(answer) => (0, answer),
            Err(problem) => (-1, format!("error: {problem}")),
        })
    }
}

/// Builds the client of the server's admin object, which listens at `endpoint`.
pub fn build_admin_client(client: &Client, endpoint: &str) -> Result<AdminFClient, ProxyError> {
    Ok(AdminFClient::new(client.proxy(&format!("AdminObj@{endpoint}"))?))
}

/// Builds the limits of both adapters (docs/reference/tarsnode.md#3.4.3).
fn build_limits() -> AdapterLimits {
    AdapterLimits { connections: 1024, queue_capacity: 100, ..AdapterLimits::default() }
}

/// Begins to listen for heartbeats at `endpoint`.
pub async fn bind_heartbeats(
    context: &Context,
    endpoint: Endpoint,
    messages: mpsc::Sender<Message>,
) -> Result<Server, BindError> {
    let servant = ServerFDispatch(Heartbeats { name: ServerName::of(&context.setup), messages });
    let adapter = Adapter::new("ServerAdapter", endpoint).servant(SERVER_OBJ, Arc::new(servant)).limits(build_limits());
    Server::builder().adapter(adapter).bind().await
}

/// Begins to listen for commands at `endpoint`.
pub async fn bind_commands(
    context: &Context,
    endpoint: Endpoint,
    messages: mpsc::Sender<Message>,
    admin: watch::Receiver<Option<String>>,
) -> Result<Server, BindError> {
    let setup = context.setup.clone();
    let servant = NodeDispatch(Commands { name: ServerName::of(&setup), messages, client: context.client.clone(), admin, setup });
    let adapter = Adapter::new("NodeAdapter", endpoint).servant(NODE_OBJ, Arc::new(servant)).limits(build_limits());
    Server::builder().adapter(adapter).bind().await
}
