//! Reads filters of the log, and follows the file that changes the filter while the process runs.
//!
//! ```text
//! kubectl edit configmap ─► kubelet, about a minute ─► file ─► a look every 5 s ─► reload
//! ```
//!
//! The filter is that of the file, and without a file that of `RUST_LOG`, so a restart changes nothing
//! (docs/reference/charts-and-images.md#12.2.15).

use crate::causes::with_sources;
use std::{io, path::PathBuf, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, Registry, reload};

/// The longest filter, in bytes.
const LONGEST: usize = 4096;
/// The time between two looks. The kubelet needs about a minute to bring a changed ConfigMap into the pod, so this adds little.
const PERIOD: Duration = Duration::from_secs(5);

/// Why a text is no filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A part without `=` and `[` that names no level. It would be taken for a module, and everything else would become silent.
    #[error("`{0}` is no level: use off, error, warn, info, debug or trace, and `{0}=trace` if it is a module")]
    NoLevel(String),
    /// The text does not parse.
    #[error("it does not parse, use for example `info` or `info,kube=debug`")]
    Syntax(#[source] tracing_subscriber::filter::ParseError),
    /// The text is longer than any filter that makes sense.
    #[error("it is longer than {LONGEST} bytes, use for example `info` or `info,kube=debug`")]
    TooLong,
}

/// Reads a filter with the syntax of [`EnvFilter`], in which spaces around the commas do not count.
pub(super) fn parse(text: &str) -> Result<EnvFilter, FilterError> {
    if text.len() > LONGEST {
        return Err(FilterError::TooLong);
    }
    let parts: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let is_word = |part: &str| !part.contains(['=', '[']);
    match parts.iter().find(|part| is_word(part) && part.parse::<LevelFilter>().is_err()) {
        Some(word) => Err(FilterError::NoLevel((*word).to_owned())),
        None => EnvFilter::try_new(parts.join(",")).map_err(FilterError::Syntax),
    }
}

/// The filter of the process, and the file that changes it.
pub(super) struct Follower {
    handle: reload::Handle<EnvFilter, Registry>,
    file: PathBuf,
    /// The filter that counts without a file.
    fallback: String,
    /// The filter that counts now.
    present: String,
    /// What the last look found, so that each change of the file is one line in the log.
    seen: String,
}

impl Follower {
    /// Looks at `file` for the first time. Until then the filter behind `handle` is `fallback`.
    pub fn start(handle: reload::Handle<EnvFilter, Registry>, file: PathBuf, fallback: String) -> Self {
        let (present, seen) = (fallback.clone(), fallback.clone());
        let mut follower = Self { handle, file, fallback, present, seen };
        follower.take(std::fs::read_to_string(&follower.file));
        follower
    }

    /// Looks at the file again and again, until `stop` is cancelled.
    pub async fn follow(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            // A ConfigMap is at most 1 MiB large.
            self.take(tokio::fs::read_to_string(&self.file).await);
        }
    }

    /// Uses the content of the file. A filter that cannot be used changes nothing.
    fn take(&mut self, content: io::Result<String>) {
        let found = match content {
            Ok(text) if text.trim().is_empty() => Ok(self.fallback.clone()),
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.fallback.clone()),
            Err(error) => Err(error.to_string()),
        };
        let (Ok(seen) | Err(seen)) = &found;
        if std::mem::replace(&mut self.seen, seen.clone()) == *seen {
            return;
        }
        let parsed = found.and_then(|text| match parse(&text) {
            Ok(filter) => Ok((text, filter)),
            Err(error) => Err(with_sources(&error)),
        });
        match parsed {
            Ok((text, _)) if text == self.present => {}
            Ok((text, filter)) => self.change(text, filter),
            Err(problem) => {
                let (file, present) = (self.file.display(), &self.present);
                tracing::warn!(%file, present, problem, "the filter of the log cannot be used, the one before stays: correct the file");
            }
        }
    }

    /// Says the change once: before it, or after it if the old filter hides the line.
    fn change(&mut self, text: String, filter: EnvFilter) {
        let before = std::mem::replace(&mut self.present, text);
        let (file, now) = (self.file.display(), &self.present);
        let visible = tracing::enabled!(Level::WARN);
        if visible {
            tracing::warn!(%file, before, now, "the filter of the log changes");
        }
        // The only error is that the log is gone.
        if self.handle.reload(filter).is_ok() && !visible {
            tracing::warn!(%file, before, now, "the filter of the log has changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        path::Path,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn drain(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Runs `test` with a log that begins with the filter `fallback` and follows `file`.
    fn with_log(fallback: &str, file: &Path, test: impl FnOnce(&mut Follower, &Lines)) {
        let (filter, handle) = reload::Layer::new(parse(fallback).unwrap());
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(filter).with(layer), || {
            test(&mut Follower::start(handle, file.to_owned(), fallback.to_owned()), &lines);
        });
    }

    fn look(follower: &mut Follower) {
        follower.take(std::fs::read_to_string(&follower.file));
    }

    #[test]
    fn the_filter_follows_its_file_and_each_change_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("service");
        std::fs::write(&file, "warn\n").unwrap();
        with_log("info", &file, |follower, lines| {
            let first = lines.drain();
            assert!(first.contains("the filter of the log changes") && first.contains("before=\"info\" now=\"warn\""), "{first}");
            tracing::info!("hidden");
            assert_eq!(lines.drain(), "");

            std::fs::write(&file, "error, kit=debug").unwrap();
            look(follower);
            assert_eq!(lines.drain().lines().count(), 1);
            look(follower);
            tracing::warn!("hidden");
            tracing::debug!(target: "kit", "shown");
            let shown = lines.drain();
            assert!(shown.contains("shown") && shown.lines().count() == 1, "{shown}");

            std::fs::remove_file(&file).unwrap();
            look(follower);
            let back = lines.drain();
            assert!(
                back.contains("has changed") && back.contains("now=\"info\""),
                "the old filter hid the line before the change: {back}"
            );
            tracing::info!("shown");
            assert_eq!(lines.drain().lines().count(), 1);
        });
    }

    #[test]
    fn a_filter_that_cannot_be_used_is_said_once_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("service");
        with_log("info", &file, |follower, lines| {
            for (content, problem) in [
                (b"inof".to_vec(), "`inof` is no level"),
                (b"info,kube=loud".to_vec(), "it does not parse"),
                (" é=x".as_bytes().to_vec(), "it does not parse"),
                (vec![b'='; LONGEST + 1], "longer than"),
                (vec![0xff], "valid UTF-8"),
            ] {
                std::fs::write(&file, content).unwrap();
                look(follower);
                look(follower);
                let line = lines.drain();
                assert_eq!(line.lines().count(), 1, "{line}");
                for word in [problem, "correct the file", "present=\"info\"", &file.display().to_string()] {
                    assert!(line.contains(word), "{word} is not in {line}");
                }
                tracing::info!("shown");
                tracing::debug!("hidden");
                assert_eq!(lines.drain().lines().count(), 1);
            }
            std::fs::write(&file, "info").unwrap();
            look(follower);
            assert_eq!(lines.drain(), "", "the filter is the present one again");
        });
    }

    #[test]
    fn filters_are_words_for_levels_and_pairs_for_modules() {
        for text in ["info", "off", "INFO", "info, kube=debug", "kube::client=trace,", "[reconcile]=debug", "warn,[{name}]"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in ["kube", "info,kube", "info kube", "=info", "[", "debug;"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
