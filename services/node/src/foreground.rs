//! Foreground mode: the server is the first process of the container, and a daemon watches its heartbeats from beside it
//! (docs/reference/tarsnode.md#3.8).

use crate::{
    context::Context,
    prepare::{PrepareError, prepare_configuration},
    process,
    registry::{Alarms, Reporter},
    render::{Rendered, read_watch},
    servants::{self, Message, QUEUE},
    state::{REPORT_EVERY, Report, Setting},
};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tars::framework::registry::ServerState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

/// How long a start waits for the registry. Then it fails, and the kubelet starts the container again.
const PREPARE_LIMIT: Duration = Duration::from_mins(5);
/// The shortest and the longest pause between attempts to prepare. The pause doubles after each attempt.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// Time between two patrols, and between two attempts to listen for heartbeats.
const ROUND: Duration = Duration::from_secs(1);

/// Why foreground mode cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ForegroundError {
    #[error("cannot install signal handlers: {0}")]
    Signals(#[from] io::Error),
    #[error("cannot start {program}: {source}")]
    Start { program: PathBuf, source: io::Error },
}

/// Prepares the configuration and repeats it while it fails, because the registry may start later than this pod.
pub async fn prepare_patiently(context: &Context) -> Result<Rendered, PrepareError> {
    let heartbeats = context.server_endpoint.to_string();
    let began = Instant::now();
    let mut pause = RETRY[0];
    loop {
        match prepare_configuration(context, &heartbeats).await {
            Err(problem) if began.elapsed() < PREPARE_LIMIT => tracing::warn!("{problem}; trying again in {} s", pause.as_secs()),
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY[1]);
    }
}

/// Writes the arguments for the start script: the words without the first one, each followed by a blank.
pub fn format_out_file(argv: &str) -> String {
    argv.split(' ').filter(|word| !word.is_empty()).skip(1).fold(String::new(), |text, word| text + word + " ")
}

/// Starts the daemon and replaces this process with the server. Returns only if that fails.
pub fn become_server(context: &Context, rendered: &Rendered, program: &Path, configuration: &Path) -> ForegroundError {
    let mut daemon = Command::new(program);
    daemon.arg(format!("--config={}", configuration.display())).arg("--target=daemon").stdin(Stdio::null());
    daemon.envs(&context.additions).env("ServerLauncherArgv", &rendered.argv);
    // Without the daemon nobody would report the server as active, and the pod would never be ready.
    if let Err(source) = process::spawn(daemon) {
        return ForegroundError::Start { program: program.to_owned(), source };
    }
    let source = process::build_command(&context.setup, &rendered.argv, &context.additions).exec();
    ForegroundError::Start { program: context.setup.launcher_file.clone(), source }
}

/// State of a server that tarsnode watches but did not start, as its heartbeats tell it.
#[derive(Debug)]
struct Observer {
    present: ServerState,
    pid: i32,
    timeout: Duration,
    beats: BTreeMap<String, Instant>,
    /// Whether the alarm for the present silence was sent: there is one for each silence, not one for each patrol.
    overdue: bool,
    next_report: Instant,
}

/// A step that the observer asks of the daemon.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Report,
    Alarm(&'static str),
}

impl Observer {
    fn new(timeout: Duration, now: Instant) -> Self {
        Self { present: ServerState::Inactive, pid: -1, timeout, beats: BTreeMap::new(), overdue: false, next_report: now }
    }

    /// Takes a heartbeat. Every change of the state is reported at once, also the first one.
    fn on_message(&mut self, now: Instant, message: Message) -> Option<Wanted> {
        let (pid, adapter, state) = match message {
            Message::KeepAlive { pid, adapter } => (pid, adapter, ServerState::Active),
            Message::KeepActiving { pid, adapter } => (pid, adapter, ServerState::Activating),
            // Foreground mode has no object that takes commands.
            Message::Start | Message::Stop | Message::Restart => return None,
        };
        self.pid = pid;
        if adapter.is_empty() {
            self.beats.values_mut().for_each(|beat| *beat = now);
        } else {
            self.beats.insert(adapter, now);
        }
        (std::mem::replace(&mut self.present, state) != state).then_some(Wanted::Report)
    }

