//! A leader that is stopped as a whole for longer than its Lease, and then goes on, begins no write (docs/reference/controller.md#1.15).
//!
//! The leader is a process of its own: this test program, which starts itself once more. The API server is a small one in this process.

#![allow(clippy::expect_used, reason = "a failed expectation is how a test fails, in its helpers too")]

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use kube::{Client, Config};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tars_kit::lease::{Elector, Timing};
use tokio::{net::TcpListener, sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

const ADDRESS: &str = "PAUSED_LEADER_API_SERVER";
const TIMING: Timing = Timing {
    duration: Duration::from_secs(1),
    deadline: Duration::from_millis(600),
    retry: Duration::from_millis(100),
    look: Duration::from_millis(100),
};

/// The write during which the leader is stopped. It waits for the answer, so it has begun no other write.
const STOPPED_AT: usize = 20;

/// A Lease, and the number of writes that are guarded by it.
#[derive(Default)]
struct Store {
    lease: Mutex<Option<Value>>,
    versions: AtomicUsize,
    writes: AtomicUsize,
    /// Lets the answer go to the write number [`STOPPED_AT`].
    answer: Notify,
    /// Whether the API server is slow to answer about the Lease, so that the leader learns late that another instance leads.
    slow: AtomicBool,
}

type Answer = (StatusCode, Json<Value>);

fn fail(code: StatusCode, reason: &str) -> Answer {
    (code, Json(json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(), "reason": reason})))
}

impl Store {
    fn put(&self, mut lease: Value) -> Value {
        lease["metadata"]["resourceVersion"] = (self.versions.fetch_add(1, Ordering::Relaxed) + 2).to_string().into();
        *self.lease.lock().expect("no panic") = Some(lease.clone());
        lease
    }

    fn find(&self) -> Option<Value> {
        self.lease.lock().expect("no panic").clone()
    }
}

async fn read(State(store): State<Arc<Store>>) -> Answer {
    store.find().map_or_else(|| fail(StatusCode::NOT_FOUND, "NotFound"), |lease| (StatusCode::OK, Json(lease)))
}

async fn create(State(store): State<Arc<Store>>, Json(lease): Json<Value>) -> Answer {
    (StatusCode::CREATED, Json(store.put(lease)))
}

async fn replace(State(store): State<Arc<Store>>, Json(lease): Json<Value>) -> Answer {
    if store.slow.load(Ordering::Relaxed) {
        sleep(TIMING.retry).await;
    }
    let known = store.find().map(|lease| lease["metadata"]["resourceVersion"].clone());
    if known.as_ref() != Some(&lease["metadata"]["resourceVersion"]) {
        return fail(StatusCode::CONFLICT, "Conflict");
    }
    (StatusCode::OK, Json(store.put(lease)))
}

async fn write(State(store): State<Arc<Store>>) -> &'static str {
    if store.writes.fetch_add(1, Ordering::Relaxed) + 1 == STOPPED_AT {
        store.answer.notified().await;
    }
    "{}"
}

/// Kills the leader when the test ends.
struct Leader(Child);

impl Drop for Leader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Leader {
    fn start(address: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "the_leader", "--ignored", "--quiet"]).env(ADDRESS, address);
        Self(command.spawn().expect("a process"))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("a signal");
    }
}

#[test]
#[ignore = "the process that the other test starts"]
fn the_leader() {
    let address = std::env::var(ADDRESS).expect("the address of the API server");
    tars_kit::crypto::install();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = Client::try_from(Config::new(address.parse().expect("an address"))).expect("a client");
        let elector = Elector::new(client.clone(), "tars-system", "the-lease", "leader".to_owned(), TIMING);
        let fence = elector.fence();
        let leadership = elector.acquire(&CancellationToken::new()).await.expect("leadership");
        // The worker asks nothing but the fence, and goes on for a while after leadership was lost.
        let mut rest = 50;
        while rest > 0 {
            if fence.holds() {
                let request = http::Request::post("/write").body(Vec::new()).expect("a request");
                client.request_text(request).await.expect("an answer");
            }
            rest -= i32::from(leadership.lost.is_cancelled());
            sleep(Duration::from_millis(1)).await;
        }
    });
}

#[tokio::test]
async fn a_leader_that_goes_on_after_its_lease_has_ended_begins_no_write() {
    const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/tars-system/leases";
    let store = Arc::new(Store::default());
    let routes = Router::new()
        .route(LEASES, post(create))
        .route(&format!("{LEASES}/the-lease"), get(read).put(replace))
        .route("/write", post(write))
        .with_state(store.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let mut leader = Leader::start(&address);
    while store.writes.load(Ordering::Relaxed) < STOPPED_AT {
        assert!(leader.0.try_wait().expect("the process").is_none(), "the leader ended");
        sleep(Duration::from_millis(5)).await;
    }
    leader.signal(Signal::STOP);
    store.answer.notify_one();
    let stopped = Instant::now();
    while stopped.elapsed() < TIMING.duration {
        sleep(TIMING.retry).await;
    }
    let mut lease = store.find().expect("a Lease");
    lease["spec"]["holderIdentity"] = json!("other");
    store.put(lease);

    store.slow.store(true, Ordering::Relaxed);
    leader.signal(Signal::CONT);
    // It ends when it has seen that another instance leads.
    while leader.0.try_wait().expect("the process").is_none() {
        sleep(TIMING.retry).await;
    }
    assert_eq!(store.writes.load(Ordering::Relaxed), STOPPED_AT, "another instance led already");
}
