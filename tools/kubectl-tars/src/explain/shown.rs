//! The answer in the form in which it is shown.

use jiff::Timestamp;
use serde::Serialize;
use tars_proto::controller::v1::{Cause, Log, State};

/// The whole answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The replica that answered.
    pub instance: String,
    /// Whether it leads.
    pub leads: bool,
    /// How many servers of the namespace are missing.
    pub left_out: u32,
    pub servers: Vec<Shown>,
}

/// A cause, with the log that belongs to it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    pub kind: String,
    pub name: String,
    pub state: &'static str,
    pub reason: String,
    pub message: String,
    pub remedy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The last lines of its log, if its last words are only there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Self>,
    /// Where the log is.
    #[serde(skip)]
    pub place: Option<Log>,
}

pub const OK: &str = "ok";
pub const PROGRESSING: &str = "progressing";
pub const PROBLEM: &str = "problem";
pub const UNKNOWN: &str = "unknown";

impl Shown {
    pub fn of(cause: Cause) -> Self {
        let state = match cause.state() {
            State::Ok => OK,
            State::Progressing => PROGRESSING,
            State::Problem => PROBLEM,
            State::Unknown | State::Unspecified => UNKNOWN,
        };
        Self {
            kind: cause.kind,
            name: cause.name,
            state,
            reason: cause.reason,
            message: cause.message,
            remedy: cause.remedy,
            since: cause.since.and_then(|time| Timestamp::from_second(time.seconds).ok()),
            log: Vec::new(),
            children: cause.children.into_iter().map(Self::of).collect(),
            place: cause.log,
        }
    }

    pub fn is_well(&self) -> bool {
        self.state == OK
    }
}
