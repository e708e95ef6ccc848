//! `Registry`: what tarsnode asks the registry for and reports to it.
//!
//! These definitions differ from the native Tars `Registry` interface and are not compatible with it.

use crate::{TarsEnum, TarsStruct};
use std::collections::BTreeMap;

/// How a server is to be run.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ServerDescriptor {
    /// Rendered template; after a failure the text of the problem.
    #[tars(tag = 0, require)]
    pub profile: String,
    /// Callback threads.
    #[tars(tag = 1, optional)]
    pub async_thread_num: i32,
    /// One adapter per servant, by adapter name.
    #[tars(tag = 2, require)]
    pub adapters: BTreeMap<String, AdapterDescriptor>,
}

/// One listener of a server.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct AdapterDescriptor {
    /// `<app>.<server>.<servant>Adapter`.
    #[tars(tag = 0, require)]
    pub adapter_name: String,
    /// Endpoint string; its host is the literal `${localip}`.
    #[tars(tag = 1, require)]
    pub endpoint: String,
    /// Handler threads.
    #[tars(tag = 2, require)]
    pub thread_num: i32,
    /// Most connections at a time.
    #[tars(tag = 3, require)]
    pub max_connections: i32,
    /// Addresses that may connect; empty for all.
    #[tars(tag = 4, require)]
    pub allow_ip: String,
    /// `<app>.<server>.<servant>`.
    #[tars(tag = 5, require)]
    pub servant: String,
    /// Most requests in the queue.
    #[tars(tag = 6, require)]
    pub queuecap: i32,
    /// Milliseconds that a request may wait in the queue.
    #[tars(tag = 7, require)]
    pub queuetimeout: i32,
    /// `tars` or `not_tars`.
    #[tars(tag = 8, optional)]
    pub protocol: String,
}

/// State of a server. Its text form is what travels, see [`ServerState::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum ServerState {
    /// Not running.
    #[default]
    Inactive = 1,
    /// Being started.
    Activating = 2,
    /// Running.
    Active = 3,
    /// Being stopped.
    Deactivating = 4,
}

impl ServerState {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "Inactive",
            Self::Activating => "Activating",
            Self::Active => "Active",
            Self::Deactivating => "Deactivating",
        }
    }
}

impl std::fmt::Display for ServerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ServerState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        [Self::Inactive, Self::Activating, Self::Active, Self::Deactivating]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// A text that is no [`ServerState`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("server state `{0}` does not exist; use Inactive, Activating, Active or Deactivating")]
pub struct UnknownState(pub String);

/// Wanted and present state; declared by the definition and not used by any function.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ServerStateInfo {
    /// Wanted state.
    #[tars(tag = 0, optional)]
    pub setting_state: ServerState,
    /// Present state.
    #[tars(tag = 1, optional)]
    pub present_state: ServerState,
}

/// Descriptors of servers, and their reported states.
#[crate::interface]
pub trait Registry {
    /// How to run a server: 0 and its descriptor, or -1.
    async fn get_server_descriptor(
        &self,
        server_app: String,
        server_name: String,
        server_descriptor: Out<ServerDescriptor>,
    ) -> i32;

    /// Reports the wanted and present state of the server in a pod. The request's context names its process id under `PID`.
    async fn update_server_state(&self, pod_name: String, setting_state: String, present_state: String);
}
