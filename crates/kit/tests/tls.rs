//! Checks HTTPS on loopback, with a certificate that is replaced while it is served.

#![allow(clippy::expect_used, reason = "a failed expectation is how a test fails, in its helpers too")]

use axum::{Router, routing::get};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use std::{net::SocketAddr, sync::Arc};
use tars_kit::tls::{ServingCertificate, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    Authority { certificate, issuer: Issuer::new(params, key) }
}

impl Authority {
    fn leaf(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["the.service".to_owned()]).expect("a name");
        (params.signed_by(&key, &self.issuer).expect("a leaf").pem(), key.serialize_pem())
    }
}

/// Sends one GET over a new connection that trusts only `trusted`, and returns the answer.
async fn fetch(address: SocketAddr, trusted: &Authority) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate.clone()).expect("a root");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("the.service").expect("a name");
    let mut stream = connector.connect(name, TcpStream::connect(address).await?).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: the.service\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    // The server closes the connection after its answer. This test does not care whether a close_notify comes first.
    let _ = stream.read_to_string(&mut text).await;
    Ok(text)
}

#[tokio::test]
async fn a_replaced_certificate_serves_new_connections_and_a_bad_one_changes_nothing() {
    tars_kit::crypto::install();
    let (first, second) = (authority(), authority());
    let certificate = ServingCertificate::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let server = tokio::spawn(serve(listener, router, certificate.clone(), stop.clone()));

    assert!(fetch(address, &first).await.is_err(), "without a certificate no handshake succeeds");

    let (chain, key) = first.leaf();
    certificate.replace(chain.as_bytes(), key.as_bytes()).expect("a good certificate");
    assert!(fetch(address, &first).await.expect("an answer").ends_with("hello"));
    assert!(fetch(address, &second).await.is_err(), "a client that trusts another authority refuses");

    let (chain, _) = second.leaf();
    certificate.replace(chain.as_bytes(), b"not a key").expect_err("no key");
    certificate.replace(chain.as_bytes(), key.as_bytes()).expect_err("a key of another certificate");
    assert!(fetch(address, &first).await.expect("still the old one").ends_with("hello"));

    let (chain, key) = second.leaf();
    certificate.replace(chain.as_bytes(), key.as_bytes()).expect("a good certificate");
    assert!(fetch(address, &second).await.expect("the new one").ends_with("hello"));

    stop.cancel();
    server.await.expect("no panic").expect("an orderly end");
}
