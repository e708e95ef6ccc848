//! Packets that a server sends without a request.

use crate::{endpoint::Endpoint, packet::ResponsePacket};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// A packet that a server sent without a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Where the server listens.
    pub endpoint: Endpoint,
    /// The packet; its buffer holds what the servant pushed.
    pub packet: ResponsePacket,
}

type Handler = Arc<dyn Fn(Push) + Send + Sync>;

/// The handler of the pushes of an object. Pushes are dropped while there is no handler.
#[derive(Clone, Default)]
pub(super) struct PushHandler(Arc<RwLock<Option<Handler>>>);

impl PushHandler {
    /// Sets the handler, in place of an earlier one.
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
