//! The tasks of a process: when one of them ends, all stop.

use crate::causes::with_sources;
use std::error::Error;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// A task ended before the stop.
#[derive(Debug, thiserror::Error)]
#[error("the task \"{task}\" ended: {reason}")]
pub struct Ended {
    /// The name of the task, which says what it does, for example `serve metrics`.
    pub task: &'static str,
    /// The error with its sources, or that there was no error.
    pub reason: String,
}

/// The tasks of one process. When one of them ends, the others stop, too. Otherwise the process would go on without a part of its work,
/// and nobody would notice.
pub struct Tasks {
    set: JoinSet<Result<(), Ended>>,
    stop: CancellationToken,
}

impl Tasks {
    /// Begins without tasks. The tasks must end when `stop` is cancelled; [`Tasks::join`] cancels it when one of them has ended.
    pub fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop }
    }

    /// Starts a task. If `work` ends before the stop, this is a failure, with or without an error.
    pub fn spawn<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        task: &'static str,
        work: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let stop = self.stop.clone();
        self.set.spawn(async move {
            let reason = match work.await {
                Ok(()) if stop.is_cancelled() => return Ok(()),
                Ok(()) => "without a reason".to_owned(),
                Err(error) => with_sources(&*error.into()),
            };
            Err(Ended { task, reason })
        });
    }

    /// Waits for the first task that fails or ends early. It stops nothing, and it can be cancelled without losing a failure. It is for
    /// a process that must do something between the failure and the end of the other tasks.
    pub async fn wait_for_failure(&mut self) -> Ended {
        while let Some(ended) = self.set.join_next().await {
            if let Err(ended) = to_result(ended) {
                return ended;
            }
        }
        std::future::pending().await
    }

    /// Waits until every task has ended. The error is the first task that failed or ended early; later failures follow from it and are
    /// not reported.
    pub async fn join(mut self) -> Result<(), Ended> {
        let mut result = Ok(());
        while let Some(ended) = self.set.join_next().await {
            self.stop.cancel();
            result = result.and(to_result(ended));
        }
        result
    }
}

/// Turns the panic of a task into a failure. The message of the panic, which is in the log, says in which task it happened.
fn to_result(ended: Result<Result<(), Ended>, JoinError>) -> Result<(), Ended> {
    ended.unwrap_or_else(|panic| Err(Ended { task: "unknown", reason: panic.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[tokio::test]
    async fn the_end_of_one_task_stops_the_others_and_is_reported() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let waits = stop.clone();
        tasks.spawn("wait for the stop", async move {
            waits.cancelled().await;
            Ok::<(), Infallible>(())
        });
        tasks.spawn("fail at once", async { Err::<(), _>("no more") });
        let ended = tasks.join().await.expect_err("a task failed");
        assert_eq!(ended.to_string(), "the task \"fail at once\" ended: no more");
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_failure_is_reported_while_the_others_run_on() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("run for ever", std::future::pending::<Result<(), Infallible>>());
        tasks.spawn("end at once", async { Ok::<(), Infallible>(()) });
        assert_eq!(tasks.wait_for_failure().await.to_string(), "the task \"end at once\" ended: without a reason");
        assert!(!stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let mut tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("panic", async { if true { panic!("on purpose") } else { Ok::<(), Infallible>(()) } });
        let ended = tasks.join().await.expect_err("a task panicked");
        assert!(ended.to_string().contains("on purpose"), "{ended}");
    }

    #[tokio::test]
    async fn an_orderly_stop_is_no_failure() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let waits = stop.clone();
        tasks.spawn("wait for the stop", async move {
            waits.cancelled().await;
            Ok::<(), Infallible>(())
        });
        stop.cancel();
        tasks.join().await.expect("an orderly end");
    }
}
