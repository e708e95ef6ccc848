//! Checks the reports of servers and writes them to the pods: one report of a pod at a time, and again while the API server is away
//! (docs/reference/name-service.md#A8.4).

use super::pods::{Condition, PodError, Pods, Written};
use crate::metrics::Metrics;
use backon::{BackoffBuilder, ExponentialBuilder};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tars::framework::registry::{ServerState, UnknownState};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// How long a caller waits for its answer. The call of tarsnode would fail after 6 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a report is tried again while the API server is away, unless a later report of the same pod replaces it.
const TRY_FOR: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many reports may be under way.
const MAX_REPORTS: usize = 4_096;
/// The longest name that a pod may have.
const LONGEST_NAME: usize = 253;
/// The length of the longest process id: ten digits and a sign.
const LONGEST_PID: usize = 11;
/// How many characters about the end of a process are kept.
const LONGEST_CRASH: usize = 300;

/// The state that a server reports about itself. All parts have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateReport {
    pod: String,
    setting: ServerState,
    present: ServerState,
    pid: String,
    crash: String,
}

/// Why a report is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReport {
    /// No pod can have this name.
    #[error("pod name {0:?} is not valid; it consists of lower-case letters, digits, '-' and '.', at most 253")]
    PodName(String),
    /// A state is not one of the known words.
    #[error(transparent)]
    State(#[from] UnknownState),
    /// The process id is not a number, or too long.
    #[error("context PID {0:?} is not a process id")]
    Pid(String),
}

impl StateReport {
    /// Checks the parts of a report. `pid` may be empty.
    pub fn new(pod: String, setting: &str, present: &str, pid: String) -> Result<Self, InvalidReport> {
        if !is_pod_name(&pod) {
            return Err(InvalidReport::PodName(pod));
        }
        let setting: ServerState = setting.parse()?;
        let present: ServerState = present.parse()?;
        let digits = pid.strip_prefix('-').unwrap_or(&pid);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) || pid.len() > LONGEST_PID || pid == "-" {
            return Err(InvalidReport::Pid(pid));
        }
        Ok(Self { pod, setting, present, pid, crash: String::new() })
    }

    /// Adds what tarsnode says about the end of the process. The caller is not known, so a long text is cut, and control characters
    /// become blanks.
    #[must_use]
    pub fn with_crash(self, text: &str) -> Self {
        let crash = text.chars().take(LONGEST_CRASH).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { crash, ..self }
    }

    fn to_condition(&self) -> Condition {
        let Self { pod: _, setting, present, pid, crash } = self;
        let active = *setting == ServerState::Active && *present == ServerState::Active;
        Condition { active, reason: format!("{setting}/{present}/{pid}"), message: crash.clone() }
    }
}

/// Whether a name is a DNS subdomain. The check matters because the name becomes a part of a URL.
fn is_pod_name(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    name.len() <= LONGEST_NAME && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner) && !name.contains("..")
}

/// Why the state of a server did not reach its pod.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The report itself is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidReport),
    /// The condition of the pod could not be written.
    #[error(transparent)]
    Pod(#[from] PodError),
    /// A later report of the same pod replaced this one.
    #[error("a later report of pod {0} replaced this one")]
    Superseded(String),
    /// The report could not be written in time, and is tried again in the background.
    #[error("the state of pod {0} could not be written yet; it is tried again for {seconds}s", seconds = TRY_FOR.as_secs())]
    Pending(String),
    /// Too many reports are under way.
    #[error("{MAX_REPORTS} reports are under way already; report again later")]
    Busy,
    /// The task that wrote the report panicked.
    #[error("writing the state of pod {0} failed unexpectedly; see the log")]
    Died(String),
}

impl ReportError {
    const fn outcome(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Pod(PodError::Missing { .. } | PodError::Foreign { .. }) => "not_a_server",
            Self::Pod(_) | Self::Died(_) => "failed",
            Self::Superseded(_) => "superseded",
            Self::Pending(_) => "pending",
            Self::Busy => "busy",
        }
    }
}

