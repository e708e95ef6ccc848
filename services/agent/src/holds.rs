//! Steps that are not to be taken again just yet: what was made is not seen in the caches at once, and what failed is tried ever slower.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// After a success. A watch delivers our own write within milliseconds; when it is late, repeating the step does no harm.
const SETTLE: Duration = Duration::from_secs(5);
/// After the first failure, doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// No longer than this, so that a repaired disk is noticed.
const LAST_RETRY: Duration = Duration::from_mins(1);

struct Hold {
    until: Instant,
    /// How long the next failure holds the step back.
    next: Duration,
}

/// Which steps are held back, by a key that names step and object.
#[derive(Default)]
pub struct Holds(HashMap<String, Hold>);

impl Holds {
    /// Whether the step may be taken.
    pub fn allow(&self, key: &str, now: Instant) -> bool {
        self.0.get(key).is_none_or(|hold| hold.until <= now)
    }

    /// Holds a step that is new back for `wait`. One that is known already is as it was.
    pub fn begin(&mut self, key: &str, wait: Duration, now: Instant) {
        self.0.entry(key.to_owned()).or_insert(Hold { until: now + wait, next: FIRST_RETRY });
    }

    /// Remembers how the step ended.
    pub fn ended(&mut self, key: String, succeeded: bool, now: Instant) {
        let next = if succeeded { FIRST_RETRY } else { self.0.get(&key).map_or(FIRST_RETRY, |hold| hold.next) };
        let (wait, next) = if succeeded { (SETTLE, FIRST_RETRY) } else { (next, (next * 2).min(LAST_RETRY)) };
        self.0.insert(key, Hold { until: now + wait, next });
    }

    /// Forgets what has not been of interest for long.
    pub fn tidy(&mut self, now: Instant) {
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
            assert!(holds.allow("make x", now));
            holds.ended("make x".to_owned(), false, now);
            let begun = now;
            while !holds.allow("make x", now) {
                now += Duration::from_secs(1);
            }
            waits.push((now - begun).as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        holds.ended("make x".to_owned(), true, now);
        assert!(!holds.allow("make x", now) && holds.allow("make x", now + SETTLE) && holds.allow("make y", now));
        holds.ended("make x".to_owned(), false, now);
        assert!(holds.allow("make x", now + FIRST_RETRY));
        holds.begin("remind x", FIRST_RETRY, now);
        holds.begin("remind x", FIRST_RETRY, now + FIRST_RETRY);
        assert!(!holds.allow("remind x", now) && holds.allow("remind x", now + FIRST_RETRY));
        holds.tidy(now + LAST_RETRY * 4);
        assert!(holds.0.is_empty());
    }
}
