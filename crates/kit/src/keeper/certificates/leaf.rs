//! Plans the Secret of a component that does not hold the key of the authority.

use super::{
    CLOCK_SKEW, CertificateError, LEAF_CERT, LEAF_KEY, LEAF_LIFE, Material, build_leaf_secret, is_due,
    pair::{Pair, is_signed_by, make_leaf},
};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use std::collections::BTreeMap;

/// Plans the next content of the Secret: the leaf, its key, and the authorities to trust. `None` when it needs no change.
///
/// - `stored`: the present content; `None` without a Secret.
/// - `names`: the DNS names by which clients call the component.
///
/// A leaf stays until a third of its life is left or its authority is replaced. Clients trust a new authority long before, because it
/// signs nothing until then.
pub fn plan_leaf(
    material: &Material,
    stored: Option<&BTreeMap<String, ByteString>>,
    names: &[String],
    now: Timestamp,
) -> Result<Option<BTreeMap<String, ByteString>>, CertificateError> {
    let text = |key: &str| stored.and_then(|data| String::from_utf8(data.get(key)?.0.clone()).ok());
    let kept = text(LEAF_CERT)
        .zip(text(LEAF_KEY))
        .and_then(|(cert, key)| Pair::new(cert, key))
        .filter(|leaf| leaf.names == names && !is_due(leaf, now) && is_signed_by(&leaf.cert, &material.authority.cert));
    let leaf = kept.map_or_else(
        || {
            let end = (now + LEAF_LIFE).min(material.authority.not_after);
            make_leaf(&material.authority, names, now - CLOCK_SKEW, end)
        },
        Ok,
    )?;
    let wanted = build_leaf_secret(&leaf, &material.bundle());
    Ok((stored != Some(&wanted)).then_some(wanted))
}
