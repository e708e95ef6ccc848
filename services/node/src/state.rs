//! When the server is started, stopped, killed and reported: decisions only, no clock and no process.
//!
//! ```text
//!              Launch ─► Prepared ─► Spawn ─► Launched
//!   Inactive ───────────────────────────────► Activating ──keepAlive──► Active
//!      ▲                                          │  ▲──keepActiving──────┘ │
//!      └───Exited──── Deactivating ◄──stop, restart, terminate, overdue─────┘
//! ```
//!
//! One caller feeds [`Machine::handle`] with events in the order in which they happened and carries out the actions that come
//! back, in their order. The machine differs from the supervisor it replaces where that lost calls or got stuck: an exit is
//! reported at once, a start during a stop is honoured when the old process is gone, heartbeats of a stopping server do not postpone
//! its end, and SIGTERM first takes the pod out of service.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tars::framework::registry::ServerState;

#[cfg(test)]
mod tests;

/// Least time between two launches of the process, unless an operator asks for one.
const LAUNCH_GAP: Duration = Duration::from_secs(30);
/// The state is reported this often even when nothing changes.
pub const REPORT_EVERY: Duration = Duration::from_mins(7);
/// A process that was asked to stop gets this long before SIGKILL.
const KILL_AFTER: Duration = Duration::from_secs(10);
/// A process that survives SIGKILL this long takes the whole container with it.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3);
/// A failed preparation (registry away, template missing) is repeated after 1, 2, 4 and then every 5 seconds.
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// A server without heartbeats counts as active once its process lived this long.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// What the operator wants to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Start,
    Stop,
    Restart,
}

/// What the pod is set to, first half of the readiness condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// In service once the server is active.
    Active,
    /// Out of service.
    Inactive,
}

impl Setting {
    /// The text form that travels to the registry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }
}

/// How one knows that the server is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It sends heartbeats.
    Heartbeats,
    /// It does not know of Tars (`ServerType=not-tars`): its process exists.
    Process,
}

