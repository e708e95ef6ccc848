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
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use std::{
    convert::Infallible,
    fs,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};
use tars_kit::keeper::Issuer;
use tars_proto::registry::v1::{ResolveRequest, name_service_client::NameServiceClient};
use tarsregistry::{args::Config, run::run_with};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code,
    transport::{Certificate, ClientTlsConfig, Endpoint},
};
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
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.ok()?;
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
        tls_folder: "/nowhere".into(),
        certificate_issuer: Issuer::default(),
        grpc_open_reads: true,
        metrics_listen: free(),
    };
    let process = tokio::spawn(run_with(config, cluster.client(), stop.clone()));
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

/// Starts a registry that serves gRPC at the returned address with a certificate of its own for `the.service`, which is returned, too.
async fn start_with_certificate(grpc_open_reads: bool, stop: &CancellationToken) -> (SocketAddr, String) {
    tars_kit::crypto::install();
    let (folder, key) = (tempfile::tempdir().unwrap(), KeyPair::generate().unwrap());
    let leaf = CertificateParams::new(vec!["the.service".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    fs::write(folder.path().join("tls.crt"), &leaf).unwrap();
    fs::write(folder.path().join("tls.key"), key.serialize_pem()).unwrap();
    let (health_listen, grpc_listen) = (free(), free());
    let config = Config {
        namespace: "tars".into(),
        pod_name: "own-0".into(),
        query_listen: free(),
        registry_listen: free(),
        grpc_listen,
        health_listen,
        tls_folder: folder.path().into(),
        certificate_issuer: Issuer::default(),
        grpc_open_reads,
        metrics_listen: free(),
    };
    tokio::spawn(run_with(config, Cluster::default().client(), stop.clone()));
    while probe(health_listen, "liveness").await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(health_listen, ServingStatus::Serving).await;
    (grpc_listen, leaf)
}

#[tokio::test]
async fn a_lookup_over_tls_needs_no_token_unless_reads_are_closed() {
    for (open_reads, code) in [(true, Code::NotFound), (false, Code::Unauthenticated)] {
        let stop = CancellationToken::new();
        let (address, leaf) = start_with_certificate(open_reads, &stop).await;
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(leaf)).domain_name("the.service");
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
        // The certificate is read beside the other beginnings of the process.
        let channel = loop {
            match endpoint.connect().await {
                Ok(channel) => break channel,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let mut names = NameServiceClient::new(channel);
        let request = ResolveRequest { servant: "Demo.Store.StockObj".to_owned() };
        assert_eq!(names.resolve(request).await.unwrap_err().code(), code, "open reads: {open_reads}");
        stop.cancel();
    }
}
