//! Background mode: carries out what [`crate::state`] decides (docs/reference/tarsnode.md#3.7). As the first process of the container,
//! tarsnode also forwards signals to the server and reaps orphaned processes.

use crate::{
    context::Context,
    last_words::LastWords,
    prepare::{PrepareError, prepare_configuration},
    process,
    registry::{Alarms, Reporter},
    render::Rendered,
    servants::{self, Message, QUEUE},
    state::{Action, Beat, Event, Liveness, Machine},
};
use rustix::process::Signal;
use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tars::server::BindError;
use tokio::{
    signal::unix::{Signal as SignalStream, SignalKind, signal},
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

/// Time between two patrols.
const ROUND: Duration = Duration::from_secs(1);
/// How long a stop waits for the registry to learn of it.
const REPORT_FIRST: Duration = Duration::from_secs(2);
/// How long the server's admin object may take to accept a shutdown. Then the server gets SIGTERM.
const ASK: Duration = Duration::from_secs(3);
/// Pause between attempts to listen for commands.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

/// Why the supervision cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    #[error("cannot listen for heartbeats on any port of the loopback: {0}")]
    Heartbeats(#[from] BindError),
    #[error("cannot install signal handlers: {0}")]
    Signals(#[from] io::Error),
}

/// How a task of the supervisor ended.
#[derive(Debug)]
enum Outcome {
    Prepared(Result<Rendered, PrepareError>),
    /// The admin object of this process did not accept the shutdown.
    ShutdownRefused(i32),
}

struct Supervisor {
    context: Arc<Context>,
    machine: Machine,
    /// Endpoint to which the server sends its heartbeats.
    heartbeats: String,
    rendered: Option<Rendered>,
    last_words: LastWords,
    reporter: Reporter,
    alarms: Alarms,
    results: mpsc::Sender<Outcome>,
    admin: watch::Sender<Option<String>>,
}

/// Runs the server until the pod ends. Returns the exit code of tarsnode.
pub async fn run(context: Context) -> Result<u8, SupervisorError> {
    let mut signals = Signals::new()?;
    process::adopt_orphans();
    let context = Arc::new(context);
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let (messages, mut incoming) = mpsc::channel(QUEUE);
    let (results, mut outcomes) = mpsc::channel(16);
    let (admin, admin_seen) = watch::channel(None);

    let heartbeats = serve_heartbeats(&context, messages.clone(), &stop).await?;
    tokio::spawn(serve_commands(Arc::clone(&context), messages, admin_seen, stop.clone()));
    let alarms = Alarms::start(&context.client, context.setup.module());
    let reporter = Reporter::start(context.registry.clone(), context.setup.pod_name.clone(), alarms.clone());
    let liveness = if context.setup.server_type == "not-tars" { Liveness::Process } else { Liveness::Heartbeats };
    let machine = Machine::new(liveness, Instant::now());
    let last_words = LastWords::of(&context.setup);
    let mut supervisor =
        Supervisor { context, machine, heartbeats, rendered: None, last_words, reporter, alarms, results, admin };

    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut events = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                Meaning::End => events.push_back(Event::Terminate),
                // The children are reaped below, after every event.
                Meaning::Child => {}
                Meaning::Forward(signal) => supervisor.forward_signal(signal),
            },
            Some(outcome) = outcomes.recv() => events.extend(supervisor.on_outcome(outcome)),
            _ = rounds.tick() => {
                // Messages that wait come before the patrol. If this process did not run for a while, they contain heartbeats that
                // the server sent in time.
                while let Ok(message) = incoming.try_recv() {
                    events.push_back(to_event(message));
                }
                events.push_back(Event::Tick);
            }
            Some(message) = incoming.recv() => events.push_back(to_event(message)),
        }
        events.extend(supervisor.reap_children());
        while let Some(event) = events.pop_front() {
            for action in supervisor.machine.handle(Instant::now(), event) {
                if let Action::End(code) = action {
                    supervisor.reporter.wait_for_delivery(REPORT_FIRST).await;
                    return Ok(code);
                }
                events.extend(supervisor.carry_out(action));
            }
        }
    }
}

/// The step that a signal asks of tarsnode.
enum Meaning {
    /// End the server, because the pod ends.
    End,
    /// Reap children.
    Child,
    /// Send the signal to the server.
    Forward(Signal),
}

/// The signals that tarsnode handles.
struct Signals {
    terminate: SignalStream,
    interrupt: SignalStream,
    child: SignalStream,
    hangup: SignalStream,
    user1: SignalStream,
    user2: SignalStream,
}

impl Signals {
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

    /// Waits for the next signal. Dropping the future loses no signal.
    async fn next(&mut self) -> Meaning {
        tokio::select! {
            Some(()) = self.terminate.recv() => Meaning::End,
            Some(()) = self.interrupt.recv() => Meaning::End,
            Some(()) = self.child.recv() => Meaning::Child,
            Some(()) = self.hangup.recv() => Meaning::Forward(Signal::HUP),
            Some(()) = self.user1.recv() => Meaning::Forward(Signal::USR1),
            Some(()) = self.user2.recv() => Meaning::Forward(Signal::USR2),
        }
    }
}

