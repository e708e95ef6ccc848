//! The server's process, and everything else that the first process of a container must look after.

use crate::{identity::Setup, state::Exit};
use rustix::process::{Pid, Signal, WaitOptions};
use std::{
    collections::BTreeMap,
    io,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

/// Variables that a process gets on top of those of this one.
pub type Additions = BTreeMap<String, String>;

/// The command that runs the server. Its output goes where tarsnode's own goes, so that `kubectl logs` shows it.
pub fn command(setup: &Setup, argv: &str, additions: &Additions) -> Command {
    let mut words = argv.split(' ').filter(|word| !word.is_empty());
    let mut command = Command::new(&setup.launcher_file);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    command.args(words).envs(additions).env("ServerLauncherArgv", argv).current_dir(&setup.bin_dir).stdin(Stdio::null());
    command
}

/// Starts `command` and forgets it: [`reap`] takes note of the end of all children together, also of adopted ones.
pub fn spawn(mut command: Command) -> io::Result<i32> {
    let child = command.spawn()?;
    i32::try_from(child.id()).map_err(io::Error::other)
}

/// Makes orphans below this process its children, also where it is not the first process of a container.
pub fn adopt_orphans() {
    if let Err(problem) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::debug!(%problem, "orphans are not adopted");
    }
}

/// Takes note of all children that have ended. Does not wait.
pub fn reap() -> Vec<(i32, Exit)> {
    let mut ended = Vec::new();
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        let exit = status.exit_status().map(Exit::Code).or_else(|| status.terminating_signal().map(Exit::Signal));
        // Stopped and continued children are not asked for.
        if let Some(exit) = exit {
            ended.push((pid.as_raw_nonzero().get(), exit));
        }
    }
    ended
}

/// Sends a signal; a process that is gone already is no error worth more than a line in the log.
pub fn send(pid: i32, signal: Signal) {
    let sent = Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH).and_then(|pid| rustix::process::kill_process(pid, signal));
    if let Err(problem) = sent {
        tracing::warn!(pid, ?signal, %problem, "the signal was not delivered");
    }
}

/// Whether `pid` is alive and runs below this process: only such a process may speak for the server.
pub fn descends_from_us(pid: i32) -> bool {
    let us = rustix::process::getpid().as_raw_nonzero().get();
    // A chain of parents in a container is short; the bound keeps a race with reused ids from going in circles.
    let mut current = pid;
    for _ in 0..64 {
        match parent(current) {
            Some(parent) if parent == us => return current != us,
            Some(parent) if parent > 1 => current = parent,
            _ => return false,
        }
    }
    false
}

/// The parent of a living process; `None` for a process that is gone or a zombie.
fn parent(pid: i32) -> Option<i32> {
    if pid <= 0 {
        return None;
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state ppid …`; the name may contain anything, so count from its last parenthesis.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    if matches!(state, "Z" | "X") { None } else { Some(parent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_living_processes_below_us_speak_for_the_server() {
        let us = i32::try_from(std::process::id()).unwrap();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(descends_from_us(pid));
        assert!(!descends_from_us(us));
        assert!(!descends_from_us(1));
        assert!(!descends_from_us(0));
        assert!(!descends_from_us(-1));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!descends_from_us(pid));
    }
}