/// Writes reported states to pods. Clones share their queues.
#[derive(Debug, Clone)]
pub struct Reporter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pods: Pods,
    metrics: Metrics,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    room: Arc<Semaphore>,
}

/// The reports of one pod.
#[derive(Debug, Default)]
struct Slot {
    /// Number of the latest report.
    latest: AtomicU64,
    /// The report that is being written holds this lock.
    turn: tokio::sync::Mutex<()>,
}

impl Reporter {
    pub fn new(pods: Pods, metrics: Metrics) -> Self {
        Self(Arc::new(Inner { pods, metrics, slots: Mutex::default(), room: Arc::new(Semaphore::new(MAX_REPORTS)) }))
    }

    /// Writes the reported state. Returns the result within 5 s, or [`ReportError::Pending`] if the report is tried again after that.
    pub async fn report(&self, report: StateReport) -> Result<Written, ReportError> {
        let Ok(room) = Arc::clone(&self.0.room).try_acquire_owned() else {
            self.0.metrics.count_report(ReportError::Busy.outcome());
            return Err(ReportError::Busy);
        };
        let pod = report.pod.clone();
        let inner = Arc::clone(&self.0);
        // The report is written by a task of its own, so that it is not lost when the caller gives up.
        let task = tokio::spawn(async move {
            let _room = room;
            inner.write(report).await
        });
        match timeout(ANSWER_WITHIN, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_died)) => Err(ReportError::Died(pod)),
            Err(_elapsed) => {
                self.0.metrics.count_report(ReportError::Pending(String::new()).outcome());
                Err(ReportError::Pending(pod))
            }
        }
    }

    /// The number of pods that have reports under way.
    pub fn under_way(&self) -> usize {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Inner {
    async fn write(&self, report: StateReport) -> Result<Written, ReportError> {
        let slot = self.enter(&report.pod);
        let number = slot.latest.fetch_add(1, SeqCst) + 1;
        let result = {
            let _turn = slot.turn.lock().await;
            self.write_in_turn(&report, || slot.latest.load(SeqCst) == number).await
        };
        self.leave(&report.pod, slot);
        let StateReport { pod, setting, present, pid, crash } = &report;
        match &result {
            Ok(Written::Patched) => {
                self.metrics.count_report("patched");
                tracing::info!(pod, %setting, %present, pid, crash, "reported the state");
            }
            Ok(Written::Unchanged) => self.metrics.count_report("unchanged"),
            Err(error) => {
                self.metrics.count_report(error.outcome());
                tracing::warn!(pod, %setting, %present, pid, %error, "could not report the state");
            }
        }
        result
    }

    async fn write_in_turn(&self, report: &StateReport, is_latest: impl Fn() -> bool) -> Result<Written, ReportError> {
        let end = Instant::now() + TRY_FOR;
        let condition = report.to_condition();
        let mut pauses = retry_pauses();
        loop {
            if !is_latest() {
                return Err(ReportError::Superseded(report.pod.clone()));
            }
            let error = match self.pods.set_server_condition(&report.pod, &condition).await {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            if !error.is_temporary() || Instant::now() + pause > end {
                return Err(error.into());
            }
            tracing::debug!(pod = report.pod, %error, ?pause, "trying again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns the slot of a pod, which is new if no other report of the pod is under way.
    fn enter(&self, pod: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(pod.to_owned()).or_default())
    }

    /// Gives a slot back. The slot is removed with its last report.
    fn leave(&self, pod: &str, slot: Arc<Slot>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        drop(slot);
        if slots.get(pod).is_some_and(|slot| Arc::strong_count(slot) == 1) {
            slots.remove(pod);
        }
    }
}

/// The pauses between attempts. They double, and have jitter so that not all pods come at once when the API server is back.
pub(super) fn retry_pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}
