//! What a client and its calls may choose.

use crate::packet::{DEFAULT_MAX_FRAME, Headers};
use std::time::Duration;

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
