//! The parts of a process, of which none may end alone.

use crate::causes::with_sources;
use std::{error::Error, future::Future};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// A part ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
#[error("{what} ended: {reason}")]
pub struct Ended {
    /// Which part.
    pub what: &'static str,
    /// Its error, or that there was none.
    pub reason: String,
}

/// The parts of one process. When one ends, all end: a process without one of them would limp on unseen.
pub struct Tasks {
    set: JoinSet<Result<(), Ended>>,
    stop: CancellationToken,
}

impl Tasks {
    /// No parts yet. `stop` is what they all stop by; the end of one cancels it.
    pub fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop }
    }

    /// Runs `part` as a task. Its end before the stop is a failure, with or without an error of its own.
    pub fn spawn<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        what: &'static str,
        part: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let stop = self.stop.clone();
        self.set.spawn(async move {
            let reason = match part.await {
                Ok(()) if stop.is_cancelled() => return Ok(()),
                Ok(()) => "without a reason".to_owned(),
                Err(error) => with_sources(&*error.into()),
            };
            Err(Ended { what, reason })
        });
    }

    /// Waits for the first part that fails or ends early, for a process that does more than to wait for its end. It stops nothing,
    /// and no end is lost when it is not waited for.
    pub async fn failed(&mut self) -> Ended {
        while let Some(ended) = self.set.join_next().await {
            if let Err(ended) = to_result(ended) {
                return ended;
            }
        }
        std::future::pending().await
    }

    /// Waits until every part has ended.
    ///
    /// # Errors
    /// The first part that failed or ended early; what follows from it is not told.
    pub async fn join(mut self) -> Result<(), Ended> {
        let mut result = Ok(());
        while let Some(ended) = self.set.join_next().await {
            self.stop.cancel();
            result = result.and(to_result(ended));
        }
        result
    }
}

/// A panic is an end like others; whose it was the panic itself has said.
fn to_result(ended: Result<Result<(), Ended>, JoinError>) -> Result<(), Ended> {
    ended.unwrap_or_else(|panic| Err(Ended { what: "a part", reason: panic.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[tokio::test]
    async fn the_end_of_one_part_stops_the_others_and_is_told() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let waits = stop.clone();
        tasks.spawn("the patient part", async move {
            waits.cancelled().await;
            Ok::<(), Infallible>(())
        });
        tasks.spawn("the hasty part", async { Err::<(), _>("no more") });
        let ended = tasks.join().await.expect_err("a part failed");
        assert_eq!(ended.to_string(), "the hasty part ended: no more");
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_failure_is_told_while_the_others_run_on() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("the endless part", std::future::pending::<Result<(), Infallible>>());
        tasks.spawn("the short part", async { Ok::<(), Infallible>(()) });
        assert_eq!(tasks.failed().await.to_string(), "the short part ended: without a reason");
        assert!(!stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let mut tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("the part", async { if true { panic!("on purpose") } else { Ok::<(), Infallible>(()) } });
        let ended = tasks.join().await.expect_err("a part panicked");
        assert!(ended.to_string().contains("on purpose"), "{ended}");
    }

    #[tokio::test]
    async fn an_orderly_stop_is_no_failure() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let waits = stop.clone();
        tasks.spawn("the part", async move {
            waits.cancelled().await;
            Ok::<(), Infallible>(())
        });
        stop.cancel();
        tasks.join().await.expect("an orderly end");
    }
}
