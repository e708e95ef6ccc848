//! Checks the port of the probes on loopback.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails, in its helpers too")]

use tars_kit::health::{self, Health};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_client::ServerReflectionClient};

async fn probe(channel: &Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn probes_are_answered_in_plain_text_and_nothing_else_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (health, stop) = (Health::new(&["caches"]).await, CancellationToken::new());
    let server = tokio::spawn(health::serve(listener, health.clone(), stop.clone()));

    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    assert_eq!(probe(&channel, health::READINESS).await, ServingStatus::NotServing);
    assert_eq!(probe(&channel, health::LIVENESS).await, ServingStatus::Serving);
    health.set("caches", true).await;
    assert_eq!(probe(&channel, health::READINESS).await, ServingStatus::Serving);
    let question = tokio_stream::iter([ServerReflectionRequest::default()]);
    let refused = ServerReflectionClient::new(channel).server_reflection_info(question).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);

    stop.cancel();
    assert!(server.await.is_ok());
}
