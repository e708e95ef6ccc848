//! Calls gRPC of pods through the API server, as tools do it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt, api::ListParams};
use kubectl_tars::service;
pub use kubectl_tars::service::{Trust, connect_to_pod};
use rustls::{ClientConfig, RootCertStore, time_provider::TimeProvider};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use std::{io, sync::Arc, time::Duration};
use tonic::{
    Request,
    metadata::MetadataValue,
    transport::{Channel, Endpoint, Identity},
};

/// Finds a pod by its labels that is not being deleted.
///
/// # Panics
/// When there is none.
pub async fn find_pod(pods: &Api<Pod>, labels: &str) -> String {
    let list = pods.list(&ListParams::default().labels(labels)).await.expect("the pods");
    let alive = list.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none());
    alive.unwrap_or_else(|| panic!("a pod with {labels}")).name_any()
}

/// Connects to a port of a pod as a client that shows a certificate of its own.
///
/// # Panics
/// When there is no connection.
pub async fn connect_as(identity: Identity, pods: Api<Pod>, pod: String, port: u16, trust: Trust<'_>) -> Channel {
    let endpoint = Endpoint::from_static("https://a.pod").tls_config(trust.to_config().identity(identity)).expect("settings");
    service::forward(endpoint, pods, pod, port).await.expect("a connection")
}

/// Asks for a token of a `ServiceAccount` that lives for ten minutes.
///
/// # Panics
/// When the API server gives none.
pub async fn request_token(client: &Client, namespace: &str, account: &str, audience: &str) -> String {
    service::request_token(client, namespace, account, audience).await.expect("a token")
}

/// Makes a request with a token; an empty token stands for none.
///
/// # Panics
/// When the token is no text for a header.
pub fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        let value: MetadataValue<_> = format!("Bearer {token}").parse().expect("a token is plain text");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// A clock that stands still.
#[derive(Debug)]
struct StoppedClock(UnixTime);

impl TimeProvider for StoppedClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

/// Does a TLS handshake with a port of a pod, as a client does whose clock says `now`.
///
/// # Errors
/// What the client says when it does not trust the certificate.
///
/// # Panics
/// When the port is not forwarded, or `trust` cannot be read.
pub async fn shake_hands_at(now: Timestamp, pods: &Api<Pod>, pod: &str, port: u16, trust: Trust<'_>) -> io::Result<()> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(trust.authorities.as_bytes()) {
        roots.add(authority.expect("PEM")).expect("a certificate");
    }
    let clock =
        StoppedClock(UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_second()).expect("after 1970"))));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(clock)).with_safe_default_protocol_versions();
    let mut config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut forwarder = pods.portforward(pod, &[port]).await.expect("a forwarded port");
    let stream = forwarder.take_stream(port).expect("a forwarded port");
    let name = ServerName::try_from(trust.name.to_owned()).expect("a name");
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(|_| ())
}
