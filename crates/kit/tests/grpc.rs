//! Checks gRPC over TLS on loopback, with a real client.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails, in its helpers too")]

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::net::SocketAddr;
use tars_kit::{
    crypto,
    grpc::{build_routes, serve},
    health::Health,
    tls::ServingCertificate,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

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
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["the.service".to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        certificate.replace(leaf.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    }
}

async fn connect(address: SocketAddr, trusted: &Authority) -> Result<Channel, tonic::transport::Error> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&trusted.pem)).domain_name("the.service");
    Channel::from_shared(format!("https://{address}")).unwrap().tls_config(tls)?.connect().await
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
    let routes = build_routes(&Health::new(&[]).await, &[]).unwrap();
    let server = tokio::spawn(serve(listener, routes, certificate.clone(), stop.clone()));

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
