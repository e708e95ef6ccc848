//! Checks HTTPS on loopback, with a certificate that is replaced while it is served.

#![allow(clippy::expect_used, reason = "a failed expectation is how a test fails, in its helpers too")]

use axum::{Router, routing::get};
use futures::StreamExt;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tars_kit::{
    connections::Limits,
    tls::{ServingCertificate, serve_within},
};
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

type Stream = tokio_rustls::client::TlsStream<TcpStream>;

/// Opens a connection that trusts only `trusted`.
async fn connect(address: SocketAddr, trusted: &Authority) -> std::io::Result<Stream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate.clone()).expect("a root");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("the.service").expect("a name");
    connector.connect(name, TcpStream::connect(address).await?).await
}

/// Sends one GET over a new connection that trusts only `trusted`, and returns the answer.
async fn fetch(address: SocketAddr, trusted: &Authority) -> std::io::Result<String> {
    let mut stream = connect(address, trusted).await?;
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
    let limits = Limits { linger: Duration::ZERO, ..Limits::default() };
    let server = tokio::spawn(serve_within(limits, listener, router, certificate.clone(), stop.clone()));

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

/// Sends one GET over an open connection, reads the answer, and leaves the connection open.
async fn fetch_again(stream: &mut Stream) -> std::io::Result<()> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: the.service\r\n\r\n").await?;
    let mut text = Vec::new();
    while !text.ends_with(b"hello") {
        let byte = stream.read_u8().await?;
        text.push(byte);
    }
    Ok(())
}

/// Waits until the server has closed the connection. It must not have sent anything.
async fn wait_for_end(stream: &mut (impl AsyncReadExt + Unpin)) {
    assert!(matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_)), "the server closes the connection without a word");
}

fn serve_hello(limits: Limits, listener: TcpListener, authority: &Authority) -> CancellationToken {
    tars_kit::crypto::install();
    let certificate = ServingCertificate::default();
    let (chain, key) = authority.leaf();
    certificate.replace(chain.as_bytes(), key.as_bytes()).expect("a good certificate");
    let router = Router::new().route("/", get(|| async { "hello" }));
    let stop = CancellationToken::new();
    tokio::spawn(serve_within(limits, listener, router, certificate, stop.clone()));
    stop
}

#[tokio::test]
async fn after_the_stop_connections_are_served_until_the_time_to_linger_is_over() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = serve_hello(Limits { linger: Duration::from_secs(2), ..Limits::default() }, listener, &authority);
    let mut busy = connect(address, &authority).await.expect("a connection");
    let mut idle = connect(address, &authority).await.expect("a connection");
    fetch_again(&mut busy).await.expect("an answer");
    fetch_again(&mut idle).await.expect("an answer");

    stop.cancel();
    busy.write_all(b"GET / HTTP/1.1\r\nhost: the.service\r\n\r\n").await.expect("the idle connection is open");
    let mut text = String::new();
    busy.read_to_string(&mut text).await.expect("an answer, and then the end");
    assert!(text.contains("connection: close") && text.ends_with("hello"), "{text}");
    assert!(fetch(address, &authority).await.expect("a newcomer is served").ends_with("hello"));
    wait_for_end(&mut idle).await;
    connect(address, &authority).await.expect_err("the port is closed");
}

#[tokio::test]
async fn a_flood_of_idle_connections_shuts_nobody_out() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    serve_hello(Limits { connections: 8, ..Limits::default() }, listener, &authority);

    let mut old_customer = connect(address, &authority).await.expect("a connection");
    fetch_again(&mut old_customer).await.expect("an answer");
    // Half of the flood never begins a handshake, the other half never sends a request.
    let mut flood = Vec::new();
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(address).await.expect("the listener accepts"));
        flood.push(connect(address, &authority).await.expect("a newcomer gets a place"));
    }
    assert!(fetch(address, &authority).await.expect("a newcomer gets a place").ends_with("hello"));
    fetch_again(&mut old_customer).await.expect("a connection that has been useful keeps its place");
    // The oldest connections of the flood had to go.
    wait_for_end(&mut silent[0]).await;
    wait_for_end(&mut flood[0]).await;
}

/// The HTTP client of the API server dials ahead, and may use such a connection for its first request after a long time.
#[tokio::test]
async fn a_connection_that_has_not_been_used_yet_stays_as_long_as_an_idle_one() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let limits = Limits { first_request: Duration::from_millis(100), idle: Duration::from_mins(1), ..Limits::default() };
    serve_hello(limits, listener, &authority);
    let mut dialled_ahead = connect(address, &authority).await.expect("a connection");
    let mut half_a_request = connect(address, &authority).await.expect("a connection");
    half_a_request.write_all(b"GET / HTTP/1.1\r\nhost: the").await.expect("a place to write to");
    wait_for_end(&mut half_a_request).await;
    fetch_again(&mut dialled_ahead).await.expect("an answer");
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let limits = Limits { first_request: Duration::from_secs(2), idle: Duration::from_millis(300), ..Limits::default() };
    serve_hello(limits, listener, &authority);

    wait_for_end(&mut connect(address, &authority).await.expect("a connection")).await;
    let mut half_a_request = connect(address, &authority).await.expect("a connection");
    half_a_request.write_all(b"GET / HTTP/1.1\r\nhost: the").await.expect("a place to write to");
    wait_for_end(&mut half_a_request).await;
    let mut customer = connect(address, &authority).await.expect("a connection");
    fetch_again(&mut customer).await.expect("an answer");
    wait_for_end(&mut customer).await;
}

#[tokio::test]
async fn a_connection_with_a_long_answer_is_not_idle() {
    let authority = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tars_kit::crypto::install();
    let certificate = ServingCertificate::default();
    let (chain, key) = authority.leaf();
    certificate.replace(chain.as_bytes(), key.as_bytes()).expect("a good certificate");
    let trickle = || async {
        let words = futures::stream::iter(["one ", "two ", "three ", "end"]).then(async |word| {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok::<_, std::io::Error>(word)
        });
        axum::body::Body::from_stream(words)
    };
    let router = Router::new().route("/", get(trickle));
    let limits = Limits { idle: Duration::from_millis(300), ..Limits::default() };
    tokio::spawn(serve_within(limits, listener, router, certificate, CancellationToken::new()));

    let answer = fetch(address, &authority).await.expect("the whole answer");
    assert!(answer.contains("three") && answer.contains("end"), "{answer}");
}
