//! The two servants of tarsnode. They only pass on what they are told; the supervisor decides.

use crate::{
    context::Context,
    identity::Setup,
    objects::{CONFIG_OBJ, NODE_OBJ, SERVER_OBJ},
};
use std::{
    io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tars::{
    client::{Client, ProxyError},
    endpoint::Endpoint,
    framework::{
        admin::AdminFClient,
        config::ConfigClient,
        node::{Node, NodeDispatch, ServerF, ServerFDispatch, ServerInfo},
    },
    server::{Adapter, AdapterLimits, BindError, Request, ServantError, Server},
};
use tokio::sync::{mpsc, watch};

/// What the supervisor is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The server is well.
    KeepAlive {
        /// Process that says so.
        pid: i32,
        /// Adapter; empty for all.
        adapter: String,
    },
    /// The server is starting.
    KeepActiving {
        /// Process that says so.
        pid: i32,
        /// Adapter; empty for all.
        adapter: String,
    },
    /// An operator wants it started.
    Start,
    /// An operator wants it stopped.
    Stop,
    /// An operator wants it restarted.
    Restart,
}

/// Heartbeats and commands that wait for the supervisor; more of them are refused or dropped.
pub const QUEUE: usize = 1024;

/// Whose server this is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Names {
    app: String,
    server: String,
}

impl Names {
    fn of(setup: &Setup) -> Self {
        Self { app: setup.app.clone(), server: setup.server.clone() }
    }

    /// Both must match: a command for another server of the same application is a mistake.
    fn are(&self, app: &str, server: &str) -> bool {
        self.app == app && self.server == server
    }

    fn mismatch(&self, app: &str, server: &str) -> String {
        format!("error: this pod runs {}.{}, not {app}.{server}", self.app, self.server)
    }
}

/// Takes heartbeats (section 3.10).
#[derive(Debug)]
struct Heartbeats {
    names: Names,
    told: mpsc::Sender<Told>,
}

impl Heartbeats {
    fn pass(&self, info: ServerInfo, make: impl FnOnce(i32, String) -> Told) -> i32 {
        if self.names.are(&info.application, &info.server_name) {
            // A full queue means that beats come faster than they can be counted; this one is not missed.
            let _ = self.told.try_send(make(info.pid, info.adapter));
        } else {
            tracing::warn!(app = info.application, server = info.server_name, "ignored the heartbeat of another server");
        }
        0
    }
}

impl ServerF for Heartbeats {
    async fn keep_alive(&self, _: &Request, info: ServerInfo) -> Result<i32, ServantError> {
        Ok(self.pass(info, |pid, adapter| Told::KeepAlive { pid, adapter }))
    }

    async fn keep_activing(&self, _: &Request, info: ServerInfo) -> Result<i32, ServantError> {
        Ok(self.pass(info, |pid, adapter| Told::KeepActiving { pid, adapter }))
    }

    async fn report_version(&self, _: &Request, _: String, _: String, version: String) -> Result<i32, ServantError> {
        tracing::debug!(version, "the server told the version of its framework");
        Ok(0)
    }

    async fn get_latest_keep_alive_time(&self, _: &Request) -> Result<u32, ServantError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u32::try_from(now.as_secs()).unwrap_or(u32::MAX))
    }
}

/// Takes commands (section 3.9).
#[derive(Debug)]
struct Commands {
    names: Names,
    told: mpsc::Sender<Told>,
    client: Client,
    /// Endpoint of the server's admin object, once it was started.
    admin: watch::Receiver<Option<String>>,
    setup: Setup,
}

impl Commands {
    fn pass(&self, app: &str, server: &str, told: Told) -> (i32, String) {
        if !self.names.are(app, server) {
            return (-1, self.names.mismatch(app, server));
        }
        match self.told.try_send(told) {
            Ok(()) => (0, "Success".to_owned()),
            Err(_) => (-1, "error: too many commands are waiting; try again".to_owned()),
        }
    }

