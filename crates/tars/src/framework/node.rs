//! `ServerF` and `Node`: the two faces of tarsnode, towards its server and towards operators.

use crate::TarsStruct;

/// Who sends a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ServerInfo {
    /// Application.
    #[tars(tag = 0, require)]
    pub application: String,
    /// Server.
    #[tars(tag = 1, require)]
    pub server_name: String,
    /// Process id.
    #[tars(tag = 2, require)]
    pub pid: i32,
    /// Adapter that is alive; empty for the server as a whole.
    #[tars(tag = 3, optional)]
    pub adapter: String,
}

/// Heartbeats of the server, object `tars.tarsnode.ServerObj`.
#[crate::interface]
pub trait ServerF {
    /// The server, or one adapter of it, is alive.
    async fn keep_alive(&self, server_info: ServerInfo) -> i32;

    /// The server is still starting.
    async fn keep_activing(&self, server_info: ServerInfo) -> i32;

    /// The version of the server's framework.
    async fn report_version(&self, app: String, server_name: String, version: String) -> i32;

    /// When the last heartbeat came, in seconds since 1970.
    async fn get_latest_keep_alive_time(&self) -> u32;
}

/// Control of the server in a pod, object `tars.tarsnode.NodeObj`.
#[crate::interface]
pub trait Node {
    /// Fetches a configuration file.
    async fn add_file(&self, application: String, server_name: String, file: String, result: Out<String>) -> i32;

    /// Starts the server.
    async fn start_server(&self, application: String, server_name: String, result: Out<String>) -> i32;

    /// Stops the server.
    async fn stop_server(&self, application: String, server_name: String, result: Out<String>) -> i32;

    /// Stops and starts the server.
    async fn restart_server(&self, application: String, server_name: String, result: Out<String>) -> i32;

    /// Sends an admin command to the server.
    async fn notify_server(&self, application: String, server_name: String, command: String, result: Out<String>) -> i32;
}
