//! The options of a client and of a call.

use crate::packet::{DEFAULT_MAX_FRAME, Headers};
use std::time::Duration;

/// The options that all calls of a client share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long a call waits for its answer, with the time to connect. 3 s by default.
    pub timeout: Duration,
    /// How long one attempt to connect may take. 1.5 s by default.
    pub connect_timeout: Duration,
    /// How long the endpoints of an object are used before a call makes the client ask the name service again. 60 s by default.
    pub refresh_interval: Duration,
    /// How long a connection may be silent before the client sends `tars_ping`. If the server stays silent for the same time
    /// again, the connection is closed. `None`, the default, switches this off.
    pub keep_alive: Option<Duration>,
    /// A connection that had no calls for this long is closed. 10 min by default.
    pub idle_timeout: Duration,
    /// How many calls may wait for answers on one connection. A further call is tried on another endpoint. 10,000 by default.
    pub max_outstanding: usize,
    /// The largest frame, in bytes, that the client sends or accepts. 10 MiB by default.
    pub max_frame: usize,
    /// The name that the client tells the name service as `node_name`; none by default.
    pub node_name: Option<String>,
    /// The set, `name.area.group`, in which the name service looks for endpoints; none by default.
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

/// The options of one call, or of all calls of one typed client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallOptions {
    /// How long the call waits, in place of [`ClientOptions::timeout`].
    pub timeout: Option<Duration>,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
    /// Bits of [`crate::packet::message_type`].
    pub message_type: i32,
}

impl CallOptions {
    /// Sets how long the call waits.
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
