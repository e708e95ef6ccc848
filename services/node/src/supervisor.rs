//! Background mode: carries out what [`crate::state`] decides. The first process of the container, so it also reaps and forwards signals.

use crate::{
    context::Context,
    prepare::{PrepareError, prepare},
    process,
    registry::{Alarms, Reporter},
    render::Rendered,
    servants::{self, QUEUE, Told},
    state::{Action, Beat, Event, Exit, Liveness, Machine},
};
use rustix::process::Signal;
use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    signal::unix::{Signal as Signals, SignalKind, signal},
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

/// The patrol.
const ROUND: Duration = Duration::from_secs(1);
/// How long a stop waits for the registry to hear of it first.
const REPORT_FIRST: Duration = Duration::from_secs(2);
/// How long the server's admin object may take to accept a shutdown before SIGTERM does.
const ASK: Duration = Duration::from_secs(3);
/// Pause between attempts to listen for commands.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// Why supervision could not begin.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// No heartbeats can be taken.
    #[error("no port of the loopback can be listened on for heartbeats: {0}")]
    Heartbeats(#[from] tars::server::BindError),
    /// The system refuses signal handlers.
    #[error("signal handlers could not be installed: {0}")]
    Signals(#[from] io::Error),
}

/// What tasks tell the supervisor.
#[derive(Debug)]
enum Note {
    Prepared(Result<Rendered, PrepareError>),
    /// The admin object did not take the shutdown.
    Unasked(i32),
}

struct Supervisor {
    context: Arc<Context>,
    machine: Machine,
    /// Where the server is told to send its heartbeats.
    heartbeats: String,
    rendered: Option<Rendered>,
    reporter: Reporter,
    alarms: Alarms,
    notes: mpsc::Sender<Note>,
    admin: watch::Sender<Option<String>>,
}

/// Runs the server until the pod ends; gives tarsnode's exit code.
pub async fn run(context: Context) -> Result<u8, SupervisorError> {
    let mut signals = Incoming::new()?;
    process::adopt_orphans();
    let context = Arc::new(context);
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let (told, mut hears) = mpsc::channel(QUEUE);
    let (notes, mut answers) = mpsc::channel(16);
    let (admin, admin_seen) = watch::channel(None);

    let heartbeats = listen_for_heartbeats(&context, told.clone(), &stop).await?;
    tokio::spawn(listen_for_commands(Arc::clone(&context), told, admin_seen, stop.clone()));
    let alarms = Alarms::start(&context.client, context.setup.module());
    let reporter = Reporter::start(context.registry.clone(), context.setup.pod_name.clone(), alarms.clone());
    let liveness = if context.setup.server_type == "not-tars" { Liveness::Process } else { Liveness::Heartbeats };
    let machine = Machine::new(liveness, Instant::now());
    let mut supervisor = Supervisor { context, machine, heartbeats, rendered: None, reporter, alarms, notes, admin };

    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut events = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Heard::End => events.push_back(Event::Terminate),
                // Looked after below, with what ended meanwhile.
                Heard::Child => {}
                Heard::ForServer(signal) => supervisor.forward(signal),
            },
            Some(note) = answers.recv() => events.extend(supervisor.note(note)),
            _ = rounds.tick() => {
                // Heartbeats that wait were sent in time, also when this process was not running for a while.
                while let Ok(told) = hears.try_recv() {
                    events.push_back(event(told));
                }
                events.push_back(Event::Tick);
            }
            Some(told) = hears.recv() => events.push_back(event(told)),
        }
        events.extend(supervisor.reap());
        while let Some(event) = events.pop_front() {
            for action in supervisor.machine.handle(Instant::now(), event) {
                if let Action::End(code) = action {
                    supervisor.reporter.delivered(REPORT_FIRST).await;
                    return Ok(code);
                }
                events.extend(supervisor.act(action));
            }
        }
    }
}

/// What a signal means.
enum Heard {
    /// The pod is to end.
    End,
    /// A child ended.
    Child,
    /// It is for the server.
    ForServer(Signal),
}

/// Signals that mean something to the first process of a container.
struct Incoming {
    terminate: Signals,
    interrupt: Signals,
    child: Signals,
    hangup: Signals,
    user1: Signals,
    user2: Signals,
}

impl Incoming {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            child: signal(SignalKind::child())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// The next signal. Nothing is lost when this is dropped.
    async fn next(&mut self) -> Heard {
        tokio::select! {
            Some(()) = self.terminate.recv() => Heard::End,
            Some(()) = self.interrupt.recv() => Heard::End,
            Some(()) = self.child.recv() => Heard::Child,
            Some(()) = self.hangup.recv() => Heard::ForServer(Signal::HUP),
            Some(()) = self.user1.recv() => Heard::ForServer(Signal::USR1),
            Some(()) = self.user2.recv() => Heard::ForServer(Signal::USR2),
        }
    }
}

