//! Checks the election against a mocked API server, under tokio's paused clock.

#![allow(clippy::expect_used, reason = "a failed expectation is how a test fails, in its helpers too")]

use http::{Method, Request, Response, StatusCode};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::time::Duration;
use tars_kit::lease::{Elector, Leadership, Timing};
use tokio_util::sync::CancellationToken;
use tower_test::mock::{Handle, SendResponse};

type Api = Handle<Request<Body>, Response<Body>>;

fn elector() -> (Elector, Api) {
    elector_with(Timing::default())
}

fn elector_with(timing: Timing) -> (Elector, Api) {
    let (service, handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let client = Client::new(service, "tars-system");
    (Elector::new(client, "tars-system", "the-lease", "me".to_owned(), timing), handle)
}

async fn next(api: &mut Api) -> (Method, Value, SendResponse<Response<Body>>) {
    let (request, send) = api.next_request().await.expect("a request");
    let method = request.method().clone();
    let body = request.into_body().collect_bytes().await.expect("a body");
    (method, serde_json::from_slice(&body).unwrap_or(Value::Null), send)
}

fn answer(send: SendResponse<Response<Body>>, status: StatusCode, body: &Value) {
    let body = Body::from(serde_json::to_vec(body).expect("JSON"));
    send.send_response(Response::builder().status(status).body(body).expect("a response"));
}

fn lease(holder: &str, version: &str) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "the-lease", "namespace": "tars-system", "resourceVersion": version},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}})
}

fn failure(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason})
}

/// Lets the elector create the Lease, and returns the leadership.
async fn lead(api: &mut Api, elector: Elector) -> Leadership {
    let stop = CancellationToken::new();
    let acquiring = tokio::spawn(async move { elector.acquire(&stop).await });
    let (method, _, send) = next(api).await;
    assert_eq!(method, Method::GET);
    answer(send, StatusCode::NOT_FOUND, &failure(404, "NotFound"));
    let (method, body, send) = next(api).await;
    assert_eq!((method, body["spec"]["holderIdentity"].as_str()), (Method::POST, Some("me")));
    answer(send, StatusCode::CREATED, &lease("me", "1"));
    acquiring.await.expect("no panic").expect("leadership")
}

#[tokio::test(start_paused = true)]
async fn a_standby_takes_over_only_after_the_holder_was_silent_for_the_whole_duration() {
    let (elector, mut api) = elector();
    let begin = tokio::time::Instant::now();
    let stop = CancellationToken::new();
    let acquiring = tokio::spawn(async move { elector.acquire(&stop).await });
    let (body, send) = loop {
        let (method, body, send) = next(&mut api).await;
        if method == Method::PUT {
            break (body, send);
        }
        answer(send, StatusCode::OK, &lease("other", "7"));
    };
    assert_eq!(body["metadata"]["resourceVersion"], "7", "the write must carry the version that was read");
    assert_eq!(body["spec"]["leaseTransitions"], 1);
    answer(send, StatusCode::OK, &lease("me", "8"));
    acquiring.await.expect("no panic").expect("leadership").lost.is_cancelled().then(|| panic!("lost at once"));
    assert!(begin.elapsed() >= Duration::from_secs(15), "taken after {:?}", begin.elapsed());
    assert!(begin.elapsed() <= Duration::from_secs(16), "taken after {:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_gives_up_before_others_may_take_over() {
    let (elector, mut api) = elector();
    let leadership = lead(&mut api, elector).await;
    // The API server hangs. It receives the request and never answers.
    let (_, _, _unanswered) = next(&mut api).await;
    assert!(!leadership.lost.is_cancelled());
    leadership.lost.cancelled().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_renews_by_one_write_and_reads_only_after_a_conflict() {
    let (elector, mut api) = elector();
    let fence = elector.fence();
    assert!(!fence.holds());
    let leadership = lead(&mut api, elector).await;
    assert!(fence.holds());
    for version in ["1", "2"] {
        let (method, body, send) = next(&mut api).await;
        assert_eq!((method, body["metadata"]["resourceVersion"].as_str()), (Method::PUT, Some(version)));
        answer(send, StatusCode::OK, &lease("me", "2"));
    }
    let (_, _, send) = next(&mut api).await;
    answer(send, StatusCode::CONFLICT, &failure(409, "Conflict"));
    let (method, _, send) = next(&mut api).await;
    assert_eq!(method, Method::GET, "after a conflict the next step is a read");
    assert!(!leadership.lost.is_cancelled());
    answer(send, StatusCode::OK, &lease("other", "3"));
    leadership.lost.cancelled().await;
    assert!(!fence.holds());
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_free_at_once() {
    let (elector, mut api) = elector();
    let fence = elector.fence();
    let leadership = lead(&mut api, elector).await;
    let releasing = tokio::spawn(leadership.release());
    let (_, _, send) = next(&mut api).await;
    answer(send, StatusCode::OK, &lease("me", "1"));
    let (method, body, send) = next(&mut api).await;
    assert_eq!((method, body["spec"]["holderIdentity"].as_str()), (Method::PUT, Some("")));
    answer(send, StatusCode::OK, &lease("", "2"));
    releasing.await.expect("no panic");
    assert!(!fence.holds());
}

/// Another instance may lead by the time at which a leader goes on that was stopped as a whole, for example with its machine.
#[tokio::test(start_paused = true)]
async fn the_fence_of_a_leader_that_cannot_renew_closes_before_the_lease_ends() {
    let timing = Timing { deadline: Duration::from_millis(20), ..Timing::default() };
    let (elector, mut api) = elector_with(timing);
    let fence = elector.fence();
    let _leadership = lead(&mut api, elector).await;
    // The clock of the fence goes on while this thread keeps every task from running.
    while fence.holds() {
        std::thread::yield_now();
    }
}
