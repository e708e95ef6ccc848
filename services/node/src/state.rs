//! Decides when the server is started, stopped, killed and reported. The machine reads no clock and touches no process.
//!
//! ```text
//!              Launch ─► Prepared ─► Spawn ─► Launched
//!   Inactive ───────────────────────────────► Activating ──keepAlive──► Active
//!      ▲                                          │  ▲──keepActiving──────┘ │
//!      └───Exited──── Deactivating ◄──stop, restart, terminate, overdue─────┘
//! ```
//!
//! One caller passes events to [`Machine::handle`] in the order in which they happen, and carries out the actions that it returns, in
//! their order. The rules are docs/reference/tarsnode.md#3.7. They also say where the machine differs from the supervisor of
//! K8SFramework, which loses calls or gets stuck there.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};
use tars::framework::registry::ServerState;

#[cfg(test)]
mod tests;

/// Least time between two launches, unless an operator asks for one.
const LAUNCH_GAP: Duration = Duration::from_secs(30);
/// Time between two reports if nothing changes.
pub const REPORT_EVERY: Duration = Duration::from_mins(7);
/// Time from the request to stop to SIGKILL.
const KILL_AFTER: Duration = Duration::from_secs(10);
/// Time from SIGKILL to the end of tarsnode, which ends the container, if the process still exists.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3);
/// Longest time between a launch that failed and the next attempt. The first attempts follow after 1, 2 and 4 seconds.
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// Age of the process at which a server without heartbeats counts as active.
const ACTIVE_AFTER: Duration = Duration::from_secs(1);

/// The goal that tarsnode works towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Start,
    Stop,
    Restart,
}

/// Whether operators want the server in service. The pod is ready if the setting and the present state are both active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Active,
    Inactive,
}

impl Setting {
    /// The word for the registry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }
}

/// How tarsnode knows that the server works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The server sends heartbeats.
    Heartbeats,
    /// The process exists. The server sends no heartbeats (`ServerType=not-tars`).
    Process,
}

/// The state for the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub setting: Setting,
    pub present: ServerState,
    /// -1 if there is no process.
    pub pid: i32,
    /// Why a server that should be active is not, if its process ended by itself.
    pub crash: Option<Crash>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "with code {code}"),
            Self::Signal(signal) => write!(f, "by signal {signal}"),
        }
    }
}

/// The last end of a process that nobody had asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    pub exit: Exit,
    /// How often that happened since tarsnode began, or since the last command of an operator.
    pub times: u32,
    /// The last line of the server's log, or empty.
    pub last_line: String,
}

/// The words for operators. Quoting makes control characters harmless.
impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit, times, last_line } = self;
        let times = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
        write!(f, "ended {exit} ({times})")?;
        if last_line.is_empty() { Ok(()) } else { write!(f, ": {last_line:?}") }
    }
}

/// The heartbeats that a configuration demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Adapters that must send heartbeats.
    pub adapters: Vec<String>,
    /// How long each adapter may be silent.
    pub timeout: Duration,
}

/// An event that the machine reacts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is time to patrol. Comes every second.
    Tick,
    /// [`Action::Prepare`] succeeded, or failed with an alarm for the operators.
    Prepared(Result<Watch, String>),
    /// [`Action::Spawn`] started the process with this id, or failed with an alarm for the operators.
    Spawned(Result<i32, String>),
    /// A child ended.
    Exited {
        pid: i32,
        exit: Exit,
        /// A living descendant that has sent heartbeats. The server goes on in that process.
        successor: Option<i32>,
        /// The last line of the server's log, or empty.
        last_line: String,
    },
    /// The server works.
    KeepAlive(Beat),
    /// The server is still starting.
    KeepActiving(Beat),
    /// An operator starts the server.
    Start,
    /// An operator stops the server.
    Stop,
    /// An operator restarts the server.
    Restart,
    /// The pod ends.
    Terminate,
}

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The sender. `None` if it does not run below tarsnode.
    pub pid: Option<i32>,
    /// The adapter that the heartbeat is for. Empty for all.
    pub adapter: String,
}

