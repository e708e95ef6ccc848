//! Serves HTTPS with a certificate that can be replaced at any time.
//!
//! A handshake reads the current certificate through an atomic pointer and never waits. A new certificate affects new connections only.
//! Open connections keep the certificate that they began with, so that no request fails because of a rotation.

use crate::{
    connections::{self, Http, Limits},
    metrics::Registry,
};
use arc_swap::ArcSwapOption;
use axum::Router;
use prometheus_client::metrics::gauge::Gauge;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{convert::Infallible, fmt, sync::Arc};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer, X509Certificate};

mod files;
pub use files::follow_files;

/// The folder into which the charts mount the Secret with a certificate of gRPC.
pub const FOLDER: &str = "/etc/tars/tls";

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
pub struct ServingCertificate {
    served: Arc<ArcSwapOption<CertifiedKey>>,
    /// Unix time in seconds at which it ends; 0 while there is none.
    ends: Gauge,
}

impl fmt::Debug for ServingCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key must never reach a log.
        formatter.debug_tuple("ServingCertificate").field(&self.is_loaded()).finish()
    }
}

impl ServingCertificate {
    /// Makes a holder without a certificate. The metric `certificate_not_after_seconds` of `registry` shows when the one ends that is
    /// served.
    pub fn register(registry: &mut Registry) -> Self {
        let certificate = Self::default();
        let help = "Unix time at which the served certificate ends, 0 while none is served";
        registry.register("certificate_not_after_seconds", help, certificate.ends.clone());
        certificate
    }

    /// Replaces the certificate. `chain` is PEM with the leaf first, and `key` is the PEM private key of the leaf. After an error the
    /// certificate that was served before stays.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().map_err(CertificateError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(CertificateError::Pem)?;
        let ends = chain.first().and_then(|leaf| X509Certificate::from_der(leaf).ok());
        let ends = ends.map_or(0, |(_, leaf)| leaf.validity().not_after.timestamp());
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(CertificateError::Key)?;
        self.served.store(Some(Arc::new(certified)));
        self.ends.set(ends);
        Ok(())
    }

    /// Whether there is a certificate to serve. Without a certificate every handshake is refused.
    pub fn is_loaded(&self) -> bool {
        self.served.load().is_some()
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.served.load_full()
    }
}

/// Serves `router` over TLS (1.2 and 1.3, HTTP/1.1 and HTTP/2) on `listener` until `stop` is cancelled and the time to linger is over.
/// Then open connections may still finish their requests. [`connections`] says which connections are closed when there are too many.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    certificate: ServingCertificate,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    serve_within(Limits::default(), listener, router, certificate, stop).await
}

/// Does what [`serve`] does, with limits of the caller.
pub async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    router: Router,
    certificate: ServingCertificate,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    serve_versions(Http::Any, limits, listener, router, certificate, stop).await
}

/// Does what [`serve_within`] does, with the versions of HTTP that the caller speaks.
pub(crate) async fn serve_versions(
    http: Http,
    limits: Limits,
    listener: TcpListener,
    router: Router,
    certificate: ServingCertificate,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = match http {
        Http::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Http::Two => vec![b"h2".to_vec()],
    };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    connections::serve(limits, http, listener, router, |stream| acceptor.accept(stream), stop).await;
    Ok(())
}
