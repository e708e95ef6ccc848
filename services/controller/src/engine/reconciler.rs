//! The interface between the engine and a reconciler, and the worker that runs a reconciler.

use super::{
    cache::Key,
    metrics::Metrics,
    queue::{Queue, Taken},
    writer::api_message,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tars_kit::telemetry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The result of one run: the pause before another run, if one is needed although nothing changes, or the failure.
pub type Outcome = Result<Option<Duration>, Failure>;

/// Brings the objects behind a key into the state that they should have.
///
/// A reconciler listens to the caches that it opened and adds the keys that a change concerns to its own queue. A key only says
/// that something may have changed. Each run reads the present state of the caches.
pub trait Reconciler: Send + Sync + 'static {
    /// The name in metrics and logs.
    const NAME: &'static str;

    fn queue(&self) -> &Queue<Key>;

    /// How many keys may run at the same time.
    fn workers(&self) -> u16 {
        1
    }

    /// Notes that this instance holds the Lease now. It is called before the first run.
    fn start_leading(&self) {}

    /// One run for `key`.
    fn reconcile(&self, key: &Key) -> impl Future<Output = Outcome> + Send;
}

/// A reconciler of any kind. The engine keeps all of them in one list.
pub trait AnyReconciler: Send + Sync {
    /// Opens the queue. See also [`Reconciler::start_leading`].
    fn note_leading(&self);

    /// Starts the workers. They end when `halt` is cancelled.
    fn start_workers(self: Arc<Self>, workers: &mut JoinSet<()>, metrics: &Arc<Metrics>, halt: &CancellationToken);

    /// The queue, with the name of the reconciler.
    fn named_queue(&self) -> (&'static str, &Queue<Key>);
}

impl<R: Reconciler> AnyReconciler for R {
    fn note_leading(&self) {
        self.queue().open();
        self.start_leading();
    }

    fn start_workers(self: Arc<Self>, workers: &mut JoinSet<()>, metrics: &Arc<Metrics>, halt: &CancellationToken) {
        for _ in 0..self.workers() {
            workers.spawn(work(self.clone(), metrics.clone(), halt.clone()));
        }
    }

    fn named_queue(&self) -> (&'static str, &Queue<Key>) {
        (R::NAME, self.queue())
    }
}

/// The failure of a run, with the facts by which the worker decides how to go on.
#[derive(Debug)]
pub struct Failure {
    /// The outcome in metrics.
    pub category: &'static str,
    /// Whether another try can help; if not, the key waits for a change of its object.
    pub retry: bool,
    /// Whether such a failure is normal, for example while an old object is being deleted. It is then logged without a warning.
    pub expected: bool,
    pub text: String,
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        Self { category: "api", retry: true, expected: false, text: api_message(&error) }
    }
}

/// Takes keys from the queue of `reconciler` and runs them, until `halt` is cancelled.
async fn work<R: Reconciler>(reconciler: Arc<R>, metrics: Arc<Metrics>, halt: CancellationToken) {
    let queue = reconciler.queue();
    loop {
        let Taken { key, waited } = tokio::select! {
            biased;
            () = halt.cancelled() => return,
            taken = queue.take() => taken,
        };
        metrics.note_wait(R::NAME, waited);
        let span = tracing::info_span!("reconcile", reconciler = R::NAME, namespace = key.namespace, name = key.name);
        let began = Instant::now();
        let outcome = reconciler.reconcile(&key).instrument(span.clone()).await;
        let result = outcome.as_ref().err().map_or("ok", |failure| failure.category);
        metrics.count_run(R::NAME, result, began.elapsed(), telemetry::find_trace(&span));
        match outcome {
            Ok(again) => {
                queue.forget(&key);
                if let Some(pause) = again {
                    queue.add_after(key.clone(), pause);
                }
            }
            Err(failure) if failure.retry => {
                let pause = queue.retry(key.clone());
                span.in_scope(|| {
                    if failure.expected {
                        tracing::debug!(reason = failure.text, ?pause, "must wait, trying again");
                    } else {
                        tracing::warn!(error = failure.text, ?pause, "failed, trying again");
                    }
                });
            }
            Err(failure) => span.in_scope(|| tracing::warn!(error = failure.text, "failed, waiting for a change of the object")),
        }
        queue.done(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A reconciler whose runs all fail.
    struct Failing {
        queue: Queue<Key>,
        runs: AtomicUsize,
        retry: bool,
    }

    impl Reconciler for Failing {
        const NAME: &'static str = "failing";

        fn queue(&self) -> &Queue<Key> {
            &self.queue
        }

        async fn reconcile(&self, _: &Key) -> Outcome {
            self.runs.fetch_add(1, Ordering::Relaxed);
            Err(Failure { category: "test", retry: self.retry, expected: true, text: "on purpose".to_owned() })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_fails_is_tried_again_ever_later_unless_that_cannot_help() {
        for (retry, within_a_second, within_an_hour) in [(true, 6, 120..=140), (false, 1, 1..=1)] {
            let failing = Arc::new(Failing { queue: Queue::default(), runs: AtomicUsize::new(0), retry });
            let mut workers = JoinSet::new();
            failing.clone().start_workers(&mut workers, &Arc::new(Metrics::default()), &CancellationToken::new());
            failing.queue.add(Key::new("bank", "one"));
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(failing.runs.load(Ordering::Relaxed), within_a_second, "after 0, 20, 60, 140, 300 and 620 ms");
            tokio::time::sleep(Duration::from_hours(1)).await;
            let runs = failing.runs.load(Ordering::Relaxed);
            assert!(within_an_hour.contains(&runs), "{runs} runs in an hour");
        }
    }
}