    async fn notify(&self, command: &str) -> Result<String, String> {
        let admin = self.admin.borrow().clone().ok_or("the server has not been started yet")?;
        let admin = admin_of(&self.client, &admin).map_err(|problem| problem.to_string())?;
        admin.notify(command).await.map_err(|problem| problem.to_string())
    }

    /// Fetches a file from tarsconfig and puts it beside the program.
    async fn fetch(&self, file: &str) -> Result<String, String> {
        let name =
            Path::new(file).file_name().and_then(|name| name.to_str()).ok_or_else(|| format!("`{file}` is no file name"))?;
        let config = ConfigClient::new(self.client.proxy(CONFIG_OBJ).map_err(|problem| problem.to_string())?);
        let (code, text) =
            config.load_config(&self.setup.app, &self.setup.server, name).await.map_err(|problem| problem.to_string())?;
        if code != 0 {
            return Err(format!("tarsconfig has no file {name} for {} (code {code})", self.setup.module()));
        }
        let target = self.setup.bin_dir.join(name);
        let written: io::Result<()> = tokio::fs::write(&target, text).await;
        written.map(|()| format!("Success: {}", target.display())).map_err(|problem| format!("{}: {problem}", target.display()))
    }
}

impl Node for Commands {
    async fn add_file(&self, _: &Request, app: String, server: String, file: String) -> Result<(i32, String), ServantError> {
        if !self.names.are(&app, &server) {
            return Ok((-1, self.names.mismatch(&app, &server)));
        }
        Ok(match self.fetch(&file).await {
            Ok(text) => (0, text),
            Err(problem) => (-1, format!("error: {problem}")),
        })
    }

    async fn start_server(&self, _: &Request, app: String, server: String) -> Result<(i32, String), ServantError> {
        Ok(self.pass(&app, &server, Told::Start))
    }

    async fn stop_server(&self, _: &Request, app: String, server: String) -> Result<(i32, String), ServantError> {
        Ok(self.pass(&app, &server, Told::Stop))
    }

    async fn restart_server(&self, _: &Request, app: String, server: String) -> Result<(i32, String), ServantError> {
        Ok(self.pass(&app, &server, Told::Restart))
    }

    async fn notify_server(
        &self,
        _: &Request,
        app: String,
        server: String,
        command: String,
    ) -> Result<(i32, String), ServantError> {
        if !self.names.are(&app, &server) {
            return Ok((-1, self.names.mismatch(&app, &server)));
        }
        Ok(match self.notify(&command).await {
            Ok(answer) => (0, answer),
            Err(problem) => (-1, format!("error: {problem}")),
        })
    }
}

/// The admin object of the server, at `endpoint`.
pub fn admin_of(client: &Client, endpoint: &str) -> Result<AdminFClient, ProxyError> {
    Ok(AdminFClient::new(client.proxy(&format!("AdminObj@{endpoint}"))?))
}

/// The limits of both adapters (section 3.4).
fn limits() -> AdapterLimits {
    AdapterLimits { connections: 1024, queue_capacity: 100, ..AdapterLimits::default() }
}

/// Listens for heartbeats at `endpoint`.
pub async fn heartbeats(context: &Context, endpoint: Endpoint, told: mpsc::Sender<Told>) -> Result<Server, BindError> {
    let servant = ServerFDispatch(Heartbeats { names: Names::of(&context.setup), told });
    let adapter = Adapter::new("ServerAdapter", endpoint).servant(SERVER_OBJ, Arc::new(servant)).limits(limits());
    Server::builder().adapter(adapter).bind().await
}

/// Listens for commands at `endpoint`.
pub async fn commands(
    context: &Context,
    endpoint: Endpoint,
    told: mpsc::Sender<Told>,
    admin: watch::Receiver<Option<String>>,
) -> Result<Server, BindError> {
    let setup = context.setup.clone();
    let servant = NodeDispatch(Commands { names: Names::of(&setup), told, client: context.client.clone(), admin, setup });
    let adapter = Adapter::new("NodeAdapter", endpoint).servant(NODE_OBJ, Arc::new(servant)).limits(limits());
    Server::builder().adapter(adapter).bind().await
}
