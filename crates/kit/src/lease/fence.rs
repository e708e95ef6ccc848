//! Whether a write may still begin, by a clock that goes on while the machine is suspended.

use rustix::time::{ClockId, clock_gettime};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Open while this instance leads. It closes by itself at the end of the deadline, even while no task of the process runs.
///
/// Clones share their state.
#[derive(Clone, Debug)]
pub struct Fence(Arc<AtomicU64>);

/// Closes the fence when it is dropped.
pub(super) struct CloseOnDrop(Fence);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.open_until(Duration::ZERO);
    }
}

impl Fence {
    /// A fence that nothing passes before an election opens it.
    pub(super) fn closed() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// A fence that everything passes for ever, for writers that need no election.
    #[must_use]
    pub fn open() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// Whether a write may begin now.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.holds_at(now())
    }

    fn holds_at(&self, now: Duration) -> bool {
        to_nanoseconds(now) < self.0.load(Ordering::Acquire)
    }

    /// Opens the fence until this time of the clock of [`now`].
    pub(super) fn open_until(&self, end: Duration) {
        self.0.store(to_nanoseconds(end), Ordering::Release);
    }

    pub(super) fn close_on_drop(&self) -> CloseOnDrop {
        CloseOnDrop(self.clone())
    }
}

/// The time since the machine was started, with the time for which it was suspended.
pub(super) fn now() -> Duration {
    // The clock never reports a time before the start.
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// 2⁶⁴ ns are 584 years.
fn to_nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_closes_by_itself_and_when_leadership_ends() {
        let at = Duration::from_secs;
        let fence = Fence::closed();
        assert!(!fence.holds_at(at(0)));
        fence.open_until(at(10));
        assert!(fence.holds_at(at(9)) && !fence.holds_at(at(10)), "nobody had to close it");
        drop(fence.close_on_drop());
        assert!(!fence.holds_at(at(9)));
        assert!(Fence::open().holds());
    }
}