/// A step that the caller of the machine takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Prepare the configuration. [`Event::Prepared`] tells the outcome.
    Prepare,
    /// Start the process. [`Event::Spawned`] tells the outcome.
    Spawn,
    /// Report the state to the registry.
    Report(Report),
    /// Ask the process to stop, through its admin object or by SIGTERM.
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

/// State of the supervised server.
#[derive(Debug)]
pub struct Machine {
    liveness: Liveness,
    target: Target,
    setting: Setting,
    present: ServerState,
    /// `None` before the first launch and after each end of the process.
    process: Option<i32>,
    /// The descendant that sends the heartbeats, if it is not `process` itself.
    beating: Option<i32>,
    stopping: Option<Stopping>,
    crash: Option<Crash>,
    terminating: bool,
    /// Set from the end of a preparation to the end of the launch.
    watch: Option<Watch>,
    /// True from [`Action::Prepare`] to the end of the launch.
    preparing: bool,
    /// The last launch. `None` if the next one need not wait for [`LAUNCH_GAP`].
    launched: Option<Instant>,
    /// Launches that failed since the last success.
    failures: u32,
    /// Earliest time of the next attempt after a launch that failed.
    not_before: Option<Instant>,
    /// The alarm of the last launch that failed.
    last_alarm: String,
    /// Last heartbeat of each adapter.
    beats: BTreeMap<String, Instant>,
    /// How long an adapter may be silent.
    timeout: Duration,
    next_report: Instant,
}

impl Machine {
    /// A server that does not run and will be started at the first patrol.
    pub fn new(liveness: Liveness, now: Instant) -> Self {
        Self {
            liveness,
            target: Target::Start,
            setting: Setting::Active,
            present: ServerState::Inactive,
            process: None,
            beating: None,
            stopping: None,
            crash: None,
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

    /// The process that sends the heartbeats, if it is not [`Machine::process`].
    pub fn beating(&self) -> Option<i32> {
        self.beating
    }

    /// The process to signal, if there is one.
    pub fn process(&self) -> Option<i32> {
        self.process
    }

    /// Takes an event and returns the actions that follow from it.
    pub fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Tick => self.patrol(now, &mut actions),
            Event::Prepared(outcome) => self.on_prepared(now, outcome, &mut actions),
            Event::Spawned(outcome) => self.on_spawned(now, outcome, &mut actions),
            Event::Exited { pid, exit, successor, last_line } if self.process == Some(pid) => {
                self.on_exited(now, exit, successor, last_line, &mut actions);
            }
            // An orphan that tarsnode has adopted.
            Event::Exited { .. } => {}
            Event::KeepAlive(beat) => self.on_beat(now, beat, ServerState::Active, &mut actions),
            Event::KeepActiving(beat) => self.on_beat(now, beat, ServerState::Activating, &mut actions),
            Event::Start => self.on_command(now, Target::Start, Setting::Active, &mut actions),
            Event::Stop => self.on_command(now, Target::Stop, Setting::Inactive, &mut actions),
            Event::Restart => self.on_command(now, Target::Restart, Setting::Active, &mut actions),
            Event::Terminate => self.on_terminate(now, &mut actions),
        }
        actions
    }

    fn patrol(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.escalate(now, actions);
        self.judge(now, actions);
        self.launch(now, actions);
        if now >= self.next_report {
            self.next_report = now + REPORT_EVERY;
            actions.push(self.build_report());
        }
    }

    /// Kills a process that does not stop, and ends the container if that does not help.
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