/// What the registry is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Wanted state.
    pub setting: Setting,
    /// State of the server.
    pub present: ServerState,
    /// Process id, -1 when there is no process.
    pub pid: i32,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What was learnt from a rendered configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Adapters that must beat.
    pub adapters: Vec<String>,
    /// How long each of them may be silent.
    pub timeout: Duration,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time passed; sent every second.
    Tick,
    /// [`Action::Prepare`] succeeded, or failed with a message for the operators.
    Prepared(Result<Watch, String>),
    /// [`Action::Spawn`] succeeded with a process id, or failed with a message for the operators.
    Spawned(Result<i32, String>),
    /// A child ended.
    Exited {
        /// Its process id.
        pid: i32,
        /// How it ended.
        exit: Exit,
        /// A living descendant that has sent heartbeats: the server went on in another process.
        successor: Option<i32>,
    },
    /// The server, or one adapter of it, said that it is well.
    KeepAlive(Beat),
    /// The server said that it is still starting.
    KeepActiving(Beat),
    /// An operator wants it started.
    Start,
    /// An operator wants it stopped.
    Stop,
    /// An operator wants it stopped and started.
    Restart,
    /// The pod is to end.
    Terminate,
}

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The sender's process, if it is known to be a descendant of this one.
    pub pid: Option<i32>,
    /// The adapter that beats; empty for all.
    pub adapter: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Fetch the descriptor and render the configuration; answer with [`Event::Prepared`].
    Prepare,
    /// Start the process; answer with [`Event::Spawned`].
    Spawn,
    /// Tell the registry.
    Report(Report),
    /// Ask the process to stop: through its admin object, or by SIGTERM.
    AskToStop(i32),
    /// Send SIGKILL.
    Kill(i32),
    /// Tell the operators.
    Alarm(String),
    /// End tarsnode with this exit code.
    End(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stopping {
    asked: Instant,
    killed: Option<Instant>,
}

/// The supervised server.
#[derive(Debug)]
pub struct Machine {
    liveness: Liveness,
    target: Target,
    setting: Setting,
    present: ServerState,
    /// The process; `None` before the first launch and after each end.
    process: Option<i32>,
    /// The process that sends the heartbeats, when it is not the one that was started.
    beating: Option<i32>,
    stopping: Option<Stopping>,
    terminating: bool,
    /// Between [`Action::Prepare`] and the end of the launch.
    watch: Option<Watch>,
    preparing: bool,
    launched: Option<Instant>,
    failures: u32,
    not_before: Option<Instant>,
    last_alarm: String,
    beats: BTreeMap<String, Instant>,
    timeout: Duration,
    next_report: Instant,
}

impl Machine {
    /// A server that is to be started, first looked at at `now`.
    pub fn new(liveness: Liveness, now: Instant) -> Self {
        Self {
            liveness,
            target: Target::Start,
            setting: Setting::Active,
            present: ServerState::Inactive,
            process: None,
            beating: None,
            stopping: None,
            terminating: false,
            watch: None,
            preparing: false,
            launched: None,
            failures: 0,
            not_before: None,
            last_alarm: String::new(),
            beats: BTreeMap::new(),
            timeout: Duration::from_mins(1),
            next_report: now,
        }
    }

    /// The process that sent heartbeats, if it is another than the one that was started.
    pub fn beating(&self) -> Option<i32> {
        self.beating
    }

    /// The process to signal, if there is one.
    pub fn process(&self) -> Option<i32> {
        self.process
    }

    /// Takes note of an event and says what to do about it.
    pub fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Tick => self.patrol(now, &mut actions),
            Event::Prepared(outcome) => self.prepared(now, outcome, &mut actions),
            Event::Spawned(outcome) => self.spawned(now, outcome, &mut actions),
            Event::Exited { pid, exit, successor } if self.process == Some(pid) => {
                self.exited(now, exit, successor, &mut actions);
            }
            // An orphan that this process reaps as the first of its container.
            Event::Exited { .. } => {}
            Event::KeepAlive(beat) => self.beat(now, beat, ServerState::Active, &mut actions),
            Event::KeepActiving(beat) => self.beat(now, beat, ServerState::Activating, &mut actions),
            Event::Start => self.command(now, Target::Start, Setting::Active, &mut actions),
            Event::Stop => self.command(now, Target::Stop, Setting::Inactive, &mut actions),
            Event::Restart => self.command(now, Target::Restart, Setting::Active, &mut actions),
            Event::Terminate => self.terminate(now, &mut actions),
        }
        actions
    }

    fn patrol(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.escalate(now, actions);
        self.judge(now, actions);
        self.launch(now, actions);
        if now >= self.next_report {
            self.next_report = now + REPORT_EVERY;
            actions.push(self.report());
        }
    }

    /// A process that does not stop is killed, and one that can't be killed ends the container.
    fn escalate(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let (Some(stopping), Some(pid)) = (&mut self.stopping, self.process) else { return };
        match stopping.killed {
            Some(killed) if now >= killed + GIVE_UP_AFTER => {
                actions
                    .push(Action::Alarm("[alarm] after sending a SIGKILL to the process, the process still exists".to_owned()));
                actions.push(Action::End(255));
            }
            None if now >= stopping.asked + KILL_AFTER => {
                stopping.killed = Some(now);
                actions.push(Action::Kill(pid));
            }
            _ => {}
        }
    }

    /// Whether the running process is well.
    fn judge(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.process.is_none() || self.stopping.is_some() {
            return;
        }
        match self.liveness {
            Liveness::Heartbeats if self.beats.values().any(|beat| now > *beat + self.timeout) => {
                actions.push(Action::Alarm("[alarm] heartbeat overtime, will restart process".to_owned()));
                self.target = Target::Restart;
                self.stop(now, actions);
            }
            Liveness::Process if self.present == ServerState::Activating && self.settled(now) => {
                self.present = ServerState::Active;
                actions.push(self.report());
            }
            _ => {}
        }
    }

    fn settled(&self, now: Instant) -> bool {
        self.launched.is_none_or(|launched| now >= launched + SETTLED_AFTER)
    }

    fn launch(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let wanted = self.target == Target::Start && !self.terminating && self.process.is_none() && !self.preparing;
        let too_soon = self.launched.is_some_and(|launched| now < launched + LAUNCH_GAP);
        let backing_off = self.not_before.is_some_and(|time| now < time);
        if wanted && !too_soon && !backing_off {
            self.preparing = true;
            actions.push(Action::Prepare);
        }
    }

    fn prepared(&mut self, now: Instant, outcome: Result<Watch, String>, actions: &mut Vec<Action>) {
        match outcome {
            Err(problem) => self.launch_failed(now, problem, actions),
            Ok(_) if self.target != Target::Start || self.terminating => self.preparing = false,
            Ok(watch) => {
                self.watch = Some(watch);
                actions.push(Action::Spawn);
            }
        }
    }

    fn spawned(&mut self, now: Instant, outcome: Result<i32, String>, actions: &mut Vec<Action>) {
        match outcome {
            Err(problem) => self.launch_failed(now, problem, actions),
            Ok(pid) => {
                self.preparing = false;
                (self.failures, self.not_before) = (0, None);
                self.last_alarm.clear();
                self.process = Some(pid);
                self.launched = Some(now);
                if let Some(watch) = self.watch.take() {
                    self.beats = watch.adapters.into_iter().map(|adapter| (adapter, now)).collect();
                    self.timeout = watch.timeout;
                }
                self.present = ServerState::Activating;
                actions.push(self.report());
            }
        }
    }

    fn launch_failed(&mut self, now: Instant, problem: String, actions: &mut Vec<Action>) {
        self.preparing = false;
        self.watch = None;
        let delay = Duration::from_secs(1 << self.failures.min(4)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + delay);
        // One alarm per problem, not one per attempt.
        if self.last_alarm != problem {
            actions.push(Action::Alarm(problem.clone()));
            self.last_alarm = problem;
        }
    }

    fn exited(&mut self, now: Instant, exit: Exit, successor: Option<i32>, actions: &mut Vec<Action>) {
        if let Some(pid) = successor {
            self.process = Some(pid);
            return;
        }
        actions.push(Action::Alarm(match exit {
            Exit::Code(code) => format!("[alarm] server exit with code {code}"),
            Exit::Signal(signal) => format!("[alarm] server exit with signal {signal}"),
        }));
        self.gone(now, actions);
    }

    /// There is no process (any more).
    fn gone(&mut self, now: Instant, actions: &mut Vec<Action>) {
        (self.process, self.beating, self.stopping) = (None, None, None);
        self.beats.clear();
        self.present = ServerState::Inactive;
        actions.push(self.report());
        if self.terminating {
            actions.push(Action::End(0));
        } else if self.target == Target::Restart {
            self.target = Target::Start;
        }
        self.launch(now, actions);
    }

    fn beat(&mut self, now: Instant, beat: Beat, state: ServerState, actions: &mut Vec<Action>) {
        if self.process.is_none() || self.stopping.is_some() {
            return;
        }
        if let Some(pid) = beat.pid {
            self.beating = Some(pid).filter(|pid| self.process != Some(*pid));
        }
        if beat.adapter.is_empty() {
            self.beats.values_mut().for_each(|time| *time = now);
        } else {
            self.beats.insert(beat.adapter, now);
        }
        if self.present != state {
            self.present = state;
            actions.push(self.report());
        }
    }

    fn command(&mut self, now: Instant, target: Target, setting: Setting, actions: &mut Vec<Action>) {
        if self.terminating {
            return;
        }
        (self.target, self.setting) = (target, setting);
        if target != Target::Stop {
            (self.launched, self.not_before) = (None, None);
        }
        match target {
            // A process that is being stopped is replaced when it is gone.
            Target::Start => self.launch(now, actions),
            Target::Stop | Target::Restart => self.stop(now, actions),
        }
    }

    fn terminate(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if !std::mem::replace(&mut self.terminating, true) {
            (self.target, self.setting) = (Target::Stop, Setting::Inactive);
            if self.stopping.is_some() {
                actions.push(self.report());
            }
            self.stop(now, actions);
        }
    }

    fn stop(&mut self, now: Instant, actions: &mut Vec<Action>) {
        match self.process {
            None => self.gone(now, actions),
            // Asking again would postpone SIGKILL.
            Some(_) if self.stopping.is_some() => {}
            Some(pid) => {
                self.stopping = Some(Stopping { asked: now, killed: None });
                self.present = ServerState::Deactivating;
                actions.push(self.report());
                actions.push(Action::AskToStop(pid));
            }
        }
    }

    fn report(&self) -> Action {
        let pid = self.beating.or(self.process).unwrap_or(-1);
        Action::Report(Report { setting: self.setting, present: self.present, pid })
    }
}
