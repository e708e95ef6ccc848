//! Calls servants of other processes (`docs/reference/wire.md#11`).
//!
//! ```text
//! Client ─► Proxy (object) ─► Directory: the endpoints of the object  ◄── the proxy string, or Locator: the name service
//!                │                 │ one endpoint after the other, those that fail last
//!                └─► Link: one connection to an endpoint, for many calls at a time, matched by request id
//! ```
//!
//! A server that stops asks its clients to reconnect. Later calls then use a new connection, while the old connection stays open
//! for the answers that it still has to bring.

mod directory;
mod error;
mod link;
mod locator;
mod options;
mod proxy;
mod push;
mod rotation;

use crate::endpoint::ProxyString;
use directory::Directory;
use locator::Locator;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

pub use error::{CallError, ProxyError};
pub use options::{CallOptions, ClientOptions};
pub use proxy::{Answer, Proxy};
pub use push::Push;

/// Collects what a [`Client`] needs.
#[derive(Debug, Default)]
pub struct ClientBuilder {
    locator: Option<String>,
    options: ClientOptions,
}

impl ClientBuilder {
    /// Sets the proxy string of the name service, which must have endpoints. Without it, or with an empty one, every proxy string
    /// must have endpoints.
    #[must_use]
    pub fn locator(mut self, locator: impl Into<String>) -> Self {
        self.locator = Some(locator.into());
        self
    }

    /// Sets the options of all calls.
    #[must_use]
    pub fn options(mut self, options: ClientOptions) -> Self {
        self.options = options;
        self
    }

    /// Makes the client. It connects to a server when a servant there is called for the first time.
    pub fn build(self) -> Result<Client, ProxyError> {
        let options = Arc::new(self.options);
        let locator = match self.locator.filter(|locator| !locator.is_empty()) {
            None => None,
            Some(text) => {
                let ProxyString { object, endpoints } = text.parse()?;
                if endpoints.is_empty() {
                    return Err(ProxyError::NoLocator(text));
                }
                let proxy = Proxy::new(object, Directory::fixed(endpoints), Arc::clone(&options));
                Some(Arc::new(Locator::new(proxy, &options)))
            }
        };
        Ok(Client(Arc::new(Shared { locator, options, proxies: Mutex::default() })))
    }
}

/// Makes proxies. Proxies of the same string share their connections. A clone is cheap and is the same client.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    locator: Option<Arc<Locator>>,
    options: Arc<ClientOptions>,
    proxies: Mutex<HashMap<String, Proxy>>,
}

impl Client {
    /// Begins to describe a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The proxy for `App.Server.Object`, whose endpoints the name service knows, or for
    /// `App.Server.Object@endpoint[:endpoint...]`.
    pub fn proxy(&self, text: &str) -> Result<Proxy, ProxyError> {
        let mut proxies = self.0.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proxy) = proxies.get(text) {
            return Ok(proxy.clone());
        }
        let ProxyString { object, endpoints } = text.parse()?;
        let directory = match &self.0.locator {
            _ if !endpoints.is_empty() => Directory::fixed(endpoints),
            Some(locator) => Directory::resolved_by(locator.clone()),
            None => return Err(ProxyError::NoLocator(text.to_owned())),
        };
        let proxy = Proxy::new(object, directory, Arc::clone(&self.0.options));
        proxies.insert(text.to_owned(), proxy.clone());
        Ok(proxy)
    }
}
