//! Decides about certificates: which exist, which are due, and which step comes next. Pure; a keeper acts.
//!
//! ```text
//!                 Secret with the key of the CA                   places where clients look: caBundles, the ConfigMap
//!  install        CA ─signs─► leaf            bundle: CA          ◄── bundle
//!  leaf due       CA ─signs─► new leaf        bundle: CA
//!  CA due         CA, next CA                 bundle: CA, next    ◄── bundle, then time for API servers to see it
//!  next in place  next ─signs─► new leaf      bundle: CA, next        (the old CA stays until it expires)
//! ```
//!
//! A CA signs leaves only when every API server trusts it, and it stays trusted until no replica can serve a leaf of it. A certificate is
//! due when a third of its life is left, by the wall clock.

mod leaf;
mod pair;
mod served;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
pub use leaf::plan_leaf;
pub use pair::{CertificateError, Description};
use pair::{Pair, make_authority, make_leaf, read_expiry, split_bundle};
pub use served::Served;
use std::collections::BTreeMap;

/// A stolen key of a leaf is useful for no longer than this.
const LEAF_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Changes are rare enough not to disturb people, and frequent enough that they are known to work.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// A certificate is valid from a little before it was made, because clocks differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// After this time every API server uses a new bundle. They watch the registrations, so it usually takes seconds.
const PROPAGATION: SignedDuration = SignedDuration::from_mins(10);

/// At most so many authorities of cert-manager are trusted at a time, the newest ones. `caBundle`s must stay small.
const BUNDLE_LIMIT: usize = 8;

// The keys of the Secret.
const CA_CERT: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const NEXT_CERT: &str = "next-ca.crt";
const NEXT_KEY: &str = "next-ca.key";
const BUNDLE: &str = "bundle.crt";
const LEAF_CERT: &str = "tls.crt";
const LEAF_KEY: &str = "tls.key";

/// The content of the Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Material {
    authority: Pair,
    /// The authority that will sign when it is trusted everywhere.
    next: Option<Pair>,
    /// PEM certificates of the authorities to trust, oldest first.
    trusted: Vec<String>,
    leaf: Pair,
}

impl Material {
    /// Reads a Secret. `None` when a part is missing or does not parse, because the rest is of no use then.
    pub fn from_secret(data: &BTreeMap<String, ByteString>) -> Option<Self> {
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        let pair = |cert: &str, key: &str| Pair::new(text(cert)?, text(key)?);
        Some(Self {
            authority: pair(CA_CERT, CA_KEY)?,
            next: pair(NEXT_CERT, NEXT_KEY),
            trusted: split_bundle(&text(BUNDLE)?),
            leaf: pair(LEAF_CERT, LEAF_KEY)?,
        })
    }

    /// The wanted content of the Secret.
    pub fn to_secret(&self) -> BTreeMap<String, ByteString> {
        let entry = |key: &str, text: &str| (key.to_owned(), ByteString(text.as_bytes().to_vec()));
        let mut data = BTreeMap::from([
            entry(CA_CERT, &self.authority.cert),
            entry(CA_KEY, &self.authority.key),
            entry(BUNDLE, &self.bundle()),
            entry(LEAF_CERT, &self.leaf.cert),
            entry(LEAF_KEY, &self.leaf.key),
        ]);
        if let Some(next) = &self.next {
            data.extend([entry(NEXT_CERT, &next.cert), entry(NEXT_KEY, &next.key)]);
        }
        data
    }

    /// The wanted content of a Secret that only has the leaf, its key and the authorities to trust.
    pub fn to_leaf_secret(&self) -> BTreeMap<String, ByteString> {
        build_leaf_secret(&self.leaf, &self.bundle())
    }

    /// PEM certificates of all authorities to trust, which is the wanted content of each `caBundle`.
    pub fn bundle(&self) -> String {
        self.trusted.concat()
    }

    /// The part that a process serves.
    pub fn to_served(&self) -> Served {
        let Pair { cert, key, not_after, .. } = self.leaf.clone();
        Served { cert, key, ends: not_after, signers: vec![self.authority.cert.clone()], trusted: self.trusted.clone() }
    }

    fn new(names: &[String], now: Timestamp) -> Result<Self, CertificateError> {
        let authority = make_authority(now - CLOCK_SKEW, now + AUTHORITY_LIFE)?;
        let leaf = make_leaf(&authority, names, now - CLOCK_SKEW, now + LEAF_LIFE)?;
        Ok(Self { trusted: vec![authority.cert.clone()], next: None, authority, leaf })
    }
}

/// Plans the next content of the Secret. `None` when it needs no change.
///
/// - `stored`: the present content; `None` without a Secret that can be used.
/// - `names`: the DNS names by which API servers call the webhook.
/// - `placed`: whether each `caBundle` equals the stored bundle.
///
/// This is one step of a rotation: the caller stores the content, places its bundle, and plans again.
pub fn plan(
    stored: Option<&Material>,
    names: &[String],
    placed: bool,
    now: Timestamp,
) -> Result<Option<Material>, CertificateError> {
    let Some(stored) = stored.filter(|stored| stored.authority.not_after > now) else {
        return Material::new(names, now).map(Some);
    };
    let mut wanted = stored.clone();
    wanted.trusted.retain(|cert| read_expiry(cert).is_some_and(|end| end > now));
    match &stored.next {
        None if is_due(&stored.authority, now) => {
            let next = make_authority(now - CLOCK_SKEW, now + AUTHORITY_LIFE)?;
            wanted.trusted.push(next.cert.clone());
            wanted.next = Some(next);
        }
        Some(next) if placed && now.duration_since(next.not_before) >= PROPAGATION + CLOCK_SKEW => {
            wanted.authority = next.clone();
            wanted.next = None;
        }
        _ => {}
    }
    let stale = wanted.authority != stored.authority || is_due(&stored.leaf, now) || stored.leaf.names != names;
    if stale {
        let end = (now + LEAF_LIFE).min(wanted.authority.not_after);
        wanted.leaf = make_leaf(&wanted.authority, names, now - CLOCK_SKEW, end)?;
    }
    Ok((wanted != *stored).then_some(wanted))
}

fn build_leaf_secret(leaf: &Pair, bundle: &str) -> BTreeMap<String, ByteString> {
    [(CA_CERT, bundle), (LEAF_CERT, &leaf.cert), (LEAF_KEY, &leaf.key)]
        .map(|(key, text)| (key.to_owned(), ByteString(text.as_bytes().to_vec())))
        .into()
}

/// Whether at most a third of the life is left.
fn is_due(pair: &Pair, now: Timestamp) -> bool {
    let life = pair.not_after.duration_since(pair.not_before);
    pair.not_after.duration_since(now) <= life / 3
}
