//! The leader runs the workers: it waits for the Lease and for the caches, and stops when it loses the Lease or is told to.

use crate::engine::Engine;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tars_kit::lease::Elector;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long current runs may go on after the process was told to stop. The kubelet kills the process after 30 s.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The workers ended, but the process was not told to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("leadership was lost, another instance takes over")]
    LeadershipLost,
    #[error("a worker ended unexpectedly")]
    Worker,
}

/// Waits for the Lease, then runs the workers of `engine` while this instance holds it.
///
/// # Errors
/// The process should end with the error and be started again.
pub async fn lead(engine: Arc<Engine>, elector: Elector, stop: CancellationToken) -> Result<(), Error> {
    let Some(leadership) = elector.acquire(&stop).await else { return Ok(()) };
    engine.start_leading();
    tokio::select! {
        () = engine.synced() => {}
        () = leadership.lost.cancelled() => return Err(Error::LeadershipLost),
        () = stop.cancelled() => { leadership.release().await; return Ok(()) }
    }
    engine.report_leading(true);
    let began = Instant::now();
    let halt = CancellationToken::new();
    let mut workers = engine.start_workers(&halt);
    tracing::info!(workers = workers.len(), objects = engine.count_objects(), "reconciling");
    let result = tokio::select! {
        () = stop.cancelled() => Ok(()),
        () = leadership.lost.cancelled() => Err(Error::LeadershipLost),
        _ = workers.join_next() => Err(Error::Worker),
    };
    engine.report_leading(false);
    halt.cancel();
    if result.is_err() {
        // Another instance may write now. It repairs the runs that are cut off here.
        workers.shutdown().await;
        return result;
    }
    finish(workers).await;
    leadership.release().await;
    tracing::info!(led_for = ?began.elapsed(), "stopped");
    Ok(())
}

/// Lets the runs that are under way end, within the limit.
async fn finish(mut workers: JoinSet<()>) {
    let finished = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_LIMIT, finished).await.is_err() {
        tracing::warn!(limit = ?STOP_LIMIT, "some runs did not end in time");
        workers.shutdown().await;
    }
}
