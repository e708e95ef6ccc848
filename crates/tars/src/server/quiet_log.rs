//! Prevents that a flood of bad packets becomes a flood of log lines (`docs/reference/wire.md#10.9`).

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Permits one line in each interval and counts the lines that it does not permit.
#[derive(Debug)]
pub(super) struct QuietLog {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl QuietLog {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::default() }
    }

    /// Decides whether a line may be written at `now`. If so, it returns how many lines were left out since the last one.
    pub(super) fn permit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < self.interval) {
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
    fn lines_inside_the_interval_are_counted_instead() {
        let log = QuietLog::new(Duration::from_secs(1));
        let start = Instant::now();
        let permits: Vec<_> =
            [0, 10, 999, 1000, 1500, 2100].map(|after| log.permit(start + Duration::from_millis(after))).to_vec();
        assert_eq!(permits, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
