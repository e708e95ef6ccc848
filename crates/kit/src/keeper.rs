//! Makes the certificates of an installation and keeps them in its namespace (docs/reference/trust.md#2.5).
//!
//! ```text
//! plan ─► Secret with the key of the CA ─┬─► Secrets with leaves ─► the pods that mount them (tls::follow_files)
//!         (the leader alone writes)      └─► ConfigMap tars-ca ──► clients
//! ```
//!
//! The webhook uses the parts, because it also writes the `caBundle`s of the cluster. A framework's registry runs [`Keeper`].

mod certificates;
mod store;
#[cfg(test)]
mod tests;

use crate::lease::{Elector, Timing};
pub use certificates::{CertificateError, Description, Material, Served, plan, plan_leaf};
use clap::ValueEnum;
use jiff::Timestamp;
use kube::Client;
use std::{convert::Infallible, time::Duration};
pub use store::{KeeperError, Store};
use tokio_util::sync::CancellationToken;

/// The time between two passes. Renewals depend on the clock, and somebody may have changed an object.
const PASS_PERIOD: Duration = Duration::from_mins(1);
/// The wait after a failed pass. It doubles up to [`PASS_PERIOD`].
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// The election is slow and costs the API server little, because a certificate is renewed days before it ends.
const TIMING: Timing = Timing {
    duration: Duration::from_mins(1),
    deadline: Duration::from_secs(40),
    retry: Duration::from_secs(10),
    look: Duration::from_secs(10),
};

/// Who makes the certificates of an installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Issuer {
    /// A keeper of ours, which has an authority of its own.
    #[default]
    Keeper,
    /// cert-manager. The keeper publishes the authority that stands beside the leaf.
    CertManager,
}

/// Keeps the certificates of an installation that has one leaf. Every replica runs one; the leader by the Lease writes.
pub struct Keeper {
    /// Access to the cluster.
    pub client: Client,
    /// The namespace of the installation.
    pub namespace: String,
    /// The Secret with the key of the CA.
    pub authority: &'static str,
    /// The Secret with the leaf. The keeper writes it, unless cert-manager does.
    pub leaf: &'static str,
    /// The name of the Service whose pods serve the leaf.
    pub host: &'static str,
    /// The Lease of the leader.
    pub lease: &'static str,
    /// Who writes the Secret with the leaf.
    pub issuer: Issuer,
}

impl Keeper {
    /// Keeps the certificates until `stop`. `identity` is unique among all processes that run a keeper for this Lease.
    pub async fn run(self, identity: String, stop: CancellationToken) -> Result<(), Infallible> {
        loop {
            let elector = Elector::new(self.client.clone(), &self.namespace, self.lease, identity.clone(), TIMING);
            let Some(leadership) = elector.acquire(&stop).await else { return Ok(()) };
            tokio::select! {
                () = stop.cancelled() => {}
                () = leadership.lost.cancelled() => {}
                () = self.lead() => {}
            }
            leadership.release().await;
        }
    }

    /// Repeats passes for ever.
    async fn lead(&self) {
        let store = Store::new(self.client.clone(), &self.namespace);
        let mut delay = RETRY_DELAY;
        loop {
            let wait = match self.run_pass(&store, Timestamp::now()).await {
                Ok(()) => {
                    delay = RETRY_DELAY;
                    PASS_PERIOD
                }
                Err(error) => {
                    tracing::warn!(%error, "the certificates of gRPC cannot be kept, trying again");
                    let next = (delay * 2).min(PASS_PERIOD);
                    std::mem::replace(&mut delay, next)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Does one step of each thing that is due: the CA, its publication, the leaf.
    async fn run_pass(&self, store: &Store, now: Timestamp) -> Result<(), KeeperError> {
        if self.issuer == Issuer::CertManager {
            return match store.read_issued(self.leaf, now).await? {
                Some(issued) => store.publish(&issued.bundle()).await,
                None => Ok(()),
            };
        }
        let secret = store.read_secret(self.authority).await?;
        let stored = secret.as_ref().and_then(|secret| secret.data.as_ref()).and_then(Material::from_secret);
        let placed = match &stored {
            Some(material) => store.read_published().await? == Some(material.bundle()),
            None => false,
        };
        let names = store.dns_names_of(self.host);
        let material = match plan(stored.as_ref(), &names, placed, now)? {
            Some(wanted) => {
                store.write_secret(self.authority, secret, wanted.to_secret()).await?;
                wanted
            }
            // Without anything stored there is always something to plan.
            None => stored.ok_or(CertificateError::Read)?,
        };
        store.publish(&material.bundle()).await?;
        let leaf = store.read_secret(self.leaf).await?;
        let wanted = material.to_leaf_secret();
        if leaf.as_ref().and_then(|leaf| leaf.data.as_ref()) != Some(&wanted) {
            store.write_secret(self.leaf, leaf, wanted).await?;
        }
        Ok(())
    }
}
