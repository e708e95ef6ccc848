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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        cache::{Key, View},
        feed::Selection,
        metrics::Metrics,
        queue::Queue,
        reconciler::{Outcome, Reconciler},
    };
    use http::{Method, Request, Response};
    use kube::{
        Client,
        api::{ApiResource, DynamicObject},
        client::Body,
    };
    use serde_json::{Value, json};
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };
    use tars_kit::lease::{Fence, Timing};
    use tokio::time::{Instant, sleep};

    /// A Lease, when it was written, and whether the API server still answers.
    struct Lease {
        record: Mutex<Value>,
        writes: Mutex<Vec<(Duration, Value)>>,
        /// Who has read it, and when.
        looks: Mutex<Vec<(&'static str, Duration)>>,
        began: Instant,
        /// The instance whose requests about it are not answered any more.
        silenced: Mutex<&'static str>,
        /// Whether lists of objects are answered.
        lists: AtomicBool,
    }

    impl Lease {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                record: Mutex::new(Value::Null),
                writes: Mutex::default(),
                looks: Mutex::default(),
                began: Instant::now(),
                silenced: Mutex::default(),
                lists: AtomicBool::new(true),
            })
        }

        fn client(self: &Arc<Self>, instance: &'static str) -> Client {
            let lease = self.clone();
            let service = tower::service_fn(move |request: Request<Body>| {
                let lease = lease.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = serde_json::from_slice(&body.collect_bytes().await?).unwrap_or(Value::Null);
                    let (code, answer) = lease.answer(instance, &parts.method, &parts.uri.to_string(), body).await;
                    let answer = Body::from(answer.to_string().into_bytes());
                    Ok::<_, kube::Error>(Response::builder().status(code).body(answer).unwrap())
                }
            });
            Client::new(service, "tars-system")
        }

        async fn answer(&self, instance: &'static str, method: &Method, uri: &str, mut body: Value) -> (u16, Value) {
            if !uri.contains("/leases") {
                if uri.contains("watch=") || !self.lists.load(Ordering::Relaxed) {
                    return std::future::pending().await;
                }
                return (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}));
            }
            if *self.silenced.lock().unwrap() == instance {
                return std::future::pending().await;
            }
            let now = self.began.elapsed();
            if method == Method::GET {
                self.looks.lock().unwrap().push((instance, now));
                let record = self.record.lock().unwrap().clone();
                let missing = json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"});
                return if record.is_null() { (404, missing) } else { (200, record) };
            }
            let mut writes = self.writes.lock().unwrap();
            body["metadata"]["resourceVersion"] = json!((writes.len() + 2).to_string());
            writes.push((now, body["spec"].clone()));
            self.record.lock().unwrap().clone_from(&body);
            (200, body)
        }

        fn elector(self: &Arc<Self>, instance: &'static str) -> Elector {
            Elector::new(self.client(instance), "tars-system", "lead", instance.to_owned(), Timing::default())
        }

        fn silence(&self, instance: &'static str) {
            *self.silenced.lock().unwrap() = instance;
        }

        fn holder(&self) -> String {
            self.record.lock().unwrap()["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
        }
    }

    /// Runs that take some time.
    struct Slow {
        queue: Queue<Key>,
        takes: Duration,
        leads: AtomicBool,
        begun: AtomicUsize,
        ended: AtomicUsize,
    }

    impl Slow {
        fn new(takes: Duration) -> Arc<Self> {
            let slow = Self {
                queue: Queue::default(),
                takes,
                leads: AtomicBool::new(false),
                begun: AtomicUsize::new(0),
                ended: AtomicUsize::new(0),
            };
            slow.queue.add(Key::new("bank", "one"));
            Arc::new(slow)
        }

        /// How many runs have begun and ended.
        fn counts(&self) -> (usize, usize) {
            (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
        }
    }

    impl Reconciler for Slow {
        const NAME: &'static str = "slow";

        fn queue(&self) -> &Queue<Key> {
            &self.queue
        }

        fn start_leading(&self) {
            self.leads.store(true, Ordering::Relaxed);
        }

        async fn reconcile(&self, _: &Key) -> Outcome {
            assert!(self.leads.load(Ordering::Relaxed), "it was not told that this instance leads");
            self.begun.fetch_add(1, Ordering::Relaxed);
            sleep(self.takes).await;
            self.ended.fetch_add(1, Ordering::Relaxed);
            Ok(None)
        }
    }

    struct Nothing;

    impl View for Nothing {}

    impl Nothing {
        #[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "every decoder has this signature")]
        fn of(_: DynamicObject) -> Result<Self, serde_json::Error> {
            Ok(Self)
        }
    }

    /// An engine with one watch and one reconciler, which takes part in the election.
    fn start(lease: &Arc<Lease>, slow: &Arc<Slow>, stop: &CancellationToken) -> (JoinSet<()>, JoinSet<Result<(), Error>>) {
        let mut engine = Engine::new(lease.client("this"), Arc::new(Metrics::default()), Fence::open());
        engine.watch(Selection::every(ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&())), Nothing::of);
        engine.add(slow.clone());
        let (watches, mut leading) = (engine.start_watches(), JoinSet::new());
        leading.spawn(lead(Arc::new(engine), lease.elector("this"), stop.clone()));
        (watches, leading)
    }

    const DAY: Duration = Duration::from_hours(24);

    #[tokio::test(start_paused = true)]
    async fn another_instance_leads_within_five_seconds_of_the_death_of_a_leader() {
        let (lease, stop) = (Lease::new(), CancellationToken::new());
        let first = lease.elector("first").acquire(&stop).await.unwrap();
        let second = lease.elector("second");
        let standby = tokio::spawn(async move { second.acquire(&CancellationToken::new()).await });
        sleep(Duration::from_millis(3500)).await;
        let writes = lease.writes.lock().unwrap().clone();
        assert_eq!(writes.iter().map(|(time, _)| time.as_secs()).collect::<Vec<_>>(), [0, 1, 2, 3], "it renews every second");
        assert_eq!(writes[0].1["leaseDurationSeconds"], 4);
        let looks = lease.looks.lock().unwrap().clone();
        assert_eq!(looks.iter().filter(|(who, _)| *who == "first").count(), 1, "by one write");
        let times: Vec<_> = looks.iter().filter(|(who, _)| *who == "second").map(|(_, time)| *time).collect();
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]).as_millis()).collect();
        assert!(pauses.len() > 5 && pauses.iter().all(|pause| (500..=502).contains(pause)), "{pauses:?}");

        lease.silence("first");
        let died = lease.began.elapsed();
        first.lost.cancelled().await;
        let silent = lease.began.elapsed().saturating_sub(writes[3].0).as_millis();
        assert!((2990..=3010).contains(&silent), "it gives up {silent} ms after its last renewal");
        let _second = standby.await.unwrap().unwrap();
        let taken = lease.began.elapsed().saturating_sub(died);
        assert!(taken <= Duration::from_secs(5), "{taken:?}");
        assert_eq!(lease.holder(), "second");
    }

    #[tokio::test(start_paused = true)]
    async fn no_run_begins_before_the_lease_is_held_and_every_watch_has_delivered_its_list() {
        let (lease, slow, stop) = (Lease::new(), Slow::new(Duration::ZERO), CancellationToken::new());
        let other = lease.elector("other").acquire(&stop).await.unwrap();
        lease.lists.store(false, Ordering::Relaxed);
        let (watches, leading) = start(&lease, &slow, &stop);
        sleep(Duration::from_secs(20)).await;
        assert_eq!(slow.counts(), (0, 0), "another instance leads");
        other.release().await;
        sleep(Duration::from_secs(20)).await;
        assert_eq!((lease.holder().as_str(), slow.counts()), ("this", (0, 0)), "the list is missing");
        drop((watches, leading));

        lease.lists.store(true, Ordering::Relaxed);
        let (_watches, _leading) = start(&lease, &slow, &stop);
        sleep(Duration::from_secs(20)).await;
        assert_eq!(slow.counts(), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_loses_the_lease_cuts_off_its_runs_and_fails() {
        let (lease, slow, stop) = (Lease::new(), Slow::new(DAY), CancellationToken::new());
        let (_watches, mut leading) = start(&lease, &slow, &stop);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(slow.counts(), (1, 0));
        lease.silence("this");
        let began = Instant::now();
        assert!(matches!(leading.join_next().await, Some(Ok(Err(Error::LeadershipLost)))));
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        assert_eq!((slow.counts(), Arc::strong_count(&slow)), ((1, 0), 1), "no worker is left that could go on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_is_told_to_stop_lets_runs_end_for_fifteen_seconds_and_gives_the_lease_back() {
        for (takes, ended, seconds) in [(10, 1, 9), (14, 1, 13), (60, 0, 15)] {
            let (lease, slow, stop) = (Lease::new(), Slow::new(Duration::from_secs(takes)), CancellationToken::new());
            let (_watches, mut leading) = start(&lease, &slow, &stop);
            sleep(Duration::from_secs(1)).await;
            assert_eq!((lease.holder().as_str(), slow.counts()), ("this", (1, 0)));
            slow.queue.add(Key::new("bank", "two"));
            stop.cancel();
            let began = Instant::now();
            assert!(matches!(leading.join_next().await, Some(Ok(Ok(())))));
            assert_eq!((lease.holder().as_str(), slow.counts()), ("", (1, ended)), "no other run begins");
            assert_eq!(began.elapsed().as_secs(), seconds, "a run of {takes} s");
        }
    }
}
