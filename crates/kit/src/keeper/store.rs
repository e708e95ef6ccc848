//! Reads and writes the objects with certificates.

use super::{CertificateError, Material, Served, plan_leaf};
use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use std::collections::BTreeMap;

/// The `ConfigMap` with the certificates of the authorities.
const AUTHORITIES: &str = "tars-ca";
/// Its key.
const AUTHORITIES_KEY: &str = "ca.crt";

/// Why an object with certificates could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The API server refused, or did not answer.
    #[error("cannot {verb} {name}: {source}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// The name of the Secret or `ConfigMap`.
        name: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// A Secret of cert-manager cannot be used.
    #[error("the Secret {name} is of no use: {source}")]
    Issued {
        /// The name of the Secret.
        name: String,
        /// What it lacks.
        source: CertificateError,
    },
    /// A certificate cannot be made.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
}

fn failed(verb: &'static str, name: &str) -> impl FnOnce(kube::Error) -> KeeperError {
    let name = name.to_owned();
    move |source| KeeperError::Api { verb, name, source: Box::new(source) }
}

/// The objects with certificates in one namespace.
pub struct Store {
    namespace: String,
    secrets: Api<Secret>,
    maps: Api<ConfigMap>,
}

impl Store {
    /// Keeps objects in `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        let secrets = Api::namespaced(client.clone(), namespace);
        Self { namespace: namespace.to_owned(), secrets, maps: Api::namespaced(client, namespace) }
    }

    /// The DNS names of a Service of the namespace, shortest last.
    pub fn dns_names_of(&self, host: &str) -> Vec<String> {
        let namespace = &self.namespace;
        ["", ".svc", ".svc.cluster.local"]
            .map(|suffix| format!("{host}.{namespace}{suffix}"))
            .into_iter()
            .chain([host.to_owned()])
            .collect()
    }

    pub(super) async fn read_secret(&self, name: &str) -> Result<Option<Secret>, KeeperError> {
        self.secrets.get_opt(name).await.map_err(failed("read the Secret", name))
    }

    pub(super) async fn write_secret(
        &self,
        name: &str,
        before: Option<Secret>,
        data: BTreeMap<String, ByteString>,
    ) -> Result<(), KeeperError> {
        let data = Some(data);
        let result = if let Some(before) = before {
            // `before` has its resourceVersion. If there were a second writer in spite of the Lease, one of the two would fail and try
            // again.
            self.secrets.replace(name, &PostParams::default(), &Secret { data, ..before }).await
        } else {
            let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
            let secret = Secret { metadata, data, type_: Some("kubernetes.io/tls".to_owned()), ..Secret::default() };
            self.secrets.create(&PostParams::default(), &secret).await
        };
        result.map_err(failed("store the Secret", name))?;
        tracing::info!(name, "certificate stored");
        Ok(())
    }

    /// Stores a leaf of the authority of `material` for the Service `host` in the Secret `name`, if it is missing or due.
    pub async fn keep_leaf(&self, name: &str, host: &str, material: &Material, now: Timestamp) -> Result<(), KeeperError> {
        let before = self.read_secret(name).await?;
        let stored = before.as_ref().and_then(|secret| secret.data.as_ref());
        match plan_leaf(material, stored, &self.dns_names_of(host), now)? {
            Some(wanted) => self.write_secret(name, before, wanted).await,
            None => Ok(()),
        }
    }

    /// Reads the certificate that cert-manager keeps in the Secret `name`. `None` while there is no such Secret. The authorities that
    /// are published stay trusted until they end.
    ///
    /// # Errors
    /// [`KeeperError::Issued`] when the Secret has no certificate, key or authority that can be used.
    pub async fn read_issued(&self, name: &str, now: Timestamp) -> Result<Option<Served>, KeeperError> {
        let Some(secret) = self.read_secret(name).await? else { return Ok(None) };
        let published = self.read_published().await?.unwrap_or_default();
        let issued = Served::from_issued(&secret.data.unwrap_or_default(), &published, now);
        issued.map(Some).map_err(|source| KeeperError::Issued { name: name.to_owned(), source })
    }

    /// Reads the PEM certificates of the authorities that are published for clients.
    pub async fn read_published(&self) -> Result<Option<String>, KeeperError> {
        let map = self.maps.get_opt(AUTHORITIES).await.map_err(failed("read the ConfigMap", AUTHORITIES))?;
        Ok(map.and_then(|map| map.data?.remove(AUTHORITIES_KEY)))
    }

    /// Publishes the certificates of the authorities for clients.
    pub async fn publish(&self, bundle: &str) -> Result<(), KeeperError> {
        let before = self.maps.get_opt(AUTHORITIES).await.map_err(failed("read the ConfigMap", AUTHORITIES))?;
        let data = Some(BTreeMap::from([(AUTHORITIES_KEY.to_owned(), bundle.to_owned())]));
        let result = match before {
            Some(before) if before.data == data => return Ok(()),
            Some(before) => self.maps.replace(AUTHORITIES, &PostParams::default(), &ConfigMap { data, ..before }).await,
            None => {
                let metadata = ObjectMeta { name: Some(AUTHORITIES.to_owned()), ..ObjectMeta::default() };
                self.maps.create(&PostParams::default(), &ConfigMap { metadata, data, ..ConfigMap::default() }).await
            }
        };
        result.map_err(failed("store the ConfigMap", AUTHORITIES))?;
        tracing::info!(name = AUTHORITIES, "authorities published");
        Ok(())
    }
}
