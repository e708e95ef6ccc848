//! Remembers which steps must wait: a step that succeeded, until the watches show its result, and a step that failed, longer after each
//! failure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Wait after a success. Watches deliver the agent's own writes within milliseconds. If one is late, repeating the step does no harm.
const AFTER_SUCCESS: Duration = Duration::from_secs(5);
/// Wait after the first failure. It doubles with each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest wait after a failure. A repaired disk is used after at most this time.
const LAST_RETRY: Duration = Duration::from_mins(1);

struct Hold {
    until: Instant,
    /// Wait after the next failure.
    next: Duration,
}

/// The steps that must wait, by a name for the step and its object.
#[derive(Default)]
pub struct Holds(HashMap<String, Hold>);

impl Holds {
    /// Whether the step need not wait any longer.
    pub fn allows(&self, key: &str, now: Instant) -> bool {
        self.0.get(key).is_none_or(|hold| hold.until <= now)
    }

    /// Makes a new step wait for `wait`. Has no effect on a step that is known already.
    pub fn begin(&mut self, key: &str, wait: Duration, now: Instant) {
        self.0.entry(key.to_owned()).or_insert(Hold { until: now + wait, next: FIRST_RETRY });
    }

    /// Makes a step wait after it has ended.
    pub fn record(&mut self, key: String, succeeded: bool, now: Instant) {
        let next = if succeeded { FIRST_RETRY } else { self.0.get(&key).map_or(FIRST_RETRY, |hold| hold.next) };
        let (wait, next) = if succeeded { (AFTER_SUCCESS, FIRST_RETRY) } else { (next, (next * 2).min(LAST_RETRY)) };
        self.0.insert(key, Hold { until: now + wait, next });
    }

    /// Forgets steps whose wait ended long ago.
    pub fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, hold| hold.until + LAST_RETRY * 2 > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_tried_ever_slower_and_a_success_starts_anew() {
        let mut holds = Holds::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert!(holds.allows("make x", now));
            holds.record("make x".to_owned(), false, now);
            let begun = now;
            while !holds.allows("make x", now) {
                now += Duration::from_secs(1);
            }
            waits.push((now - begun).as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        holds.record("make x".to_owned(), true, now);
        assert!(!holds.allows("make x", now) && holds.allows("make x", now + AFTER_SUCCESS) && holds.allows("make y", now));
        holds.record("make x".to_owned(), false, now);
        assert!(holds.allows("make x", now + FIRST_RETRY));
        holds.begin("remind x", FIRST_RETRY, now);
        holds.begin("remind x", FIRST_RETRY, now + FIRST_RETRY);
        assert!(!holds.allows("remind x", now) && holds.allows("remind x", now + FIRST_RETRY));
        holds.forget_old(now + LAST_RETRY * 4);
        assert!(holds.0.is_empty());
    }
}