    /// Restarts a server that is silent, and reports a server without heartbeats as active when it is old enough.
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
            Liveness::Process if self.present == ServerState::Activating && self.has_run_long_enough(now) => {
                self.present = ServerState::Active;
                actions.push(self.build_report());
            }
            _ => {}
        }
    }

    fn has_run_long_enough(&self, now: Instant) -> bool {
        self.launched.is_none_or(|launched| now >= launched + ACTIVE_AFTER)
    }

    /// Begins a launch if the server should run and nothing speaks against it.
    fn launch(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let wanted = self.target == Target::Start && !self.terminating && self.process.is_none() && !self.preparing;
        let too_soon = self.launched.is_some_and(|launched| now < launched + LAUNCH_GAP);
        let backing_off = self.not_before.is_some_and(|time| now < time);
        if wanted && !too_soon && !backing_off {
            self.preparing = true;
            actions.push(Action::Prepare);
        }
    }

    fn on_prepared(&mut self, now: Instant, outcome: Result<Watch, String>, actions: &mut Vec<Action>) {
        match outcome {
            Err(problem) => self.on_launch_failed(now, problem, actions),
            Ok(_) if self.target != Target::Start || self.terminating => self.preparing = false,
            Ok(watch) => {
                self.watch = Some(watch);
                actions.push(Action::Spawn);
            }
        }
    }

    fn on_spawned(&mut self, now: Instant, outcome: Result<i32, String>, actions: &mut Vec<Action>) {
        match outcome {
            Err(problem) => self.on_launch_failed(now, problem, actions),
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
                actions.push(self.build_report());
            }
        }
    }

    fn on_launch_failed(&mut self, now: Instant, problem: String, actions: &mut Vec<Action>) {
        self.preparing = false;
        self.watch = None;
        let delay = Duration::from_secs(1 << self.failures.min(4)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + delay);
        // One alarm for each problem, not for each attempt.
        if self.last_alarm != problem {
            actions.push(Action::Alarm(problem.clone()));
            self.last_alarm = problem;
        }
    }

    fn on_exited(&mut self, now: Instant, exit: Exit, successor: Option<i32>, last_line: String, actions: &mut Vec<Action>) {
        if let Some(pid) = successor {
            self.process = Some(pid);
            return;
        }
        actions.push(Action::Alarm(match exit {
            Exit::Code(code) => format!("[alarm] server exit with code {code}"),
            Exit::Signal(signal) => format!("[alarm] server exit with signal {signal}"),
        }));
        if self.stopping.is_none() {
            let times = self.crash.as_ref().map_or(0, |crash| crash.times).saturating_add(1);
            self.crash = Some(Crash { exit, times, last_line });
        }
        self.on_process_gone(now, actions);
    }

    /// The process has ended, or there is nothing to stop.
    fn on_process_gone(&mut self, now: Instant, actions: &mut Vec<Action>) {
        (self.process, self.beating, self.stopping) = (None, None, None);
        self.beats.clear();
        self.present = ServerState::Inactive;
        actions.push(self.build_report());
        if self.terminating {
            actions.push(Action::End(0));
        } else if self.target == Target::Restart {
            self.target = Target::Start;
        }
        self.launch(now, actions);
    }

    fn on_beat(&mut self, now: Instant, beat: Beat, state: ServerState, actions: &mut Vec<Action>) {
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
            actions.push(self.build_report());
        }
    }

    fn on_command(&mut self, now: Instant, target: Target, setting: Setting, actions: &mut Vec<Action>) {
        if self.terminating {
            return;
        }
        (self.target, self.setting, self.crash) = (target, setting, None);
        if target != Target::Stop {
            (self.launched, self.not_before) = (None, None);
        }
        match target {
            // If the old process is still stopping, its end leads to the launch.
            Target::Start => self.launch(now, actions),
            Target::Stop | Target::Restart => self.stop(now, actions),
        }
    }

    fn on_terminate(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if !std::mem::replace(&mut self.terminating, true) {
            (self.target, self.setting) = (Target::Stop, Setting::Inactive);
            if self.stopping.is_some() {
                actions.push(self.build_report());
            }
            self.stop(now, actions);
        }
    }

    fn stop(&mut self, now: Instant, actions: &mut Vec<Action>) {
        match self.process {
            None => self.on_process_gone(now, actions),
            // A second request would postpone SIGKILL.
            Some(_) if self.stopping.is_some() => {}
            Some(pid) => {
                self.stopping = Some(Stopping { asked: now, killed: None });
                self.present = ServerState::Deactivating;
                actions.push(self.build_report());
                actions.push(Action::AskToStop(pid));
            }
        }
    }

    fn build_report(&self) -> Action {
        let pid = self.beating.or(self.process).unwrap_or(-1);
        let fails = self.setting == Setting::Active && matches!(self.present, ServerState::Inactive | ServerState::Activating);
        Action::Report(Report { setting: self.setting, present: self.present, pid, crash: self.crash.clone().filter(|_| fails) })
    }
}
