//! Where the certificates come from: this webhook makes them, or cert-manager does (docs/reference/trust.md#2.7).

use super::{Keeper, KeeperError, api_error, decision::Seen, decision::is_placed};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use tars_kit::keeper::{Issuer, KeeperError as StoreError, Material, Served, Store, plan};

/// The Secret with certificates and keys that the leader writes.
pub(super) const OWN_SECRET: &str = "tars-webhook-tls";
/// The Secret that cert-manager writes. It has a name of its own, so that neither writer takes the other's content for its own.
pub(super) const ISSUED_SECRET: &str = "tars-webhook-cert-manager-tls";

/// The Secret from which a keeper reads.
pub(super) const fn secret_of(issuer: Issuer) -> &'static str {
    match issuer {
        Issuer::Keeper => OWN_SECRET,
        Issuer::CertManager => ISSUED_SECRET,
    }
}

/// What is stored.
#[derive(Default)]
pub(super) struct Source {
    secret: Option<Secret>,
    /// The content of the Secret that the leader writes. `None` when cert-manager makes the certificates.
    pub material: Option<Material>,
    /// What to serve.
    pub served: Option<Served>,
    /// What the other issuer has left. It was served before the issuer was changed, and other replicas may still serve it.
    pub former: Option<Served>,
}

impl Source {
    /// Chooses what a process serves that serves nothing yet: the leaf of the former issuer, if it is trusted and that of the present
    /// one is not yet.
    pub fn choose_first(&self, seen: &[Seen], now: Timestamp) -> Option<&Served> {
        let trusted = |leaf: &&Served| leaf.leaf_ends() > now && seen.iter().any(|seen| seen.trusts(leaf));
        let present = self.served.as_ref();
        present.filter(trusted).or_else(|| self.former.as_ref().filter(trusted)).or(present)
    }
}

impl Keeper {
    /// Reads what is stored. `last` is served at the moment: it stays in force when the Secret of cert-manager is missing or of no use.
    pub(super) async fn read_source(&self, last: Option<&Served>, now: Timestamp) -> Result<Source, KeeperError> {
        if self.issuer == Issuer::CertManager {
            let issued = self.read_issued(now).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the certificate of cert-manager cannot be used, trying again");
                None
            });
            // Nobody needs it but a process that has just started.
            let former = if last.is_none() { self.read_own().await?.1.map(|material| material.to_served()) } else { None };
            let served = match (issued, last) {
                (None, Some(last)) => Some(self.keep_trusting(last.clone(), now).await),
                (issued, _) => issued,
            };
            return Ok(Source { served, former, ..Source::default() });
        }
        let (secret, material) = self.read_own().await?;
        // An end of the leaf ends the trust in its authority, too.
        let former = self.read_issued(now).await.unwrap_or_default().filter(|former| former.leaf_ends() > now);
        let mut served = material.as_ref().map(Material::to_served);
        if let (Some(served), Some(former)) = (&mut served, &former) {
            served.trust(former);
        }
        Ok(Source { secret, material, served, former })
    }

    async fn read_issued(&self, now: Timestamp) -> Result<Option<Served>, StoreError> {
        Store::new(self.client.clone(), &self.namespace).read_issued(ISSUED_SECRET, now).await
    }

    /// Trusts what is published, too. A leaf of a newer authority may come back at any moment.
    async fn keep_trusting(&self, mut served: Served, now: Timestamp) -> Served {
        match Store::new(self.client.clone(), &self.namespace).read_published().await {
            Ok(published) => served.trust_published(&published.unwrap_or_default(), now),
            Err(error) => tracing::warn!(%error, "the published authorities cannot be read, trying again"),
        }
        served
    }

    async fn read_own(&self) -> Result<(Option<Secret>, Option<Material>), KeeperError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = api.get_opt(OWN_SECRET).await.map_err(api_error("cannot read the Secret tars-webhook-tls"))?;
        let material = secret.as_ref().and_then(|secret| secret.data.as_ref()).and_then(Material::from_secret);
        Ok((secret, material))
    }

    /// Does the step of a rotation that is due, and stores it.
    pub(super) async fn renew(&self, source: &mut Source, seen: &[Seen], now: Timestamp) -> Result<(), KeeperError> {
        if self.issuer == Issuer::CertManager {
            return Ok(());
        }
        let placed = source.served.as_ref().is_some_and(|served| is_placed(seen, &served.bundle()));
        if let Some(wanted) = plan(source.material.as_ref(), &self.dns_names(), placed, now)? {
            self.store_secret(source.secret.take(), &wanted).await?;
            let mut served = wanted.to_served();
            if let Some(former) = &source.former {
                served.trust(former);
            }
            (source.served, source.material) = (Some(served), Some(wanted));
        }
        Ok(())
    }

    async fn store_secret(&self, before: Option<Secret>, wanted: &Material) -> Result<(), KeeperError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let data = Some(wanted.to_secret());
        let result = if let Some(before) = before {
            // `before` has its resourceVersion. If there were a second writer in spite of the Lease, one of the two would fail and try
            // again.
            api.replace(OWN_SECRET, &PostParams::default(), &Secret { data, ..before }).await
        } else {
            let metadata = ObjectMeta { name: Some(OWN_SECRET.to_owned()), ..ObjectMeta::default() };
            let secret = Secret { metadata, data, type_: Some("kubernetes.io/tls".to_owned()), ..Secret::default() };
            api.create(&PostParams::default(), &secret).await
        };
        result.map_err(api_error("cannot store the Secret tars-webhook-tls"))?;
        tracing::info!(ends = %wanted.to_served().leaf_ends(), "certificates stored");
        Ok(())
    }
}
