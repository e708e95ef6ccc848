//! Decides from what a pass has seen: whether a rotation may go on, which leaf to serve, and whether the replica is ready. Pure.

use super::carrier::{Carrier, Clause};
use jiff::Timestamp;
use tars_kit::keeper::Served;

/// What a pass found at the place of a carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The object does not exist, so the API server does not call us for it.
    Missing,
    /// The object exists, and calls other services only.
    Foreign,
    /// The object could not be read. It may call us.
    Unreadable,
    /// The object calls us, from these clauses.
    Ours(Vec<Clause>),
}

/// A carrier, and what the present pass knows of it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub carrier: Carrier,
    pub finding: Finding,
    /// Why the pass could not read or write it.
    pub failure: Option<String>,
}

/// The state of a carrier after a pass, for the log and the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The API server calls us for it and trusts the served certificate.
    Trusting,
    /// The API server calls us for it and does not trust the served certificate.
    Distrusting,
    Missing,
    Foreign,
    /// It could not be read, or its bundle could not be written.
    Failing,
}

impl State {
    pub const ALL: [Self; 5] = [Self::Trusting, Self::Distrusting, Self::Missing, Self::Foreign, Self::Failing];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusting => "trusting",
            Self::Distrusting => "distrusting",
            Self::Missing => "missing",
            Self::Foreign => "foreign",
            Self::Failing => "failing",
        }
    }
}

impl Seen {
    pub fn state(&self, served: &Served) -> State {
        match &self.finding {
            _ if self.failure.is_some() => State::Failing,
            Finding::Unreadable => State::Failing,
            Finding::Missing => State::Missing,
            Finding::Foreign => State::Foreign,
            Finding::Ours(_) if self.trusts(served) => State::Trusting,
            Finding::Ours(_) => State::Distrusting,
        }
    }

    pub fn trusts(&self, served: &Served) -> bool {
        matches!(&self.finding, Finding::Ours(clauses) if clauses.iter().all(|clause| served.is_trusted_by(&clause.bundle)))
    }
}

/// Whether every carrier that may call us has exactly this bundle (docs/reference/admission.md#1.8).
pub fn is_placed(seen: &[Seen], bundle: &str) -> bool {
    seen.iter().all(|seen| match &seen.finding {
        Finding::Missing | Finding::Foreign => true,
        Finding::Unreadable => false,
        Finding::Ours(clauses) => clauses.iter().all(|clause| clause.bundle == bundle),
    })
}

/// Whether to serve the leaf of `stored`, given the one that is served. A leaf is replaced when at least as many carriers trust its
/// successor, and when it has ended: until then it does the better service. A process that serves nothing serves what is stored. A leaf that
/// has ended is never served (docs/reference/admission.md#1.11).
pub fn may_serve(stored: &Served, served: Option<&Served>, seen: &[Seen], now: Timestamp) -> bool {
    if stored.leaf_ends() <= now {
        return false;
    }
    let Some(served) = served.filter(|served| served.leaf_ends() > now) else { return true };
    let count_trusting = |leaf: &Served| seen.iter().filter(|seen| seen.trusts(leaf)).count();
    let (by_stored, by_served) = (count_trusting(stored), count_trusting(served));
    let unknown = seen.iter().any(|seen| seen.finding == Finding::Unreadable);
    if by_stored == 0 && unknown { false } else { by_stored >= by_served }
}

/// Whether this replica can be called. `None` when no carrier that could be read decides it.
///
/// One carrier that trusts `served` is enough, because all replicas serve the same leaf: an unready replica would not help the other
/// carriers, and would take this one away. Nobody calls us when no carrier exists, so that is in order, too
/// (docs/reference/admission.md#1.10).
pub fn is_callable(seen: &[Seen], served: &Served) -> Option<bool> {
    let absent = |seen: &Seen| matches!(seen.finding, Finding::Missing | Finding::Foreign);
    if seen.iter().all(absent) || seen.iter().any(|seen| seen.trusts(served)) {
        return Some(true);
    }
    (!seen.iter().any(|seen| seen.finding == Finding::Unreadable)).then_some(false)
}
