//! Prevents that a trouble which lasts becomes a flood of log lines.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_mins(1);

/// Permits one log line a minute about one kind of trouble, and counts the lines that it does not permit.
#[derive(Debug, Default)]
pub struct QuietLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl QuietLog {
    /// Decides whether a line may be written now. If so, it returns how many lines were left out since the last one.
    pub fn permit(&self) -> Option<u64> {
        self.permit_at(Instant::now())
    }

    fn permit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_within_a_minute_are_counted_instead() {
        let (log, start) = (QuietLog::default(), Instant::now());
        let permits = [0, 1, 59, 60, 90, 121].map(|seconds| log.permit_at(start + Duration::from_secs(seconds)));
        assert_eq!(permits, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
