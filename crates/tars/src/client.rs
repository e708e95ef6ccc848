//! Calls servants elsewhere.
//!
//! ```text
//! Client ─► Proxy (object) ─► Directory: which endpoints?  ◄── fixed in the proxy string, or asked from the name service
//!                │                 │ one of them, in turn, failing ones last
//!                └─► Link: one connection per endpoint, many calls at a time, matched by request id
//! ```
//!
//! A server that stops asks its clients to reconnect: later calls then use a new connection while the old one gets the answers that
//! are still due.

mod directory;
mod link;
mod proxy;
mod rotation;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::codec::DecodeError;
use crate::endpoint::{EndpointError, ProxyString};
use crate::packet::{DEFAULT_MAX_FRAME, FrameError, Headers, ret};

pub use proxy::{Proxy, Push};

use directory::Directory;

/// What all calls of a client share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long a call waits for its answer, connecting included. 3 s by default.
    pub timeout: Duration,
    /// How long one attempt to connect may take. 1.5 s by default.
    pub connect_timeout: Duration,
    /// How often the name service is asked again about an object that is in use. 60 s by default.
    pub refresh_interval: Duration,
    /// How often a connection that hears nothing sends `tars_ping`; one that then stays silent is closed. Off by default.
    pub keep_alive: Option<Duration>,
    /// A connection without calls for this long is closed. 10 min by default.
    pub idle_timeout: Duration,
    /// Most calls that wait for answers on one connection; further ones fail at once. 10,000 by default.
    pub max_outstanding: usize,
    /// Largest frame in bytes, sent and received. 10 MiB by default.
    pub max_frame: usize,
    /// Told to the name service as `node_name`.
    pub node_name: Option<String>,
    /// Set division; the name service is then asked for endpoints in this set.
    pub set: Option<String>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_millis(1500),
            refresh_interval: Duration::from_mins(1),
            keep_alive: None,
            idle_timeout: Duration::from_mins(10),
            max_outstanding: 10_000,
            max_frame: DEFAULT_MAX_FRAME,
            node_name: None,
            set: None,
        }
    }
}

/// What one call, or the calls of one typed client, do differently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallOptions {
    /// How long to wait instead of [`ClientOptions::timeout`].
    pub timeout: Option<Duration>,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
    /// Bits of [`crate::packet::message_type`].
    pub message_type: i32,
}

impl CallOptions {
    /// Waits this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds a header of the user.
    #[must_use]
    pub fn context(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.insert(key.into(), value.into());
        self
    }
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Encoded results.
    pub body: Bytes,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
}

/// Why a proxy could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The proxy string is malformed.
    #[error(transparent)]
    Syntax(#[from] EndpointError),
    /// The object has no endpoints and there is no name service to ask.
    #[error("proxy `{0}` names no endpoint and the client has no locator; add `@tcp -h HOST -p PORT` or set a locator")]
    NoLocator(String),
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The name service did not answer.
    #[error("{object}: the name service could not be asked: {reason}")]
    Resolve {
        /// Object to call.
        object: String,
        /// What went wrong.
        reason: String,
    },
    /// The name service knows no active endpoint.
    #[error("{object}: no endpoint is active")]
    NoEndpoint {
        /// Object to call.
        object: String,
    },
    /// No connection could be made.
    #[error("{object}: could not connect to `{endpoint}`: {source}")]
    Connect {
        /// Object to call.
        object: String,
        /// Endpoint tried last.
        endpoint: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Too many calls wait for answers.
    #[error("{object}: {outstanding} calls wait for answers of `{endpoint}` already")]
    Busy {
        /// Object to call.
        object: String,
        /// Chosen endpoint.
        endpoint: String,
        /// Calls that wait.
        outstanding: usize,
    },
    /// The connection was lost before the answer came. Whether the call was executed is not known.
    #[error("{object}: connection to `{endpoint}` lost: {reason}")]
    Lost {
        /// Object that was called.
        object: String,
        /// Endpoint that was called.
        endpoint: String,
        /// Why it was lost.
        reason: String,
    },
    /// No answer came in time.
    #[error("{object}: `{func}` was not answered within {} ms", .after.as_millis())]
    Timeout {
        /// Object that was called.
        object: String,
        /// Function that was called.
        func: String,
        /// How long the call waited.
        after: Duration,
    },
    /// The request is larger than the limit.
    #[error("{object}: the request can't be sent: {source}")]
    TooLarge {
        /// Object to call.
        object: String,
        /// How large it is.
        #[source]
        source: FrameError,
    },
    /// The server answered with a return code other than 0.
    #[error("{object}: `{func}` answered return code {ret}: {desc}")]
    Refused {
        /// Object that was called.
        object: String,
        /// Function that was called.
        func: String,
        /// The return code.
        ret: i32,
        /// The text of the server.
        desc: String,
    },
    /// The results can't be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl CallError {
    /// The return code of the framework that stands for this error.
    pub fn ret(&self) -> i32 {
        match self {
            Self::Resolve { .. } | Self::NoEndpoint { .. } => ret::NO_ADAPTER,
            Self::Connect { .. } | Self::Lost { .. } => ret::CONNECT,
            Self::Busy { .. } | Self::TooLarge { .. } => ret::SEND,
            Self::Timeout { .. } => ret::INVOKE_TIMEOUT,
            Self::Refused { ret, .. } => *ret,
            Self::Decode(_) => ret::CLIENT_DECODE,
        }
    }
}

/// Describes a client.
#[derive(Debug, Default)]
pub struct Builder {
    locator: Option<String>,
    options: ClientOptions,
}

impl Builder {
    /// The proxy string of the name service, with endpoints.
    #[must_use]
    pub fn locator(mut self, locator: impl Into<String>) -> Self {
        self.locator = Some(locator.into());
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: ClientOptions) -> Self {
        self.options = options;
        self
    }

    /// Makes the client. It connects when something is called.
    pub fn build(self) -> Result<Client, ProxyError> {
        let options = Arc::new(self.options);
        let locator = match self.locator.filter(|locator| !locator.is_empty()) {
            None => None,
            Some(text) => {
                let ProxyString { object, endpoints } = text.parse()?;
                if endpoints.is_empty() {
                    return Err(ProxyError::NoLocator(text));
                }
                Some(Proxy::new(object, Directory::fixed(endpoints), Arc::clone(&options)))
            }
        };
        Ok(Client(Arc::new(Shared { locator, options, proxies: Mutex::default() })))
    }
}

/// Makes proxies; proxies of the same string share their connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    locator: Option<Proxy>,
    options: Arc<ClientOptions>,
    proxies: Mutex<HashMap<String, Proxy>>,
}

impl Client {
    /// Starts to describe a client.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The proxy for `App.Server.Object`, or for `App.Server.Object@endpoint[:endpoint...]` without the name service.
    pub fn proxy(&self, text: &str) -> Result<Proxy, ProxyError> {
        let mut proxies = self.0.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proxy) = proxies.get(text) {
            return Ok(proxy.clone());
        }
        let ProxyString { object, endpoints } = text.parse()?;
        let directory = match &self.0.locator {
            _ if !endpoints.is_empty() => Directory::fixed(endpoints),
            Some(locator) => Directory::named(locator.clone()),
            None => return Err(ProxyError::NoLocator(text.to_owned())),
        };
        let proxy = Proxy::new(object, directory, Arc::clone(&self.0.options));
        proxies.insert(text.to_owned(), proxy.clone());
        Ok(proxy)
    }
}
