//! A pod and a registry for the tests of tarsnode.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use rustix::process::{Pid, Signal};
use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output},
    sync::Arc,
    time::{Duration, Instant},
};
use tars::{
    client::Client,
    config::Config,
    endpoint::Endpoint,
    framework::{
        node::{NodeClient, ServerFClient, ServerInfo},
        registry::{AdapterDescriptor, Registry as RegistryObj, RegistryDispatch, ServerDescriptor},
    },
    server::{Adapter, Request, ServantError, Server},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tarsnode");
/// Longest wait for anything. The slow steps are the report before a stop (2 s) and calls to a registry that is away (6 s each).
const WAIT: Duration = Duration::from_secs(40);

/// A state that tarsnode reported.
#[derive(Debug, Clone)]
pub struct Reported {
    /// `SETTING/PRESENT`.
    pub state: String,
    pub pid: i32,
    /// How the process ended by itself.
    pub crash: Option<String>,
}

struct Servant(mpsc::UnboundedSender<Reported>);

impl RegistryObj for Servant {
    async fn get_server_descriptor(
        &self,
        _: &Request,
        app: String,
        server: String,
    ) -> Result<(i32, ServerDescriptor), ServantError> {
        if (app.as_str(), server.as_str()) != ("Demo", "Shell") {
            return Ok((-1, ServerDescriptor::default()));
        }
        let name = "Demo.Shell.EchoObjAdapter".to_owned();
        let adapter = AdapterDescriptor {
            adapter_name: name.clone(),
            endpoint: "tcp -h ${localip} -p 10101 -t 60000".into(),
            servant: "Demo.Shell.EchoObj".into(),
            protocol: "tars".into(),
            ..AdapterDescriptor::default()
        };
        let profile = "<tars>\n<application>\n<server>\nlocalip=${localip}\nlocal=${local}\n</server>\n</application>\n</tars>\n";
        Ok((0, ServerDescriptor { profile: profile.into(), async_thread_num: 3, adapters: [(name, adapter)].into() }))
    }

    async fn update_server_state(
        &self,
        request: &Request,
        pod: String,
        setting: String,
        present: String,
    ) -> Result<(), ServantError> {
        assert_eq!(pod, "demo-shell-0");
        let pid = request.context["PID"].parse().unwrap();
        let crash = request.context.get("CRASH").cloned();
        self.0.send(Reported { state: format!("{setting}/{present}"), pid, crash }).unwrap();
        Ok(())
    }
}

/// A `RegistryObj` that remembers the states that tarsnode reports.
pub struct Registry {
    port: u16,
    reports: mpsc::UnboundedReceiver<Reported>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Registry {
    pub async fn start() -> Self {
        Self::start_at(0).await
    }

    pub async fn start_at(port: u16) -> Self {
        let (sender, reports) = mpsc::unbounded_channel();
        let servant = Arc::new(RegistryDispatch(Servant(sender)));
        let adapter = Adapter::new("r", Endpoint::tcp("127.0.0.1", port)).servant("tars.tarsregistry.RegistryObj", servant);
        let server = Server::builder().adapter(adapter).bind().await.unwrap();
        let port = server.local_addr("r").unwrap().port();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.serve(stop.clone()));
        Self { port, reports, stop, serving }
    }

    pub fn proxy(&self) -> String {
        registry_at(self.port)
    }

    /// Waits for a report with this state and skips others.
    pub async fn next(&mut self, state: &str) -> Reported {
        let mut seen = Vec::new();
        loop {
            match tokio::time::timeout(WAIT, self.reports.recv()).await {
                Ok(Some(report)) if report.state == state => return report,
                Ok(Some(report)) => seen.push(report),
                _ => panic!("{state} was not reported, but {seen:?}"),
            }
        }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

pub fn registry_at(port: u16) -> String {
    format!("tars.tarsregistry.RegistryObj@tcp -h 127.0.0.1 -p {port} -t 3000")
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A pod below a temporary root. Dropping it ends its processes.
pub struct Pod {
    root: tempfile::TempDir,
    node_port: u16,
    server_port: u16,
    started: std::cell::Cell<Option<u32>>,
}

impl Pod {
    /// Makes what the init container and the image of the server `Demo.Shell` leave behind.
    pub fn install(launcher: &str, script: &str, registry: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut install = init_container();
        install.args(["install", "--root"]).arg(root.path()).args(["--registry", registry]).env("LauncherType", launcher);
        assert!(install.status().unwrap().success());
        let pod = Self { root, node_port: free_port(), server_port: free_port(), started: std::cell::Cell::new(None) };
        // The fixed ports may be in use on this host.
        let text = fs::read_to_string(pod.configuration()).unwrap();
        let text = text.replace("-p 19385 -t 60000", &format!("-p {} -t 60000", pod.node_port));
        let text = text.replace("-p 19386", &format!("-p {}", pod.server_port));
        fs::write(pod.configuration(), text).unwrap();
        let image = pod.root.path().join("usr/local/server/bin");
        fs::create_dir_all(&image).unwrap();
        fs::write(image.join("Shell"), script).unwrap();
        fs::set_permissions(image.join("Shell"), fs::Permissions::from_mode(0o755)).unwrap();
        pod
    }

    pub fn root(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    fn work(&self) -> PathBuf {
        self.root.path().join("usr/local/app/tars/tarsnode")
    }

    pub fn configuration(&self) -> PathBuf {
        self.work().join("conf/tarsnode.conf")
    }

    pub fn server(&self) -> PathBuf {
        self.work().join("data/Demo.Shell")
    }

    /// Starts the business container, through the script that base images run.
    pub fn start(&self) -> Child {
        let log = File::create(self.root.path().join("log")).unwrap();
        let mut command = Command::new(self.work().join("util/start.sh"));
        command.env("ServerType", "cpp").env("TARSNODE_ROOT", self.root.path());
        let child = command.stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap();
        self.started.set(Some(child.id()));
        child
    }

    /// Builds a call of tarsnode with the environment that start scripts of existing images make.
    pub fn plain_command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        let conf = self.server().join("conf/Demo.Shell.config.conf");
        for (name, value) in [
            ("PodName", "demo-shell-0"),
            ("PodIP", "127.0.0.1"),
            ("ListenAddress", "demo-shell-0.demo-shell"),
            ("ServerApp", "Demo"),
            ("ServerName", "Shell"),
            ("ServerType", "cpp"),
            ("ServerBinDir", "/bin"),
            ("ServerDataDir", "/data"),
            ("ServerLogDir", "/log"),
            ("ServerLauncherFile", "/bin/true"),
            ("ServerLauncherArgv", "Shell --config=/the.conf"),
            ("ServerLauncherType", "foreground"),
        ] {
            command.env(name, value);
        }
        command.env("ServerConfFile", conf);
        command
    }

    pub fn rendered(&self) -> String {
        fs::read_to_string(self.server().join("conf/Demo.Shell.config.conf")).unwrap()
    }

    fn client() -> Client {
        Client::builder().build().unwrap()
    }

    pub fn operator(&self) -> NodeClient {
        let proxy = format!("tars.tarsnode.NodeObj@tcp -h 127.0.0.1 -p {}", self.node_port);
        NodeClient::new(Self::client().proxy(&proxy).unwrap())
    }

    /// Sends a heartbeat to the object that the server's configuration names, as the server would.
    pub async fn heartbeat(&self, pid: i32) {
        let config = Config::parse(&self.rendered()).unwrap();
        let node = ServerFClient::new(Self::client().proxy(config.get("/tars/application/server<node>").unwrap()).unwrap());
        let info = ServerInfo { application: "Demo".into(), server_name: "Shell".into(), pid, adapter: String::new() };
        let deadline = Instant::now() + WAIT;
        while let Err(problem) = node.keep_alive(&info).await {
            assert!(Instant::now() < deadline, "{problem}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the script has written this file, and returns the text.
    pub async fn data(&self, file: &str) -> String {
        self.data_with(file, "").await
    }

    pub async fn data_with(&self, file: &str, part: &str) -> String {
        self.file_with(&format!("usr/local/app/tars/tarsnode/data/Demo.Shell/data/{file}"), part).await
    }

    pub async fn log_with(&self, part: &str) -> String {
        self.file_with("log", part).await
    }

    async fn file_with(&self, path: &str, part: &str) -> String {
        let path = self.root.path().join(path);
        let read = || fs::read_to_string(&path).unwrap_or_default();
        until(WAIT, || async { !read().is_empty() && read().contains(part) }).await;
        read()
    }

    /// How often the script was started.
    pub async fn starts(&self) -> usize {
        self.data("started").await.lines().filter(|line| line.parse::<i32>().is_ok()).count()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let Some(node) = self.started.get() else { return };
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.root.path().join("log")).unwrap_or_default());
        }
        for child in children_of(node) {
            send(child, Signal::KILL);
        }
        if alive(i32::try_from(node).unwrap()) {
            send(node, Signal::KILL);
        }
    }
}

fn init_container() -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, value) in [
        ("HOSTNAME", "demo-shell-0"),
        ("PodName", "demo-shell-0"),
        ("PodIP", "127.0.0.1"),
        ("ServerApp", "Demo"),
        ("ServerName", "Shell"),
    ] {
        command.env(name, value);
    }
    command
}

pub fn install_without(missing: &str) -> Output {
    let root = tempfile::tempdir().unwrap();
    init_container().env(missing, "").args(["install", "--root"]).arg(root.path()).output().unwrap()
}

pub fn send(pid: u32, signal: Signal) {
    // A process that is gone needs no signal.
    let _ = rustix::process::kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
}

fn stat(pid: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// Whether the process exists and is not a zombie.
pub fn alive(pid: i32) -> bool {
    stat(pid.unsigned_abs()).is_some_and(|(state, _)| state != "Z")
}

pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

pub fn zombies_of(parent: u32) -> Vec<u32> {
    children_of(parent).into_iter().filter(|pid| !alive(i32::try_from(*pid).unwrap())).collect()
}

pub fn command_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Waits until `condition` holds, and fails after `limit`.
pub async fn until<F: Future<Output = bool>>(limit: Duration, condition: impl Fn() -> F) {
    let deadline = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < deadline, "the condition did not come true in {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn exit_code(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + WAIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < deadline, "process {} did not end", child.id());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn finished(mut command: Command) -> ExitStatus {
    tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap()
}
