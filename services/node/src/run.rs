//! The process: its subcommands and its exit codes.

use crate::{
    cli::{self, Cli, Command, ForegroundPart, Run},
    context::{Context, ContextError},
    foreground::{self, ForegroundError},
    identity::{Identity, LauncherType, Setup, VariableError},
    install::{self, Addresses, InstallError},
    paths::Paths,
    prepare::{self, PrepareError},
    process::Additions,
    start::{self, StartError},
    supervisor::{self, SupervisorError},
};
use clap::{Parser as _, error::ErrorKind};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::runtime::{self, Runtime};

/// Exit code of every failure. Scripts of existing images expect it.
const FAILED: u8 = 255;

/// Why tarsnode cannot do its work.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Variable(#[from] VariableError),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    #[error(transparent)]
    Foreground(#[from] ForegroundError),
    #[error("{0}")]
    Usage(&'static str),
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot start the asynchronous runtime: {0}")]
    Runtime(#[source] io::Error),
}

/// Does what the command line of the process asks for. The result is the exit code of the process.
pub fn run_process() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(problem) => {
            // clap chooses standard output or standard error. Nobody reads the text if the pipe is closed.
            let _ = problem.print();
            let asked = matches!(problem.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { 0 } else { FAILED });
        }
    };
    log_to_stdout();
    let ended = match cli.command {
        Some(Command::Install(options)) => install(&options),
        Some(Command::Start(options)) => start(options.root),
        None => run(&cli.run),
    };
    ExitCode::from(ended.unwrap_or_else(|problem| {
        eprintln!("tarsnode: {problem}");
        FAILED
    }))
}

fn log_to_stdout() {
    let filter = read_variable("RUST_LOG").filter(|text| !text.is_empty()).unwrap_or_else(|| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    if read_variable("LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        lines.json().flatten_event(true).init();
    } else {
        lines.init();
    }
    tracing::info!(service = "tarsnode", version = env!("CARGO_PKG_VERSION"), "starting");
}

fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn install(options: &cli::Install) -> Result<u8, Error> {
    let identity = Identity::from_init_environment(read_variable)?;
    let addresses = Addresses { locator: options.locator.clone(), registry: options.registry.clone() };
    install::install(&Paths::below(&options.root), &identity, &addresses)?;
    Ok(0)
}

fn start(root: PathBuf) -> Result<u8, Error> {
    let paths = Paths::below(root);
    let (setup, additions) = start::set_up_container(&paths, &read_variable)?;
    let launcher = setup.launcher;
    let runtime = build_runtime()?;
    let context = {
        let _inside = runtime.enter();
        Context::load(&paths.configuration(), setup, additions, &paths)?
    };
    match launcher {
        LauncherType::Background => Ok(runtime.block_on(supervisor::run(context))?),
        LauncherType::Foreground => {
            let rendered = runtime.block_on(foreground::prepare_patiently(&context))?;
            // This process becomes the server, and the daemon is a process of its own: no task of this runtime may go on.
            drop(runtime);
            Err(foreground::become_server(&context, &rendered, &paths.program(), &paths.configuration()).into())
        }
    }
}

/// Runs tarsnode without a subcommand, as start scripts of older images call it.
fn run(options: &Run) -> Result<u8, Error> {
    let usage = "give --config=FILE, or one of the subcommands `install` and `start`; see --help";
    let file = options.config.as_deref().ok_or(Error::Usage(usage))?;
    let setup = Setup::from_environment(read_variable)?;
    let launcher = setup.launcher;
    let runtime = build_runtime()?;
    let _inside = runtime.enter();
    let context = Context::load(file, setup, Additions::new(), &Paths::below("/"))?;
    match (launcher, options.target) {
        (LauncherType::Background, None) => Ok(runtime.block_on(supervisor::run(context))?),
        (LauncherType::Background, Some(_)) => {
            Err(Error::Usage("--target belongs to foreground mode; ServerLauncherType is background"))
        }
        (LauncherType::Foreground, None) => Err(Error::Usage("foreground mode needs --target=config or --target=daemon")),
        (LauncherType::Foreground, Some(ForegroundPart::Daemon)) => Ok(runtime.block_on(foreground::run_daemon(context))?),
        (LauncherType::Foreground, Some(ForegroundPart::Config)) => {
            let out = options.outfile.as_deref().ok_or(Error::Usage("--target=config needs --outfile=FILE"))?;
            let heartbeats = context.server_endpoint.to_string();
            let rendered = runtime.block_on(prepare::prepare_configuration(&context, &heartbeats))?;
            write_file(out, &foreground::format_out_file(&rendered.argv))?;
            Ok(0)
        }
    }
}

fn write_file(path: &Path, content: &str) -> Result<(), Error> {
    fs::write(path, content).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Builds a runtime with one thread, which is enough for the heartbeats of one server.
fn build_runtime() -> Result<Runtime, Error> {
    runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)
}