impl Supervisor {
    /// Carries out an action. Returns the event if the action is complete at once.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Prepare => self.start_preparing(),
            Action::Spawn => return Some(Event::Spawned(self.spawn_server())),
            Action::Report(report) => self.reporter.send(report),
            Action::AskToStop(pid) => self.ask_to_stop(pid),
            Action::Kill(pid) => process::send_signal(pid, Signal::KILL),
            Action::Alarm(text) => self.alarms.send(text),
            // The loop in `run` ends before it comes here.
            Action::End(_) => {}
        }
        None
    }

    fn start_preparing(&self) {
        let (context, heartbeats, results) = (Arc::clone(&self.context), self.heartbeats.clone(), self.results.clone());
        tokio::spawn(async move {
            let outcome = prepare_configuration(&context, &heartbeats).await;
            let _ = results.send(Outcome::Prepared(outcome)).await;
        });
    }

    fn on_outcome(&mut self, outcome: Outcome) -> Option<Event> {
        match outcome {
            Outcome::Prepared(outcome) => Some(Event::Prepared(match outcome {
                Ok(rendered) => {
                    let watch = rendered.watch.clone();
                    self.rendered = Some(rendered);
                    Ok(watch)
                }
                Err(problem) => Err(problem.to_string()),
            })),
            Outcome::ShutdownRefused(pid) => {
                if self.machine.process() == Some(pid) {
                    process::send_signal(pid, Signal::TERM);
                }
                None
            }
        }
    }

    fn spawn_server(&mut self) -> Result<i32, String> {
        let setup = &self.context.setup;
        let Some(rendered) = &self.rendered else { return Err("[alarm] there is no configuration to start with".to_owned()) };
        self.last_words.begin();
        let pid = process::spawn(process::build_command(setup, &rendered.argv, &self.context.additions))
            .map_err(|problem| format!("[alarm] cannot start {}: {problem}", setup.launcher_file.display()))?;
        self.admin.send_replace(Some(rendered.admin.clone()));
        tracing::info!(pid, program = %setup.launcher_file.display(), "started");
        Ok(pid)
    }

    /// Asks the server to shut down, after the registry has learnt that the server takes no more calls.
    fn ask_to_stop(&self, pid: i32) {
        let reported = self.reporter.wait_for_delivery(REPORT_FIRST);
        let admin = self.admin.borrow().clone().filter(|_| self.context.setup.server_type != "not-tars");
        let (client, results) = (self.context.client.clone(), self.results.clone());
        tracing::info!(pid, "stopping");
        tokio::spawn(async move {
            reported.await;
            let asked = async {
                let admin = servants::build_admin_client(&client, &admin?).ok()?;
                tokio::time::timeout(ASK, admin.shutdown()).await.ok()?.ok()
            };
            if asked.await.is_none() {
                let _ = results.send(Outcome::ShutdownRefused(pid)).await;
            }
        });
    }

    fn forward_signal(&self, signal: Signal) {
        if let Some(pid) = self.machine.process() {
            process::send_signal(pid, signal);
        }
    }

    fn reap_children(&self) -> Vec<Event> {
        let successor =
            |pid: i32| self.machine.beating().filter(|beating| *beating != pid && process::descends_from_us(*beating));
        let ended = process::reap().into_iter();
        ended
            .map(|(pid, exit)| {
                let mut last_line = String::new();
                if self.machine.process() == Some(pid) {
                    tracing::info!(pid, ended = %exit, "the process ended");
                    last_line = self.last_words.read();
                }
                Event::Exited { pid, exit, successor: successor(pid), last_line }
            })
            .collect()
    }
}

/// Translates a message. The process id of a heartbeat counts only if the process runs below tarsnode.
fn to_event(message: Message) -> Event {
    let beat = |pid, adapter| Beat { pid: Some(pid).filter(|pid| process::descends_from_us(*pid)), adapter };
    match message {
        Message::KeepAlive { pid, adapter } => Event::KeepAlive(beat(pid, adapter)),
        Message::KeepActiving { pid, adapter } => Event::KeepActiving(beat(pid, adapter)),
        Message::Start => Event::Start,
        Message::Stop => Event::Stop,
        Message::Restart => Event::Restart,
    }
}

/// Takes heartbeats at the configured port, or at any port if that one is taken: pods in the network of the node share its ports.
/// Returns the endpoint, for the configuration of the server.
async fn serve_heartbeats(
    context: &Context,
    messages: mpsc::Sender<Message>,
    stop: &CancellationToken,
) -> Result<String, BindError> {
    let mut endpoint = context.server_endpoint.clone();
    let server = match servants::bind_heartbeats(context, endpoint.clone(), messages.clone()).await {
        Ok(server) => server,
        Err(problem) => {
            tracing::warn!(%problem, "cannot listen at the configured port; taking heartbeats at another one");
            endpoint.port = 0;
            servants::bind_heartbeats(context, endpoint.clone(), messages).await?
        }
    };
    if let Some(addr) = server.local_addr("ServerAdapter") {
        endpoint.port = addr.port();
    }
    tokio::spawn(server.serve(stop.clone()));
    Ok(endpoint.to_string())
}

/// Takes commands until `stop`. If the port cannot be bound, the server runs without commands, and this function tries again.
async fn serve_commands(
    context: Arc<Context>,
    messages: mpsc::Sender<Message>,
    admin: watch::Receiver<Option<String>>,
    stop: CancellationToken,
) {
    let Some(endpoint) = context.node_endpoint.clone() else { return };
    loop {
        match servants::bind_commands(&context, endpoint.clone(), messages.clone(), admin.clone()).await {
            Ok(server) => return server.serve(stop).await,
            Err(problem) => tracing::warn!(problem = %with_sources(&problem), "cannot listen for commands, trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LISTEN_AGAIN) => {}
        }
    }
}

/// Writes an error and its causes in one line.
fn with_sources(problem: &dyn std::error::Error) -> String {
    let mut text = problem.to_string();
    let mut source = problem.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
