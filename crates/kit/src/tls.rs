//! Serves HTTPS with a certificate that can be replaced at any time.
//!
//! A handshake reads the current certificate through an atomic pointer and never waits. A new certificate affects new connections only.
//! Open connections keep the certificate that they began with, so that no request fails because of a rotation.
//!
//! # Many idle connections
//! The number of connections is bounded, and a newcomer is never refused: when all places are taken, another connection loses its place
//! at once. The first to go is the one that has waited for longest of those that never got an answer, then the one that has been idle for
//! longest, and only then one with a request. A client that opens thousands of connections and sends nothing thus drives out its own
//! connections only. Without that client's help two limits free the places as well: a connection must send its first request soon, and
//! may not be idle for long afterwards.

use arc_swap::ArcSwapOption;
use axum::Router;
use hyper::service::{Service, service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use places::{Place, Places};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod places;

/// The wait after an error of accepting. The usual cause is that the process has no free file descriptor, which lasts for a while.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The shortest time between two log lines about the same trouble with connections.
const QUIET: Duration = Duration::from_mins(1);
/// An HTTP/2 client that is gone without a word is noticed by a ping after this time without a frame.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long an HTTP/2 client may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open connections may finish their requests after the stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The text is not PEM, or has no certificate or no key in it.
    #[error("the certificate or key is not valid PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// The key has an unsupported type, or does not belong to the certificate.
    #[error("the key cannot be used with the certificate")]
    Key(#[source] rustls::Error),
}

/// The certificate that is served at present. Clones share it.
#[derive(Clone, Default)]
pub struct ServingCertificate(Arc<ArcSwapOption<CertifiedKey>>);

impl fmt::Debug for ServingCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key must never reach a log.
        formatter.debug_tuple("ServingCertificate").field(&self.is_loaded()).finish()
    }
}

impl ServingCertificate {
    /// Replaces the certificate. `chain` is PEM with the leaf first, and `key` is the PEM private key of the leaf. After an error the
    /// certificate that was served before stays.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().map_err(CertificateError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(CertificateError::Pem)?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(CertificateError::Key)?;
        self.0.store(Some(Arc::new(certified)));
        Ok(())
    }

    /// Whether there is a certificate to serve. Without a certificate every handshake is refused.
    pub fn is_loaded(&self) -> bool {
        self.0.load().is_some()
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

/// What one peer may use. The default is for a webhook, whose only caller is the API server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections may be open; at least 1. An API server keeps a few open.
    pub connections: usize,
    /// How long a handshake may take. The API server needs milliseconds.
    pub handshake: Duration,
    /// How long a new connection may take until the headers of its first request are complete. The handshake counts too.
    pub first_request: Duration,
    /// How long a connection may be without a request afterwards. It is longer than the 90 seconds after which the API server closes
    /// an idle connection, so that no request meets a connection that is being closed.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 1024, handshake: seconds(5), first_request: seconds(10), idle: seconds(120) }
    }
}

/// Serves `router` over TLS (1.2 and 1.3, HTTP/1.1 and HTTP/2) on `listener` until `stop` is cancelled. Then open connections may still
/// finish their requests.
///
/// A failed handshake ends its connection only. It is logged at level debug, because port scans and probes cause many of them. An error
/// of accepting a connection does not end the service. It is logged when it begins, and once a minute while it lasts. There is no error at present.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    certificate: ServingCertificate,
    stop: CancellationToken,
) -> io::Result<()> {
    serve_within(Limits::default(), listener, router, certificate, stop).await
}

/// Does what [`serve`] does, with limits of the caller.
pub async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    certificate: ServingCertificate,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let connections = TaskTracker::new();
    let places = Places::new(limits);
    let mut full = Quiet::default();
    while let Some(accepted) = stop.run_until_cancelled(accept(|| listener.accept())).await {
        let (stream, peer) = accepted;
        let (place, evicted) = places.take();
        if evicted && full.may_speak() {
            tracing::warn!(%peer, limit = limits.connections, "too many connections are open, the least useful one was closed");
        }
        let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                () = place.wait_for_loss() => tracing::debug!(%peer, "the connection lost its place"),
                () = serve_connection(stream, peer, &place, limits, acceptor, router, stop) => {}
            }
        });
    }
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!("some connections were still open at the end of the time to drain");
    }
    Ok(())
}

/// Accepts the next connection. No error ends the service: this port is the only way to the cluster's admission.
async fn accept<T, F: Future<Output = io::Result<T>>>(mut attempt: impl FnMut() -> F) -> T {
    let mut failures = Quiet::default();
    loop {
        match attempt().await {
            Ok(accepted) => return accepted,
            // The peer has closed the connection before we accepted it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if failures.may_speak() {
                    tracing::error!(%error, "connections cannot be accepted at present, trying again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Keeps repeated log lines apart.
#[derive(Default)]
struct Quiet(Option<Instant>);

impl Quiet {
    fn may_speak(&mut self) -> bool {
        let may = self.0.is_none_or(|last| last.elapsed() >= QUIET);
        if may {
            self.0 = Some(Instant::now());
        }
        may
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: &Arc<Place>,
    limits: Limits,
    acceptor: TlsAcceptor,
    router: Router,
    stop: CancellationToken,
) {
    let stream = match tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
    };
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        let (under_way, answer) = (place.begin(), router.call(request));
        async move {
            let answer = answer.await;
            under_way.finish();
            answer
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "the connection ended early");
    }
}

#[cfg(test)]
mod tests;
