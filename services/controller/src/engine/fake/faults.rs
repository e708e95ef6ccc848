//! What goes wrong on purpose, and when.

use super::World;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};
use tokio::sync::Notify;

/// What happens to one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process ends before the write arrives.
    CrashBefore,
    /// The write happens, and the process ends before the answer arrives.
    CrashAfter,
    /// The process ends, and the write arrives when another process runs already.
    LandsLate,
    /// The connection breaks before the write arrives.
    Lost,
    /// Another writer changed the object first.
    Conflict,
    /// Too many requests.
    TooMany,
    /// The API server is in trouble.
    ServerError,
    /// The write happens, but the answer never comes.
    AnswerLost,
    /// The watch event of the write arrives before its answer.
    AnswerLate,
    /// A person takes the next step of the story right before the write arrives.
    Overtaken,
}

impl Fault {
    pub const ALL: [Self; 10] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::LandsLate,
        Self::Lost,
        Self::Conflict,
        Self::TooMany,
        Self::ServerError,
        Self::AnswerLost,
        Self::AnswerLate,
        Self::Overtaken,
    ];
}

/// What happens to one watch event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    /// It comes 5 seconds late, and so do the later events of its kind.
    Late,
    /// It comes 40 seconds late. By then the story has gone on.
    VeryLate,
    /// It comes twice.
    Repeated,
    /// The watch breaks. The next one begins with events that came already.
    Rewound,
    /// The watch breaks.
    Broken,
    /// The watch ends because its version is too old. Everything is listed anew.
    Gone,
    /// The same, and the new list comes 20 seconds later. Nobody hears of what was between.
    Hidden,
    /// The process ends while the event is on its way.
    Crash,
    /// The cluster is restored from a backup that is some changes old. Versions go back.
    Restored,
}

impl Twist {
    pub const ALL: [Self; 9] = [
        Self::Late,
        Self::VeryLate,
        Self::Repeated,
        Self::Rewound,
        Self::Broken,
        Self::Gone,
        Self::Hidden,
        Self::Crash,
        Self::Restored,
    ];
}

/// One thing that goes wrong. Writes and events are counted by their path, from 0, so that a plan means the same in each run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Write { what: String, nth: usize, fault: Fault },
    Event { path: String, nth: usize, twist: Twist },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { what, nth, fault } => write!(f, "{fault:?} at write {nth} of {what}"),
            Self::Event { path, nth, twist } => write!(f, "{twist:?} at event {nth} of {path}"),
        }
    }
}

/// What a person does next.
pub type Step = Arc<dyn Fn(&mut World) + Send + Sync>;

/// What will happen to a [`World`] from outside, and what has happened.
#[derive(Default)]
pub struct Script {
    /// What people will do.
    pub steps: VecDeque<Step>,
    /// What will go wrong.
    pub troubles: Vec<Trouble>,
    /// What went wrong.
    pub met: usize,
    writes: HashMap<String, usize>,
    /// Every write with its number, and whether a step of the story was left.
    pub sent: Vec<(String, usize, bool)>,
    /// Every event that a watch has sent, with its number.
    pub delivered: Vec<(String, usize)>,
    /// Whether the process has ended. It writes nothing until [`Script::revive`].
    pub down: bool,
    pub crashed: Arc<Notify>,
    pub restored: Arc<Notify>,
}

impl Script {
    /// Counts a write, and tells what happens to it.
    pub fn meet_write(&mut self, write: &str) -> Option<Fault> {
        let count = self.writes.entry(write.to_owned()).or_default();
        let number = *count;
        *count += 1;
        self.sent.push((write.to_owned(), number, !self.steps.is_empty()));
        let index = self
            .troubles
            .iter()
            .position(|trouble| matches!(trouble, Trouble::Write { what, nth, .. } if what == write && *nth == number))?;
        self.met += 1;
        match self.troubles.swap_remove(index) {
            Trouble::Write { fault, .. } => Some(fault),
            Trouble::Event { .. } => None,
        }
    }

    /// Tells what happens to event `number` of `at`.
    pub fn meet_event(&mut self, at: &str, number: usize) -> Option<Twist> {
        self.delivered.push((at.to_owned(), number));
        let index = self
            .troubles
            .iter()
            .position(|trouble| matches!(trouble, Trouble::Event { path, nth, .. } if path == at && *nth == number))?;
        self.met += 1;
        match self.troubles.swap_remove(index) {
            Trouble::Event { twist, .. } => Some(twist),
            Trouble::Write { .. } => None,
        }
    }

    /// Ends the process.
    pub fn crash(&mut self) {
        self.down = true;
        self.crashed.notify_one();
    }

    /// Notes that another process runs.
    pub fn revive(&mut self) {
        self.down = false;
    }
}
