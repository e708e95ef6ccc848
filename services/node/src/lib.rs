//! The program that runs beside each Tars server in its pod: it configures, starts and watches the server.
//!
//! ```text
//! init container      tarsnode install ─► util/environment, conf/tarsnode.conf, bin/tarsnode … on the shared volume
//! business container  tarsnode start ──► set up the container ─┬─ background: supervisor (first process) ─► server
//!                                                              └─ foreground: server (first process), daemon beside it
//!
//! registry ─ descriptor ─► prepare ─► render ─► configuration file ─► server ─ heartbeats ─► state ─ report ─► registry
//! ```
//!
//! A server needs the registry for its first start in a pod and for nothing else. While the registry is away, tarsnode runs, restarts
//! and watches the server, and reports the state when the registry is back. The rules are in `docs/reference/tarsnode.md`.

mod cli;
mod context;
mod foreground;
mod host;
mod identity;
mod install;
mod last_words;
mod launcher;
mod objects;
mod paths;
mod prepare;
mod process;
mod registry;
mod render;
mod run;
mod servants;
mod start;
mod state;
mod supervisor;

pub use cli::Cli;
pub use run::run_process;
