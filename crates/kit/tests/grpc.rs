//! Checks gRPC over TLS on loopback, with a real client.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails, in its helpers too")]

use kube::Client;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use std::{convert::Infallible, net::SocketAddr};
use tars_kit::{
    auth::{Access, Caller, Guard, Metrics, ObjectRight},
    crypto,
    grpc::{Offer, serve},
    health::Health,
    tls::ServingCertificate,
};
use tars_proto::controller::v1::{
    DESCRIPTORS, ExplainRequest, ExplainResponse, ResyncRequest, ResyncResponse,
    control_service_client::ControlServiceClient,
    control_service_server::{ControlService, ControlServiceServer},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code,
    transport::{Certificate, Channel, ClientTlsConfig},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn make() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn give_leaf(&self, certificate: &ServingCertificate) {
        self.give_leaf_until(certificate, 4096);
    }

    fn give_leaf_until(&self, certificate: &ServingCertificate, year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["the.service".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        certificate.replace(leaf.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    }
}

async fn connect(address: SocketAddr, trusted: &Authority) -> Result<Channel, tonic::transport::Error> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&trusted.pem)).domain_name("the.service");
    Channel::from_shared(format!("https://{address}")).unwrap().tls_config(tls)?.connect().await
}

async fn offer() -> Offer {
    Offer::new(&Health::new(&[]).await, &[], &[]).unwrap()
}

/// An API server that knows the token `good`, whose user may do anything.
fn know_one_caller() -> Guard {
    let service = tower::service_fn(|request: http::Request<kube::client::Body>| async {
        let question = request.into_body().collect_bytes().await.unwrap();
        let mut answer: serde_json::Value = serde_json::from_slice(&question).unwrap();
        let known = answer["spec"]["token"] == "good";
        answer["status"] = json!({"allowed": true, "authenticated": known, "audiences": ["tars.io"], "user": {"username": "me"}});
        let body = kube::client::Body::from(answer.to_string().into_bytes());
        Ok::<_, Infallible>(http::Response::builder().status(201).body(body).unwrap())
    });
    Guard::new(Client::new(service, "tars"), "tars", Metrics::default())
}

/// Asks for the list of services.
async fn reflect(channel: Channel, token: &str) -> Result<(), tonic::Status> {
    let question =
        ServerReflectionRequest { message_request: Some(MessageRequest::ListServices(String::new())), ..Default::default() };
    let mut request = tonic::Request::new(tokio_stream::iter([question]));
    if !token.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let mut answers = ServerReflectionClient::new(channel).server_reflection_info(request).await?.into_inner();
    assert!(answers.message().await?.is_some());
    Ok(())
}

async fn probe(channel: Channel) -> Result<ServingStatus, tonic::Status> {
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(|answer| answer.into_inner().status())
}

#[tokio::test]
async fn grpc_is_served_over_tls_with_a_certificate_that_can_change() {
    crypto::install();
    let (first, second) = (Authority::make(), Authority::make());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (certificate, stop) = (ServingCertificate::default(), CancellationToken::new());
    let server = tokio::spawn(serve(listener, offer().await, certificate.clone(), know_one_caller(), stop.clone()));

    assert!(connect(address, &first).await.is_err(), "there is no certificate yet");
    first.give_leaf(&certificate);
    let channel = connect(address, &first).await.unwrap();
    assert_eq!(probe(channel.clone()).await.unwrap(), ServingStatus::Serving);
    assert!(connect(address, &second).await.is_err(), "a certificate of a foreign authority is refused by the client");
    let in_plain_text = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    assert!(probe(in_plain_text).await.is_err());

    second.give_leaf(&certificate);
    assert_eq!(probe(connect(address, &second).await.unwrap()).await.unwrap(), ServingStatus::Serving);
    assert_eq!(probe(channel).await.unwrap(), ServingStatus::Serving, "open connections stay");

    stop.cancel();
    assert!(server.await.is_ok());
}

#[tokio::test]
async fn only_open_functions_are_served_without_a_token() {
    crypto::install();
    let (authority, certificate, stop) = (Authority::make(), ServingCertificate::default(), CancellationToken::new());
    authority.give_leaf(&certificate);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, offer().await, certificate, know_one_caller(), stop.clone()));

    let channel = connect(address, &authority).await.unwrap();
    assert_eq!(probe(channel.clone()).await.unwrap(), ServingStatus::Serving);
    for token in ["", "bad"] {
        assert_eq!(reflect(channel.clone(), token).await.unwrap_err().code(), Code::Unauthenticated, "{token:?}");
    }
    assert!(reflect(channel, "good").await.is_ok());
    stop.cancel();
}

/// A service that only tells who calls.
struct Mirror;

#[tonic::async_trait]
impl ControlService for Mirror {
    async fn explain(&self, request: tonic::Request<ExplainRequest>) -> Result<tonic::Response<ExplainResponse>, tonic::Status> {
        let caller: &Caller = request.extensions().get().ok_or_else(|| tonic::Status::internal("nobody"))?;
        let (namespace, name) = ("desk".to_owned(), "memo".to_owned());
        caller.check(&ObjectRight { verb: "get", group: "example.com", resource: "memos", namespace, name }).await?;
        Ok(tonic::Response::new(ExplainResponse { instance: caller.name().to_owned(), ..ExplainResponse::default() }))
    }

    async fn resync(&self, _: tonic::Request<ResyncRequest>) -> Result<tonic::Response<ResyncResponse>, tonic::Status> {
        Err(tonic::Status::unimplemented("not here"))
    }
}

#[tokio::test]
async fn a_function_knows_its_caller_and_can_ask_for_rights() {
    crypto::install();
    let (authority, certificate, stop) = (Authority::make(), ServingCertificate::default(), CancellationToken::new());
    authority.give_leaf(&certificate);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let access = [
        ("/tars.controller.v1.ControlService/Explain", Access::Get),
        ("/tars.controller.v1.ControlService/Resync", Access::Update),
    ];
    let offer = Offer::new(&Health::new(&[]).await, &[DESCRIPTORS], &access).unwrap();
    let offer = offer.add_service(ControlServiceServer::new(Mirror));
    tokio::spawn(serve(listener, offer, certificate, know_one_caller(), stop.clone()));

    let mut request = tonic::Request::new(ExplainRequest::default());
    request.metadata_mut().insert("authorization", "Bearer good".parse().unwrap());
    let mut client = ControlServiceClient::new(connect(address, &authority).await.unwrap());
    assert_eq!(client.explain(request).await.unwrap().into_inner().instance, "me");
    stop.cancel();
}

#[tokio::test]
async fn a_client_refuses_a_certificate_that_has_expired() {
    crypto::install();
    let (authority, certificate, stop) = (Authority::make(), ServingCertificate::default(), CancellationToken::new());
    authority.give_leaf_until(&certificate, 2020);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, offer().await, certificate.clone(), know_one_caller(), stop.clone()));

    assert!(connect(address, &authority).await.is_err());
    authority.give_leaf(&certificate);
    assert!(connect(address, &authority).await.is_ok());
    stop.cancel();
}
