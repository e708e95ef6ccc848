//! Checks the answers to the probes of the registry's pod. The whole process runs on real sockets, against an API server that comes
//! and goes. The chart asks for `liveness` and `readiness`, see `helm/tarsframework/templates/_helpers.tpl`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic, too")]

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kube::{Client, client::Body};
use serde_json::json;
use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};
use tarsregistry::{args::Config, contact::Contacts, run::run_with};
use tokio_util::sync::CancellationToken;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

type Answer = Response<StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

/// An API server that has only the registry's pod.
#[derive(Clone, Default)]
struct Cluster(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Cancelled while the API server is away. Then open watches end, and every request is refused.
    away: CancellationToken,
    refused: usize,
}

impl Cluster {
    fn client(&self) -> Client {
        let cluster = self.clone();
        Client::new(tower::service_fn(move |request| std::future::ready(Ok::<_, Infallible>(cluster.answer(&request)))), "tars")
    }

    fn goes_away(&self) {
        let mut state = self.0.lock().unwrap();
        state.refused = 0;
        state.away.cancel();
    }

    fn comes_back(&self) {
        self.0.lock().unwrap().away = CancellationToken::new();
    }

    fn refused(&self) -> usize {
        self.0.lock().unwrap().refused
    }

    fn answer(&self, request: &Request<Body>) -> Answer {
        let mut state = self.0.lock().unwrap();
        if state.away.is_cancelled() {
            state.refused += 1;
            return whole(503, &json!({"kind": "Status", "status": "Failure", "message": "away", "code": 503}));
        }
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        if query.contains("watch=true") {
            let silence = stream::pending().take_until(state.away.clone().cancelled_owned());
            return Response::new(StreamBody::new(silence.boxed()));
        }
        if path.contains("/pods/") {
            return whole(200, &json!({"kind": "Pod", "metadata": {"name": "own-0"}, "status": {"conditions": []}}));
        }
        whole(200, &json!({"kind": "List", "metadata": {"resourceVersion": "7"}, "items": []}))
    }
}

fn whole(code: u16, body: &serde_json::Value) -> Answer {
    let body = stream::iter([Ok(Frame::data(Bytes::from(body.to_string())))]).boxed();
    Response::builder().status(code).body(StreamBody::new(body)).unwrap()
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Returns the answer to a gRPC probe, or `None` if no server listens.
async fn probe(address: SocketAddr, service: &str) -> Option<ServingStatus> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.ok()?;
    let mut client = HealthClient::new(channel);
    let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await.ok()?;
    Some(answer.into_inner().status())
}

/// Waits until the probe for readiness has this answer, and checks that liveness holds meanwhile.
async fn until(address: SocketAddr, readiness: ServingStatus) {
    let waiting = async {
        while probe(address, "readiness").await != Some(readiness) {
            assert_eq!(probe(address, "liveness").await, Some(ServingStatus::Serving));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "{readiness:?} did not come about");
}

#[tokio::test]
async fn a_registry_without_api_server_is_alive_and_stays_ready_once_it_was() {
    let (cluster, stop, health_listen) = (Cluster::default(), CancellationToken::new(), free());
    cluster.goes_away();
    let config = Config {
        namespace: "tars".into(),
        pod_name: "own-0".into(),
        query_listen: free(),
        registry_listen: free(),
        grpc_listen: free(),
        health_listen,
        metrics_listen: free(),
    };
    let process = tokio::spawn(run_with(config, cluster.client(), Arc::new(Contacts::default()), stop.clone()));
    while probe(health_listen, "liveness").await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The process knows nothing yet, so no client may be sent to it. But a restart would not help.
    until(health_listen, ServingStatus::NotServing).await;

    cluster.comes_back();
    until(health_listen, ServingStatus::Serving).await;

    cluster.goes_away();
    while cluster.refused() < 3 {
        assert_eq!(probe(health_listen, "readiness").await, Some(ServingStatus::Serving), "the last known state is served");
        assert_eq!(probe(health_listen, "liveness").await, Some(ServingStatus::Serving));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    stop.cancel();
    until(health_listen, ServingStatus::NotServing).await;
    assert!(process.await.unwrap().is_ok());
}
