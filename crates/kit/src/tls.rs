//! Serves HTTPS with a certificate that can be replaced at any time.
//!
//! A handshake reads the current certificate through an atomic pointer and never waits. A new certificate affects new connections only.
//! Open connections keep the certificate that they began with, so that no request fails because of a rotation.

use arc_swap::ArcSwapOption;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A peer that does not finish its handshake in this time is dropped. The API server needs milliseconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many connections may be open. An API server keeps a few open; the limit protects the memory from a flood.
const MAX_CONNECTIONS: usize = 1024;
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

/// Serves `router` over TLS (1.2 and 1.3, HTTP/1.1 and HTTP/2) on `listener` until `stop` is cancelled. Then open connections may still
/// finish their requests.
///
/// A failed handshake ends its connection only. It is logged at level debug, because port scans and probes cause many of them. The
/// errors are those of accepting connections.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    certificate: ServingCertificate,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The peer has closed the connection before we accepted it.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error),
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(%peer, limit = MAX_CONNECTIONS, "refused a connection, too many are open");
            continue;
        };
        let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
            };
            let builder = Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router));
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
        });
    }
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!("some connections were still open at the end of the time to drain");
    }
    Ok(())
}
