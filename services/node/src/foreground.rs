//! Foreground mode: the server is the container's first process and tarsnode looks on from beside it (section 3.8).

use crate::{
    context::Context,
    prepare::{PrepareError, prepare},
    process,
    registry::{Alarms, Reporter},
    render::{Rendered, watch_of_file},
    servants::{self, QUEUE, Told},
    state::{REPORT_EVERY, Report, Setting},
    supervisor::SupervisorError,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
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

/// How long a start waits for the registry before it leaves the repetition to the kubelet.
const PATIENCE: Duration = Duration::from_mins(5);
/// Pauses between attempts to prepare: they double from the first to the last.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// The patrol, and the pause between attempts to listen for heartbeats.
const ROUND: Duration = Duration::from_secs(1);

/// Renders the configuration, patiently: the registry may start later than this pod.
pub async fn prepare_patiently(context: &Context) -> Result<Rendered, PrepareError> {
    let heartbeats = context.server_endpoint.to_string();
    let began = Instant::now();
    let mut pause = RETRY[0];
    loop {
        match prepare(context, &heartbeats).await {
            Err(problem) if began.elapsed() < PATIENCE => tracing::warn!("{problem}; trying again in {} s", pause.as_secs()),
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY[1]);
    }
}

/// What `--target=config` leaves for the start script: the argument words without the first, each followed by a blank.
pub fn out_file(argv: &str) -> String {
    argv.split(' ').filter(|word| !word.is_empty()).skip(1).fold(String::new(), |text, word| text + word + " ")
}

/// Starts the daemon and becomes the server. Comes back only with a problem.
pub fn become_server(context: &Context, rendered: &Rendered, program: &Path, configuration: &Path) -> String {
    let mut daemon = Command::new(program);
    daemon.arg(format!("--config={}", configuration.display())).arg("--target=daemon").stdin(Stdio::null());
    daemon.envs(&context.additions).env("ServerLauncherArgv", &rendered.argv);
    // A server without its watcher would never be ready.
    if let Err(problem) = process::spawn(daemon) {
        return format!("{} could not be started: {problem}", program.display());
    }
    let problem = process::command(&context.setup, &rendered.argv, &context.additions).exec();
    format!("{} could not be started: {problem}", context.setup.launcher_file.display())
}

/// What heartbeats say about a process that is not ours.
#[derive(Debug)]
struct Observer {
    present: ServerState,
    pid: i32,
    timeout: Duration,
    beats: BTreeMap<String, Instant>,
    /// Alarms are sent when silence begins, not in every round of it.
    overdue: bool,
    next_report: Instant,
}

/// What the observer wants done.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Report,
    Alarm(&'static str),
}

impl Observer {
    fn new(timeout: Duration, now: Instant) -> Self {
        Self { present: ServerState::Inactive, pid: -1, timeout, beats: BTreeMap::new(), overdue: false, next_report: now }
    }

    /// A heartbeat. Every change of state is reported at once, also the first.
    fn hear(&mut self, now: Instant, told: Told) -> Option<Wanted> {
        let (pid, adapter, state) = match told {
            Told::KeepAlive { pid, adapter } => (pid, adapter, ServerState::Active),
            Told::KeepActiving { pid, adapter } => (pid, adapter, ServerState::Activating),
            // There is no object for commands in this mode.
            Told::Start | Told::Stop | Told::Restart => return None,
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

    fn report(&self) -> Report {
        Report { setting: Setting::Active, present: self.present, pid: self.pid }
    }
}

/// Watches heartbeats until the container ends.
pub async fn daemon(context: Context) -> Result<u8, SupervisorError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let (told, mut hears) = mpsc::channel(QUEUE);
    tokio::select! {
        _ = terminate.recv() => return Ok(0),
        server = listen(&context, &told) => tokio::spawn(server.serve(stop.clone())),
    };
    let text = fs::read_to_string(&context.setup.conf_file).unwrap_or_default();
    let timeout = watch_of_file(&text).map_or(Duration::from_mins(1), |watch| watch.timeout);
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
            Some(told) = hears.recv() => wanted.extend(observer.hear(Instant::now(), told)),
            _ = rounds.tick() => wanted = observer.patrol(Instant::now()),
        }
        for wanted in wanted {
            match wanted {
                Wanted::Report => reporter.send(observer.report()),
                Wanted::Alarm(text) => alarms.send(text.to_owned()),
            }
        }
    }
}

/// The server was told this port before the daemon started, so there is no other to turn to.
async fn listen(context: &Context, told: &mpsc::Sender<Told>) -> tars::server::Server {
    loop {
        match servants::heartbeats(context, context.server_endpoint.clone(), told.clone()).await {
            Ok(server) => return server,
            Err(problem) => tracing::warn!(%problem, "heartbeats can't be taken yet"),
        }
        tokio::time::sleep(ROUND).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(adapter: &str) -> Told {
        Told::KeepAlive { pid: 1, adapter: adapter.to_owned() }
    }

    #[test]
    fn the_out_file_has_all_words_but_the_first() {
        assert_eq!(out_file("Hello --config=/c.conf"), "--config=/c.conf ");
        assert_eq!(out_file("java  -Dx=y -jar a.jar"), "-Dx=y -jar a.jar ");
        assert_eq!(out_file("Hello"), "");
    }

    #[test]
    fn the_first_heartbeat_is_reported_at_once() {
        let now = Instant::now();
        let mut observer = Observer::new(Duration::from_mins(1), now);
        assert_eq!(observer.patrol(now), [Wanted::Report]);
        assert_eq!(observer.hear(now, alive("")), Some(Wanted::Report));
        assert_eq!(observer.report(), Report { setting: Setting::Active, present: ServerState::Active, pid: 1 });
        assert_eq!(observer.hear(now, alive("")), None);
        assert_eq!(observer.hear(now, Told::KeepActiving { pid: 1, adapter: String::new() }), Some(Wanted::Report));
        assert_eq!(observer.hear(now, Told::Stop), None);
    }

    #[test]
    fn silence_is_one_alarm() {
        let start = Instant::now();
        let mut observer = Observer::new(Duration::from_mins(1), start);
        observer.patrol(start);
        observer.hear(start, alive("AdminAdapter"));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(observer.patrol(at(60)), []);
        assert_eq!(observer.patrol(at(61)), [Wanted::Alarm("[alarm] heartbeat overtime| ")]);
        assert_eq!(observer.patrol(at(62)), []);
        observer.hear(at(63), alive(""));
        assert_eq!(observer.patrol(at(63)), []);
        assert_eq!(observer.patrol(at(124)), [Wanted::Alarm("[alarm] heartbeat overtime| ")]);
        assert_eq!(observer.patrol(at(420)), [Wanted::Report]);
    }
}
