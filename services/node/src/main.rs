//! The process beside each Tars server in its pod.
//!
//! ```text
//! init container      tarsnode install ─► util/environment, conf/tarsnode.conf, bin/tarsnode … on the shared volume
//! business container  tarsnode start ──► prepare the container ─┬─ background: supervisor (first process) ─► server
//!                                                               └─ foreground: server (first process), daemon beside it
//!
//! registry ─ descriptor ─► prepare ─► render ─► configuration file ─► server ─ heartbeats ─► state ─ report ─► registry
//! ```
//!
//! The registry is needed for the first start of a server and for nothing else: while it is away servers run, restart and are
//! watched, and their state is reported when it is back. Sections in the documentation are those of the project's description of the
//! framework services.

mod cli;
mod context;
mod foreground;
mod host;
mod identity;
mod install;
mod launcher;
mod objects;
mod paths;
mod prepare;
mod process;
mod registry;
mod render;
mod servants;
mod start;
mod state;
mod supervisor;

use clap::{Parser as _, error::ErrorKind};
use cli::{Cli, Command, Run, Target};
use context::Context;
use identity::{Identity, LauncherType, Setup};
use install::Registry;
use paths::Paths;
use process::Additions;
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How tarsnode ends when it can't do its work; scripts of existing images expect it.
const FAILED: u8 = 255;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(problem) => {
            // Where to print is clap's business; a closed pipe is nobody's.
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
    let filter = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    if std::env::var("LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json")) {
        lines.json().flatten_event(true).init();
    } else {
        lines.init();
    }
    tracing::info!(service = "tarsnode", version = env!("CARGO_PKG_VERSION"), "starting");
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn text(problem: impl Display) -> String {
    problem.to_string()
}

fn install(options: &cli::Install) -> Result<u8, String> {
    let identity = Identity::from_init_environment(variable).map_err(text)?;
    let registry = Registry { locator: options.locator.clone(), registry: options.registry.clone() };
    install::install(&Paths::below(&options.root), &identity, &registry).map_err(text)?;
    Ok(0)
}

fn start(root: PathBuf) -> Result<u8, String> {
    let paths = Paths::below(root);
    let (setup, additions) = start::prepare(&paths, &variable).map_err(text)?;
    let launcher = setup.launcher;
    let runtime = runtime()?;
    let context = || {
        let _inside = runtime.enter();
        Context::load(&paths.configuration(), setup, additions, &paths).map_err(text)
    };
    match launcher {
        LauncherType::Background => runtime.block_on(supervisor::run(context()?)).map_err(text),
        LauncherType::Foreground => {
            let context = context()?;
            let rendered = runtime.block_on(foreground::prepare_patiently(&context)).map_err(text)?;
            // The daemon and the server get a process of their own each; nothing of this one may run on.
            drop(runtime);
            Err(foreground::become_server(&context, &rendered, &paths.program(), &paths.configuration()))
        }
    }
}

/// The command line that start scripts use.
fn run(options: &Run) -> Result<u8, String> {
    let file =
        options.config.as_deref().ok_or("give --config=FILE, or one of the subcommands `install` and `start`; see --help")?;
    let setup = Setup::from_environment(variable).map_err(text)?;
    let launcher = setup.launcher;
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let context = Context::load(file, setup, Additions::new(), &Paths::below("/")).map_err(text)?;
    match (launcher, options.target) {
        (LauncherType::Background, None) => runtime.block_on(supervisor::run(context)).map_err(text),
        (LauncherType::Background, Some(_)) => {
            Err("--target belongs to foreground mode; ServerLauncherType is background".to_owned())
        }
        (LauncherType::Foreground, None) => Err("foreground mode needs --target=config or --target=daemon".to_owned()),
        (LauncherType::Foreground, Some(Target::Daemon)) => runtime.block_on(foreground::daemon(context)).map_err(text),
        (LauncherType::Foreground, Some(Target::Config)) => {
            let out = options.outfile.as_deref().ok_or("--target=config needs --outfile=FILE")?;
            let rendered = runtime.block_on(prepare::prepare(&context, &context.server_endpoint.to_string())).map_err(text)?;
            write(out, &foreground::out_file(&rendered.argv))?;
            Ok(0)
        }
    }
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    std::fs::write(path, content).map_err(|problem| format!("{} could not be written: {problem}", path.display()))
}

/// One thread is plenty for one server's heartbeats.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|problem| format!("no runtime: {problem}"))
}
