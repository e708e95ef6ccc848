//! The last line of the log of a server whose process has ended.
//!
//! The output of the server goes straight to that of the container, so tarsnode does not see it. But servers of the Tars frameworks write
//! their rolling log to `APP/SERVER/APP.SERVER.log` below the directory for logs (docs/reference/tarsnode.md#3.7.20).

use crate::identity::Setup;
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How much of the end of the log is read.
const TAIL: u64 = 4_096;
/// How many characters of the line are kept.
const LONGEST_LINE: usize = 200;
/// File systems may note times that much too early.
const COARSE_CLOCK: Duration = Duration::from_secs(1);

/// Finds the last line that the present process wrote.
#[derive(Debug)]
pub struct LastWords {
    log: PathBuf,
    begun: SystemTime,
}

impl LastWords {
    pub fn of(setup: &Setup) -> Self {
        let Setup { app, server, log_dir, .. } = setup;
        let log = log_dir.join(app).join(server).join(format!("{}.log", setup.module()));
        Self { log, begun: SystemTime::now() }
    }

    /// Notes that a process is started.
    pub fn begin(&mut self) {
        self.begun = SystemTime::now();
    }

    /// Returns the last line, or nothing if the process has not written to the log.
    pub fn read(&self) -> String {
        read_last_line(&self.log, self.begun - COARSE_CLOCK).unwrap_or_default()
    }
}

fn read_last_line(path: &Path, since: SystemTime) -> io::Result<String> {
    // Opening a pipe would block.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.modified()? < since {
        return Ok(String::new());
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    Ok(line.chars().take(LONGEST_LINE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_line_of(log: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Demo.Shell.log");
        std::fs::write(&path, log).unwrap();
        read_last_line(&path, SystemTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn the_last_line_with_words_counts_and_is_cut() {
        assert_eq!(last_line_of("one\ntwo\r\n \n\n"), "two");
        assert_eq!(last_line_of("no end of line"), "no end of line");
        assert_eq!(last_line_of(""), "");
        assert_eq!(last_line_of(&format!("first\n{}", "ä".repeat(5_000))).chars().count(), LONGEST_LINE);
    }

    #[test]
    fn a_log_of_an_earlier_process_and_no_log_tell_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Demo.Shell.log");
        let later = SystemTime::now() + Duration::from_mins(1);
        assert!(read_last_line(&path, SystemTime::UNIX_EPOCH).is_err());
        std::fs::write(&path, "old").unwrap();
        assert_eq!(read_last_line(&path, later).unwrap(), "");
        assert_eq!(read_last_line(folder.path(), SystemTime::UNIX_EPOCH).unwrap(), "", "a directory");
    }
}
