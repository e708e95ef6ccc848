//! Keeps the Secrets of the other components' leaves, and publishes the authorities for clients (docs/reference/trust.md#2.5).

use super::{Keeper, source::Source};
use jiff::Timestamp;
use tars_kit::keeper::{KeeperError, Store};

/// The Secrets, and the names of the components in their leaves.
pub(super) const LEAVES: [(&str, &str); 2] = [("tars-controller-tls", "tars-controller"), ("tars-agent-tls", "tars-agent")];

impl Keeper {
    /// Stores what is missing or due. Returns whether all of it is stored. A failure is logged, and stops nothing else.
    pub(super) async fn keep_leaves(&self, source: &Source, bundle: &str, now: Timestamp) -> bool {
        let store = Store::new(self.client.clone(), &self.namespace);
        let mut all = true;
        for (material, (secret, host)) in source.material.iter().flat_map(|material| LEAVES.map(|leaf| (material, leaf))) {
            all &= note(&store.keep_leaf(secret, host, material, now).await);
        }
        all & note(&store.publish(bundle).await)
    }
}

fn note(result: &Result<(), KeeperError>) -> bool {
    if let Err(error) = result {
        tracing::warn!(%error, "a certificate of another component cannot be kept, trying again");
    }
    result.is_ok()
}
