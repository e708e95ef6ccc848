//! A leaf to serve, and the authorities that its clients are to trust.

use super::{
    BUNDLE_LIMIT, CA_CERT, LEAF_CERT, LEAF_KEY,
    pair::{CertificateError, read_expiry, split_bundle},
};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use std::collections::BTreeMap;

/// A leaf with its key, and the authorities that its clients are to trust.
#[derive(Clone, PartialEq, Eq)]
pub struct Served {
    pub(super) cert: String,
    pub(super) key: String,
    pub(super) ends: Timestamp,
    /// PEM certificates. A client that trusts one of them accepts the leaf.
    pub(super) signers: Vec<String>,
    /// PEM certificates of the authorities to trust, oldest first.
    pub(super) trusted: Vec<String>,
}

impl Served {
    /// Reads the Secret that cert-manager keeps.
    ///
    /// - `published`: the authorities that clients trust so far. They stay trusted until they end, so that a leaf of the authority
    ///   before is accepted for as long as a process serves it.
    ///
    /// # Errors
    /// [`CertificateError::Issued`] when the Secret has no certificate, key or authority that can be used.
    pub fn from_issued(data: &BTreeMap<String, ByteString>, published: &str, now: Timestamp) -> Result<Self, CertificateError> {
        let text = |key: &'static str| {
            let found = data.get(key).and_then(|bytes| String::from_utf8(bytes.0.clone()).ok());
            found.ok_or(CertificateError::Issued(key))
        };
        let (cert, key, signers) = (text(LEAF_CERT)?, text(LEAF_KEY)?, split_bundle(&text(CA_CERT)?));
        if signers.is_empty() {
            return Err(CertificateError::Issued(CA_CERT));
        }
        let ends = read_expiry(&cert).ok_or(CertificateError::Issued(LEAF_CERT))?;
        let mut issued = Self { cert, key, ends, trusted: Vec::new(), signers };
        issued.trust_published(published, now);
        Ok(issued)
    }

    /// Goes on trusting the authorities that clients trust so far, until they end.
    pub fn trust_published(&mut self, published: &str, now: Timestamp) {
        let mut trusted = split_bundle(published);
        trusted.retain(|cert| read_expiry(cert).is_some_and(|end| end > now));
        let missing: Vec<String> = self.signers.iter().filter(|signer| !trusted.contains(signer)).cloned().collect();
        trusted.extend(missing);
        while let Some(oldest) =
            trusted.iter().position(|cert| !self.signers.contains(cert)).filter(|_| trusted.len() > BUNDLE_LIMIT)
        {
            trusted.remove(oldest);
        }
        self.trusted = trusted;
    }

    /// PEM certificates of all authorities to trust, which is the wanted content of each `caBundle`.
    pub fn bundle(&self) -> String {
        self.trusted.concat()
    }

    /// PEM texts of the serving certificate, with the chain that it may have, and of its key.
    pub fn leaf(&self) -> (&str, &str) {
        (&self.cert, &self.key)
    }

    /// When the serving certificate ends.
    pub fn leaf_ends(&self) -> Timestamp {
        self.ends
    }

    /// Whether a client that trusts `bundle` accepts the serving certificate.
    pub fn is_trusted_by(&self, bundle: &str) -> bool {
        let trusted = split_bundle(bundle);
        self.signers.iter().any(|signer| trusted.contains(signer))
    }

    /// Trusts the authorities of `other`, too.
    pub fn trust(&mut self, other: &Self) {
        let missing: Vec<String> = other.signers.iter().filter(|signer| !self.trusted.contains(signer)).cloned().collect();
        self.trusted.splice(0..0, missing);
    }

    /// Whether the same authority has signed both leaves.
    pub fn has_authority_of(&self, other: &Self) -> bool {
        self.signers.iter().any(|signer| other.signers.contains(signer))
    }
}
