//! `ServerF` and `Node`: the two interfaces of tarsnode, one for its server and one for operators.

use crate::TarsStruct;

/// Names the sender of a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ServerInfo {
    /// Application of the server.
    #[tars(tag = 0, require)]
    pub application: String,
    /// Name of the server within the application.
    #[tars(tag = 1, require)]
    pub server_name: String,
    /// Process id of the server.
    #[tars(tag = 2, require)]
    pub pid: i32,
    /// Name of the adapter that works; empty for the whole server.
    #[tars(tag = 3, optional)]
    pub adapter: String,
}

/// Takes the heartbeats of the server. tarsnode serves it as the object `tars.tarsnode.ServerObj`.
#[crate::interface]
pub trait ServerF {
    /// Tells that the server, or one of its adapters, works.
    async fn keep_alive(&self, server_info: ServerInfo) -> i32;

    /// Tells that the server is still starting.
    async fn keep_activing(&self, server_info: ServerInfo) -> i32;

    /// Tells the version of the Tars library that the server uses.
    async fn report_version(&self, app: String, server_name: String, version: String) -> i32;

    /// Answers when the last heartbeat came, in seconds since 1970.
    async fn get_latest_keep_alive_time(&self) -> u32;
}

/// Controls the server in a pod. tarsnode serves it as the object `tars.tarsnode.NodeObj`. Each function answers 0, or another
/// number and a text in `result`.
#[crate::interface]
pub trait Node {
    /// Makes tarsnode fetch a configuration file of the server.
    async fn add_file(&self, application: String, server_name: String, file: String, result: Out<String>) -> i32;

    /// Starts the server.
    async fn start_server(&self, application: String, server_name: String, result: Out<String>) -> i32;

    /// Stops the server.
    async fn stop_server(&self, application: String, server_name: String, result: Out<String>) -> i32;

    /// Stops the server and starts it again.
    async fn restart_server(&self, application: String, server_name: String, result: Out<String>) -> i32;

    /// Sends an admin command to the server.
    async fn notify_server(&self, application: String, server_name: String, command: String, result: Out<String>) -> i32;
}
