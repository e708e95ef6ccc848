//! What servers send without being asked.

use crate::{endpoint::Endpoint, packet::ResponsePacket};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// Something a server sent without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The server.
    pub endpoint: Endpoint,
    /// What it sent.
    pub packet: ResponsePacket,
}

type Handler = Arc<dyn Fn(Push) + Send + Sync>;

/// Who gets the pushes of an object; nobody at first.
#[derive(Clone, Default)]
pub(super) struct PushHandler(Arc<RwLock<Option<Handler>>>);

impl PushHandler {
    /// Replaces the handler.
    pub(super) fn set(&self, handler: impl Fn(Push) + Send + Sync + 'static) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(handler));
    }

    pub(super) fn handle(&self, endpoint: &Endpoint, packet: ResponsePacket) {
        let handler = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(handler) = handler {
            handler(Push { endpoint: endpoint.clone(), packet });
        }
    }
}

impl fmt::Debug for PushHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushHandler")
    }
}
