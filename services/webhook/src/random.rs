//! Random bytes of the operating system.

use rustls::crypto::ring;

/// Makes random bytes: salts for the rules, and the identity of this process in the election.
pub fn make_random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    // This fails only if the operating system has no randomness, and then TLS would not have come this far.
    let _ = ring::default_provider().secure_random.fill(&mut bytes);
    bytes
}
