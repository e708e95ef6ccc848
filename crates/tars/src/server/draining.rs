//! How long connections may stay open when the server stops.

use std::time::Duration;

/// How TCP connections end when the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draining {
    /// A connection closes when it brought no request for this long and all its answers are out. 2 s by default.
    pub quiet: Duration,
    /// After this long a connection is not read any more; it closes as soon as its answers are out. 10 s by default.
    pub stop_reading: Duration,
    /// After this long a connection is closed whatever it waits for. 20 s by default.
    pub abort: Duration,
}

impl Default for Draining {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(2), stop_reading: Duration::from_secs(10), abort: Duration::from_secs(20) }
    }
}