    fn patrol(&mut self, now: Instant) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let overdue = self.beats.values().any(|beat| now > *beat + self.timeout);
        if overdue && !self.overdue {
            wanted.push(Wanted::Alarm("[alarm] heartbeat overtime| "));
        }
        self.overdue = overdue;
        if now >= self.next_report {
            self.next_report = now + REPORT_EVERY;
            wanted.push(Wanted::Report);
        }
        wanted
    }

    fn build_report(&self) -> Report {
        Report { setting: Setting::Active, present: self.present, pid: self.pid, crash: None }
    }
}

/// Watches heartbeats until SIGTERM.
pub async fn run_daemon(context: Context) -> Result<u8, ForegroundError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let (messages, mut incoming) = mpsc::channel(QUEUE);
    tokio::select! {
        _ = terminate.recv() => return Ok(0),
        server = bind_heartbeats(&context, &messages) => tokio::spawn(server.serve(stop.clone())),
    };
    let text = fs::read_to_string(&context.setup.conf_file).unwrap_or_default();
    let timeout = read_watch(&text).map_or(Duration::from_mins(1), |watch| watch.timeout);
    let alarms = Alarms::start(&context.client, context.setup.module());
    let reporter = Reporter::start(context.registry.clone(), context.setup.pod_name.clone(), alarms.clone());
    let mut observer = Observer::new(timeout, Instant::now());
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut wanted = Vec::new();
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(0),
            Some(message) = incoming.recv() => wanted.extend(observer.on_message(Instant::now(), message)),
            _ = rounds.tick() => wanted = observer.patrol(Instant::now()),
        }
        for wanted in wanted {
            match wanted {
                Wanted::Report => reporter.send(observer.build_report()),
                Wanted::Alarm(text) => alarms.send(text.to_owned()),
            }
        }
    }
}

/// Listens for heartbeats. Waits until the port is free, because the configuration of the server names this port.
async fn bind_heartbeats(context: &Context, messages: &mpsc::Sender<Message>) -> tars::server::Server {
    loop {
        match servants::bind_heartbeats(context, context.server_endpoint.clone(), messages.clone()).await {
            Ok(server) => return server,
            Err(problem) => tracing::warn!(%problem, "cannot listen for heartbeats, trying again"),
        }
        tokio::time::sleep(ROUND).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(adapter: &str) -> Message {
        Message::KeepAlive { pid: 1, adapter: adapter.to_owned() }
    }

    #[test]
    fn the_out_file_has_all_words_but_the_first() {
        assert_eq!(format_out_file("Hello --config=/c.conf"), "--config=/c.conf ");
        assert_eq!(format_out_file("java  -Dx=y -jar a.jar"), "-Dx=y -jar a.jar ");
        assert_eq!(format_out_file("Hello"), "");
    }

    #[test]
    fn the_first_heartbeat_is_reported_at_once() {
        let now = Instant::now();
        let mut observer = Observer::new(Duration::from_mins(1), now);
        assert_eq!(observer.patrol(now), [Wanted::Report]);
        assert_eq!(observer.on_message(now, alive("")), Some(Wanted::Report));
        assert_eq!(
            observer.build_report(),
            Report { setting: Setting::Active, present: ServerState::Active, pid: 1, crash: None }
        );
        assert_eq!(observer.on_message(now, alive("")), None);
        assert_eq!(observer.on_message(now, Message::KeepActiving { pid: 1, adapter: String::new() }), Some(Wanted::Report));
        assert_eq!(observer.on_message(now, Message::Stop), None);
    }

    #[test]
    fn silence_is_one_alarm() {
        let start = Instant::now();
        let mut observer = Observer::new(Duration::from_mins(1), start);
        observer.patrol(start);
        observer.on_message(start, alive("AdminAdapter"));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(observer.patrol(at(60)), []);
        assert_eq!(observer.patrol(at(61)), [Wanted::Alarm("[alarm] heartbeat overtime| ")]);
        assert_eq!(observer.patrol(at(62)), []);
        observer.on_message(at(63), alive(""));
        assert_eq!(observer.patrol(at(63)), []);
        assert_eq!(observer.patrol(at(124)), [Wanted::Alarm("[alarm] heartbeat overtime| ")]);
        assert_eq!(observer.patrol(at(420)), [Wanted::Report]);
    }
}
