//! Keeps the Secrets of the other components' leaves, and publishes the authorities for clients (docs/reference/trust.md#2.5).

use super::{Keeper, KeeperError, api_error};
use crate::certificates::{Material, plan_leaf};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, api::PostParams};
use std::collections::BTreeMap;

/// The Secrets, and the names of the components in their leaves.
pub(super) const LEAVES: [(&str, &str); 2] = [("tars-controller-tls", "tars-controller"), ("tars-agent-tls", "tars-agent")];
/// The `ConfigMap` with the certificates of the authorities.
const AUTHORITIES: &str = "tars-ca";
/// Its key.
const AUTHORITIES_KEY: &str = "ca.crt";

impl Keeper {
    /// Stores what is missing or due. Returns whether all of it is stored. A failure is logged, and stops nothing else.
    pub(super) async fn keep_leaves(&self, material: &Material) -> bool {
        let mut all = true;
        for (secret, host) in LEAVES {
            all &= note(secret, &self.keep_leaf(secret, host, material).await);
        }
        all & note(AUTHORITIES, &self.publish_authorities(&material.bundle()).await)
    }

    async fn keep_leaf(&self, name: &str, host: &str, material: &Material) -> Result<(), KeeperError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let before = api.get_opt(name).await.map_err(api_error("cannot read a Secret"))?;
        let stored = before.as_ref().and_then(|secret| secret.data.as_ref());
        let Some(wanted) = plan_leaf(material, stored, &self.dns_names_of(host), Timestamp::now())? else { return Ok(()) };
        let data = Some(wanted);
        let result = if let Some(before) = before {
            api.replace(name, &PostParams::default(), &Secret { data, ..before }).await
        } else {
            let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
            let secret = Secret { metadata, data, type_: Some("kubernetes.io/tls".to_owned()), ..Secret::default() };
            api.create(&PostParams::default(), &secret).await
        };
        result.map_err(api_error("cannot store a Secret"))?;
        tracing::info!(name, "certificate stored");
        Ok(())
    }

    async fn publish_authorities(&self, bundle: &str) -> Result<(), KeeperError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let before = api.get_opt(AUTHORITIES).await.map_err(api_error("cannot read the ConfigMap tars-ca"))?;
        let data = Some(BTreeMap::from([(AUTHORITIES_KEY.to_owned(), bundle.to_owned())]));
        let result = match before {
            Some(before) if before.data == data => return Ok(()),
            Some(before) => api.replace(AUTHORITIES, &PostParams::default(), &ConfigMap { data, ..before }).await,
            None => {
                let metadata = ObjectMeta { name: Some(AUTHORITIES.to_owned()), ..ObjectMeta::default() };
                api.create(&PostParams::default(), &ConfigMap { metadata, data, ..ConfigMap::default() }).await
            }
        };
        result.map_err(api_error("cannot store the ConfigMap tars-ca"))?;
        tracing::info!(name = AUTHORITIES, "authorities published");
        Ok(())
    }
}

fn note(name: &str, result: &Result<(), KeeperError>) -> bool {
    if let Err(error) = result {
        tracing::warn!(name, %error, "a certificate of another component cannot be kept, trying again");
    }
    result.is_ok()
}
