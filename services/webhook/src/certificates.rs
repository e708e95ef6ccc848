//! The webhook's own certificates: which there are, which is due, and what comes next. Pure; [`crate::keeper`] acts.
//!
//! ```text
//!                 Secret tars-webhook-tls                         caBundle of registrations and CRDs
//!  install        CA ─signs─► leaf            bundle: CA          ◄── bundle
//!  leaf due       CA ─signs─► new leaf        bundle: CA
//!  CA due         CA, next CA                 bundle: CA, next    ◄── bundle, and time for API servers to see it
//!  next in place  next ─signs─► new leaf      bundle: CA, next        (CA stays until it ends by itself)
//! ```
//!
//! A leaf is served only when every API server trusts its CA, and a CA is trusted until nobody can serve a leaf of it. "Due" means that
//! a third of the life is left, by the wall clock.

mod pair;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
pub use pair::Error;
use pair::{Pair, make_authority, make_leaf};
use std::collections::BTreeMap;

/// A stolen leaf is worth something for this long.
const LEAF_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Long enough that people do not see it change, short enough that the change is not forgotten.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Certificates hold from a little before they were made: clocks differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// After this time every API server has seen a new bundle: they watch the registrations, so seconds are the rule.
const PROPAGATION: SignedDuration = SignedDuration::from_mins(10);

const CA_CERT: &str = "ca.crt";
const CA_KEY: &str = "ca.key";
const NEXT_CERT: &str = "next-ca.crt";
const NEXT_KEY: &str = "next-ca.key";
const BUNDLE: &str = "bundle.crt";
/// Key of the Secret that holds the serving certificate.
const LEAF_CERT: &str = "tls.crt";
/// Key of the Secret that holds the serving certificate's key.
const LEAF_KEY: &str = "tls.key";

/// All that the Secret holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Material {
    authority: Pair,
    /// The authority that signs once it is trusted everywhere.
    next: Option<Pair>,
    /// The authorities to trust, oldest first.
    trusted: Vec<String>,
    leaf: Pair,
}

impl Material {
    /// Reads a Secret; `None` when something is missing or does not parse. Whatever it was, it is of no use then.
    pub fn from_secret(data: &BTreeMap<String, ByteString>) -> Option<Self> {
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        let pair = |cert: &str, key: &str| Pair::new(text(cert)?, text(key)?);
        Some(Self {
            authority: pair(CA_CERT, CA_KEY)?,
            next: pair(NEXT_CERT, NEXT_KEY),
            trusted: pair::split(&text(BUNDLE)?),
            leaf: pair(LEAF_CERT, LEAF_KEY)?,
        })
    }

    /// What the Secret is to hold.
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

    /// PEM of all authorities to trust: what `caBundle` is to hold.
    pub fn bundle(&self) -> String {
        self.trusted.concat()
    }

    /// PEM of the serving certificate and of its key.
    pub fn leaf(&self) -> (&str, &str) {
        (&self.leaf.cert, &self.leaf.key)
    }

    /// When the serving certificate ends.
    pub fn leaf_ends(&self) -> Timestamp {
        self.leaf.not_after
    }

    /// Whether a client that trusts `bundle` accepts the serving certificate.
    pub fn is_trusted_by(&self, bundle: &str) -> bool {
        pair::split(bundle).contains(&self.authority.cert)
    }

    fn new(names: &[String], now: Timestamp) -> Result<Self, Error> {
        let authority = make_authority(now - CLOCK_SKEW, now + AUTHORITY_LIFE)?;
        let leaf = make_leaf(&authority, names, now - CLOCK_SKEW, now + LEAF_LIFE)?;
        Ok(Self { trusted: vec![authority.cert.clone()], next: None, authority, leaf })
    }
}

/// What the Secret is to hold next; `None` when it is fine as it is.
///
/// - `stored`: what it holds; `None` without one that can be used.
/// - `names`: the DNS names under which the webhook is called.
/// - `placed`: whether each `caBundle` is the stored bundle.
///
/// One step at a time: store it, place its bundle, ask again.
pub fn plan(stored: Option<&Material>, names: &[String], placed: bool, now: Timestamp) -> Result<Option<Material>, Error> {
    let Some(stored) = stored.filter(|stored| stored.authority.not_after > now) else {
        return Material::new(names, now).map(Some);
    };
    let mut wanted = stored.clone();
    wanted.trusted.retain(|cert| pair::not_after(cert).is_some_and(|end| end > now));
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

/// A third of the life is left, or less.
fn is_due(pair: &Pair, now: Timestamp) -> bool {
    let life = pair.not_after.duration_since(pair.not_before);
    pair.not_after.duration_since(now) <= life / 3
}
