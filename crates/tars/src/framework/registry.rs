//! `Registry`: the interface through which tarsnode gets the descriptor of its server and reports the state of the server
//! (`docs/reference/name-service.md#A8`).
//!
//! Tars itself has another interface of this name. The two are not compatible.

use crate::{TarsEnum, TarsStruct};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// Describes how a server is run.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ServerDescriptor {
    /// The rendered template; if rendering failed, the text of the problem.
    #[tars(tag = 0, require)]
    pub profile: String,
    /// How many threads run callbacks.
    #[tars(tag = 1, optional)]
    pub async_thread_num: i32,
    /// One adapter for each servant, by the name of the adapter.
    #[tars(tag = 2, require)]
    pub adapters: BTreeMap<String, AdapterDescriptor>,
}

/// Describes one listener of a server.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct AdapterDescriptor {
    /// Name of the adapter, `<app>.<server>.<servant>Adapter`.
    #[tars(tag = 0, require)]
    pub adapter_name: String,
    /// Endpoint string. Its host is the literal text `${localip}`, which tarsnode replaces.
    #[tars(tag = 1, require)]
    pub endpoint: String,
    /// How many threads handle requests.
    #[tars(tag = 2, require)]
    pub thread_num: i32,
    /// How many connections may be open at a time.
    #[tars(tag = 3, require)]
    pub max_connections: i32,
    /// IP addresses that may connect; empty if all may.
    #[tars(tag = 4, require)]
    pub allow_ip: String,
    /// Name of the object, `<app>.<server>.<servant>`.
    #[tars(tag = 5, require)]
    pub servant: String,
    /// How many requests may wait in the queue.
    #[tars(tag = 6, require)]
    pub queuecap: i32,
    /// How long a request may wait in the queue, in milliseconds.
    #[tars(tag = 7, require)]
    pub queuetimeout: i32,
    /// `tars`, or `not_tars` for a protocol of its own.
    #[tars(tag = 8, optional)]
    pub protocol: String,
}

/// The state of a server. Reports carry its text form, see [`ServerState::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, TarsEnum)]
pub enum ServerState {
    /// The server does not run.
    #[default]
    Inactive = 1,
    /// The server is being started.
    Activating = 2,
    /// The server runs and sends heartbeats.
    Active = 3,
    /// The server is being stopped.
    Deactivating = 4,
}

impl ServerState {
    /// The text form, as reports carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "Inactive",
            Self::Activating => "Activating",
            Self::Active => "Active",
            Self::Deactivating => "Deactivating",
        }
    }
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ServerState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        [Self::Inactive, Self::Activating, Self::Active, Self::Deactivating]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// The text is not the text form of a [`ServerState`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("server state `{0}` does not exist; use Inactive, Activating, Active or Deactivating")]
pub struct UnknownState(pub String);

/// The wanted and the present state. The interface definition declares this type, but no function uses it.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ServerStateInfo {
    /// The state that the server should have.
    #[tars(tag = 0, optional)]
    pub setting_state: ServerState,
    /// The state that the server has.
    #[tars(tag = 1, optional)]
    pub present_state: ServerState,
}

/// Answers descriptors of servers and takes reports of their states.
#[crate::interface]
pub trait Registry {
    /// Answers 0 and the descriptor of a server, or -1.
    async fn get_server_descriptor(
        &self,
        server_app: String,
        server_name: String,
        server_descriptor: Out<ServerDescriptor>,
    ) -> i32;

    /// Reports the wanted and the present state of the server in a pod. The context of the request has the process id under
    /// `PID`.
    async fn update_server_state(&self, pod_name: String, setting_state: String, present_state: String);
}
