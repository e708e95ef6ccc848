use super::*;
use crate::auth::Metrics;
use axum::{body::Body, routing::post};
use tower::ServiceExt;

const CHECK: &str = "/grpc.health.v1.Health/Check";

/// Calls an open function that never answers.
async fn call(timeout: &str) -> String {
    let nobody = tower::service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(kube::client::Body::empty())) });
    let guard = Guard::new(kube::Client::new(nobody, "tars"), "tars", Metrics::default());
    let door = Arc::new(Door { guard, rights: Rights::list(&[], &[]).unwrap() });
    let router =
        Router::new().route(CHECK, post(std::future::pending::<Response>)).layer(middleware::from_fn_with_state(door, answer));
    let request = Request::post(CHECK).header("grpc-timeout", timeout).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    response.headers()["grpc-status"].to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_the_deadline_of_its_caller() {
    assert_eq!(call("1S").await, (tonic::Code::DeadlineExceeded as i32).to_string());
    assert_eq!(call("soon").await, (tonic::Code::InvalidArgument as i32).to_string());
}
