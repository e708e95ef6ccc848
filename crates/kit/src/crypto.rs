//! Chooses the crypto provider of the process.

/// Makes `ring` the provider of every TLS connection of this process.
///
/// Call this function first in `main`. A second call changes nothing.
pub fn install() {
    // The only error is that a provider is installed already. That happens when several tests run in one process.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
