//! How long connections may stay open while the server stops (`docs/reference/wire.md#10.12`).

use std::time::Duration;

/// When the TCP connections of a stopping server close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draining {
    /// A connection closes when it brought no request for this long and all its answers are sent. 2 s by default.
    pub quiet: Duration,
    /// This long after the server was told to stop, no connection is read any more. A connection then closes as soon as its
    /// answers are sent. 10 s by default.
    pub stop_reading: Duration,
    /// This long after the server was told to stop, every connection is closed, whether its answers are sent or not. 20 s by
    /// default.
    pub abort: Duration,
}

impl Default for Draining {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(2), stop_reading: Duration::from_secs(10), abort: Duration::from_secs(20) }
    }
}