impl Supervisor {
    /// Carries out one action; some of them answer with an event at once.
    fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Prepare => self.prepare(),
            Action::Spawn => return Some(Event::Spawned(self.spawn())),
            Action::Report(report) => self.reporter.send(report),
            Action::AskToStop(pid) => self.ask_to_stop(pid),
            Action::Kill(pid) => process::send(pid, Signal::KILL),
            Action::Alarm(text) => self.alarms.send(text),
            // The loop ends instead of acting.
            Action::End(_) => {}
        }
        None
    }

    fn prepare(&self) {
        let (context, heartbeats, notes) = (Arc::clone(&self.context), self.heartbeats.clone(), self.notes.clone());
        tokio::spawn(async move {
            let outcome = prepare(&context, &heartbeats).await;
            let _ = notes.send(Note::Prepared(outcome)).await;
        });
    }

    fn note(&mut self, note: Note) -> Option<Event> {
        match note {
            Note::Prepared(outcome) => Some(Event::Prepared(match outcome {
                Ok(rendered) => {
                    let watch = rendered.watch.clone();
                    self.rendered = Some(rendered);
                    Ok(watch)
                }
                Err(problem) => Err(problem.to_string()),
            })),
            Note::Unasked(pid) => {
                if self.machine.process() == Some(pid) {
                    process::send(pid, Signal::TERM);
                }
                None
            }
        }
    }

    fn spawn(&mut self) -> Result<i32, String> {
        let setup = &self.context.setup;
        let Some(rendered) = &self.rendered else { return Err("[alarm] there is no configuration to start with".to_owned()) };
        let pid = process::spawn(process::command(setup, &rendered.argv, &self.context.additions))
            .map_err(|problem| format!("[alarm] cannot start {}: {problem}", setup.launcher_file.display()))?;
        self.admin.send_replace(Some(rendered.admin.clone()));
        tracing::info!(pid, program = %setup.launcher_file.display(), "started");
        Ok(pid)
    }

    /// Asks for an orderly end, once the registry knows that no more calls are wanted.
    fn ask_to_stop(&self, pid: i32) {
        let reported = self.reporter.delivered(REPORT_FIRST);
        let admin = self.admin.borrow().clone().filter(|_| self.context.setup.server_type != "not-tars");
        let (client, notes) = (self.context.client.clone(), self.notes.clone());
        tracing::info!(pid, "stopping");
        tokio::spawn(async move {
            reported.await;
            let asked = async {
                let admin = servants::admin_of(&client, &admin?).ok()?;
                tokio::time::timeout(ASK, admin.shutdown()).await.ok()?.ok()
            };
            if asked.await.is_none() {
                let _ = notes.send(Note::Unasked(pid)).await;
            }
        });
    }

    fn forward(&self, signal: Signal) {
        if let Some(pid) = self.machine.process() {
            process::send(pid, signal);
        }
    }

    fn reap(&self) -> Vec<Event> {
        let successor =
            |pid: i32| self.machine.beating().filter(|beating| *beating != pid && process::descends_from_us(*beating));
        let ended = process::reap().into_iter();
        ended
            .map(|(pid, exit)| {
                if self.machine.process() == Some(pid) {
                    tracing::info!(pid, ended = %describe(exit), "the process ended");
                }
                Event::Exited { pid, exit, successor: successor(pid) }
            })
            .collect()
    }
}

fn describe(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("with code {code}"),
        Exit::Signal(signal) => format!("by signal {signal}"),
    }
}

/// A heartbeat's process counts only when it runs below this one.
fn event(told: Told) -> Event {
    let beat = |pid, adapter| Beat { pid: Some(pid).filter(|pid| process::descends_from_us(*pid)), adapter };
    match told {
        Told::KeepAlive { pid, adapter } => Event::KeepAlive(beat(pid, adapter)),
        Told::KeepActiving { pid, adapter } => Event::KeepActiving(beat(pid, adapter)),
        Told::Start => Event::Start,
        Told::Stop => Event::Stop,
        Told::Restart => Event::Restart,
    }
}

/// Listens where it should, or on any port when that one is taken (two pods in the host's network); the server is told which.
async fn listen_for_heartbeats(
    context: &Context,
    told: mpsc::Sender<Told>,
    stop: &CancellationToken,
) -> Result<String, tars::server::BindError> {
    let mut endpoint = context.server_endpoint.clone();
    let server = match servants::heartbeats(context, endpoint.clone(), told.clone()).await {
        Ok(server) => server,
        Err(problem) => {
            tracing::warn!(%problem, "taking heartbeats on another port");
            endpoint.port = 0;
            servants::heartbeats(context, endpoint.clone(), told).await?
        }
    };
    if let Some(addr) = server.local_addr("ServerAdapter") {
        endpoint.port = addr.port();
    }
    tokio::spawn(server.serve(stop.clone()));
    Ok(endpoint.to_string())
}

/// Commands are a convenience: a server runs without them until their port can be listened on.
async fn listen_for_commands(
    context: Arc<Context>,
    told: mpsc::Sender<Told>,
    admin: watch::Receiver<Option<String>>,
    stop: CancellationToken,
) {
    let Some(endpoint) = context.node_endpoint.clone() else { return };
    loop {
        match servants::commands(&context, endpoint.clone(), told.clone(), admin.clone()).await {
            Ok(server) => return server.serve(stop).await,
            Err(problem) => tracing::warn!(problem = %report(&problem), "commands can't be taken yet"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LISTEN_AGAIN) => {}
        }
    }
}

/// An error and what caused it, in one line.
fn report(problem: &dyn std::error::Error) -> String {
    let mut text = problem.to_string();
    let mut source = problem.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
