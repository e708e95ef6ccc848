//! The one crypto provider of the process.

/// Makes `ring` the provider of every TLS connection of this process.
///
/// Call it first in `main`. A second call changes nothing: the provider is the same.
pub fn install() {
    // The only error is "already installed", which a test that runs twice in one process meets.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
