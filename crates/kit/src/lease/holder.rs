//! Tells who holds a Lease.

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};

/// A Lease that others may hold.
#[derive(Clone, Debug)]
pub struct Holder {
    api: Api<Lease>,
    name: String,
}

impl Holder {
    /// Looks at the Lease `namespace/name`.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }

    /// Reads the identity of the holder, as [`super::Elector::new`] got it; `None` if nobody holds the Lease. Nothing is said about whether
    /// the holder is still alive.
    ///
    /// # Errors
    /// The failure of the request. The caller sets its time limit.
    pub async fn read(&self) -> Result<Option<String>, kube::Error> {
        let lease = self.api.get_opt(&self.name).await?;
        Ok(lease.and_then(|lease| lease.spec?.holder_identity).filter(|holder| !holder.is_empty()))
    }
}
