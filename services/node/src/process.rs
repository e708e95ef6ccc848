//! Starts, signals and reaps processes: the server, and all others that the first process of a container must look after.

use crate::{identity::Setup, state::Exit};
use rustix::process::{Pid, Signal, WaitOptions};
use std::{
    collections::BTreeMap,
    io,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

/// Environment variables that the server gets in addition to those of tarsnode.
pub type Additions = BTreeMap<String, String>;

/// Builds the command that runs the server. The server inherits the output of tarsnode, so that `kubectl logs` shows both.
pub fn build_command(setup: &Setup, argv: &str, additions: &Additions) -> Command {
    let mut words = argv.split(' ').filter(|word| !word.is_empty());
    let mut command = Command::new(&setup.launcher_file);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    command.args(words).envs(additions).env("ServerLauncherArgv", argv).current_dir(&setup.bin_dir).stdin(Stdio::null());
    command
}

/// Starts `command` and returns its process id. [`reap`] notices its end, as that of all other children.
pub fn spawn(mut command: Command) -> io::Result<i32> {
    let child = command.spawn()?;
    i32::try_from(child.id()).map_err(io::Error::other)
}

/// Makes this process the parent of every descendant whose own parent ends, also where it is not the first process of a container.
pub fn adopt_orphans() {
    if let Err(problem) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::debug!(%problem, "cannot adopt orphaned processes");
    }
}

/// Returns the children that have ended since the last call, with their exits. Does not wait.
pub fn reap() -> Vec<(i32, Exit)> {
    let mut ended = Vec::new();
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        let exit = status.exit_status().map(Exit::Code).or_else(|| status.terminating_signal().map(Exit::Signal));
        // Only stopped and continued children have no exit, and `NOHANG` alone does not ask for them.
        if let Some(exit) = exit {
            ended.push((pid.as_raw_nonzero().get(), exit));
        }
    }
    ended
}

/// Sends a signal. A failure is only logged, because it means that the process has ended already.
pub fn send_signal(pid: i32, signal: Signal) {
    let sent = Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH).and_then(|pid| rustix::process::kill_process(pid, signal));
    if let Err(problem) = sent {
        tracing::warn!(pid, ?signal, %problem, "cannot send the signal");
    }
}

/// Whether `pid` is a living descendant of this process. Only such a process may speak for the server
/// (docs/reference/tarsnode.md#3.7.9).
pub fn descends_from_us(pid: i32) -> bool {
    let us = rustix::process::getpid().as_raw_nonzero().get();
    // Chains of parents in a container are short. Without the bound, reused process ids could make the loop endless.
    let mut current = pid;
    for _ in 0..64 {
        match find_parent(current) {
            Some(parent) if parent == us => return current != us,
            Some(parent) if parent > 1 => current = parent,
            _ => return false,
        }
    }
    false
}

/// Finds the parent of a living process. `None` if the process has ended, even if nobody has reaped it.
fn find_parent(pid: i32) -> Option<i32> {
    if pid <= 0 {
        return None;
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state ppid …`. The name may contain parentheses, so the fields are counted from the last one.
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
