//! Keeps the certificates in the Secret, in this process and in each `caBundle` of the API server in step.
//!
//! ```text
//! a watched object changed ─┐
//! a minute passed ──────────┼─► pass: read Secret ─► (leader) plan, store, place bundle ─► serve leaf ─► compare bundles ─► readiness
//! leadership changed ───────┘
//! ```
//!
//! Every replica reads; only the leader by the Lease writes. Each pass reads all objects again, so it repairs a deleted Secret and an
//! overwritten `caBundle`. The watches start such a pass at once.

mod carrier;

use crate::{
    certificates::{CertificateError, Material, plan},
    metrics::Metrics,
};
use carrier::{CONVERTED, Carrier, MUTATING, VALIDATING, read_bundles};
use futures::{Stream, StreamExt, stream::SelectAll};
use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::{
        admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
        core::v1::Secret,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PatchParams, PostParams},
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use std::{convert::Infallible, pin::Pin, time::Duration};
use tars_common::names;
use tars_kit::{
    health::Health,
    lease::{Elector, Timing},
    tls::{self, ServingCertificate},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The Secret with certificates and keys.
const SECRET: &str = "tars-webhook-tls";
/// The readiness check that holds once this replica serves a certificate.
pub const CHECK_CERTIFICATE: &str = "certificate";
/// The readiness check that holds while every registration trusts that certificate.
pub const CHECK_BUNDLES: &str = "ca-bundles";
/// The time between two passes if nothing changes. Renewals depend on the clock, and a watch can miss a change.
const PASS_PERIOD: Duration = Duration::from_mins(1);
/// The wait after a failed pass.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    #[error("{what}: {source}")]
    Api { what: &'static str, source: Box<kube::Error> },
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    #[error(transparent)]
    Tls(#[from] tls::CertificateError),
}

fn api_error(what: &'static str) -> impl FnOnce(kube::Error) -> KeeperError {
    move |source| KeeperError::Api { what, source: Box::new(source) }
}

pub struct Keeper {
    pub client: Client,
    /// The namespace of the Secret, the Lease and the Service.
    pub namespace: String,
    /// Name of the Service in front of the replicas.
    pub service: String,
    /// The certificate of the HTTPS listener.
    pub certificate: ServingCertificate,
    /// Learns the state of [`CHECK_CERTIFICATE`] and [`CHECK_BUNDLES`].
    pub health: Health,
    /// Shows when the served certificate ends.
    pub metrics: Metrics,
}

impl Keeper {
    /// Runs passes until `stop`, and repeats a pass that failed.
    pub async fn run(self, identity: String, stop: CancellationToken) -> Result<(), Infallible> {
        let (mut leading, election) = start_election(self.client.clone(), self.namespace.clone(), identity, stop.clone());
        let mut changes = self.watch_objects();
        let mut served = None;
        loop {
            let leads = *leading.borrow_and_update();
            let wait = match self.run_pass(leads, &mut served).await {
                Ok(()) => PASS_PERIOD,
                Err(error) => {
                    tracing::warn!(%error, "cannot check the certificates, trying again");
                    RETRY_DELAY
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
                Ok(()) = leading.changed() => {}
                Some(()) = changes.next() => {}
            }
        }
        // The task gives the Lease back, so the next leader need not wait for its expiry. The task cannot panic.
        let _ = election.await;
        Ok(())
    }

    /// The DNS names by which API servers call this webhook.
    fn dns_names(&self) -> Vec<String> {
        let Self { service, namespace, .. } = self;
        ["", ".svc", ".svc.cluster.local"]
            .map(|suffix| format!("{service}.{namespace}{suffix}"))
            .into_iter()
            .chain([service.clone()])
            .collect()
    }

    async fn run_pass(&self, leads: bool, served: &mut Option<Material>) -> Result<(), KeeperError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = api.get_opt(SECRET).await.map_err(api_error("cannot read the Secret tars-webhook-tls"))?;
        let stored = secret.as_ref().and_then(|secret| secret.data.as_ref()).and_then(Material::from_secret);
        let mut material = stored;
        if leads {
            let placed = match &material {
                Some(material) => self.is_placed(&material.bundle()).await?,
                None => false,
            };
            if let Some(wanted) = plan(material.as_ref(), &self.dns_names(), placed, Timestamp::now())? {
                self.store_secret(&api, secret, &wanted).await?;
                material = Some(wanted);
            }
            if let Some(material) = &material {
                self.place_bundle(&material.bundle()).await?;
            }
        }
        let Some(material) = material else {
            tracing::info!("waiting for the leader to make certificates");
            return Ok(());
        };
        self.serve_leaf(&material, served)?;
        self.health.set(CHECK_CERTIFICATE, true).await;
        let trusted = self.is_trusted(&material).await?;
        self.health.set(CHECK_BUNDLES, trusted).await;
        Ok(())
    }

    async fn store_secret(&self, api: &Api<Secret>, before: Option<Secret>, wanted: &Material) -> Result<(), KeeperError> {
        let what = "cannot store the Secret tars-webhook-tls";
        let data = Some(wanted.to_secret());
        let result = if let Some(before) = before {
            // `before` has its resourceVersion. If there were a second writer in spite of the Lease, one of the two would fail and try
            // again.
            api.replace(SECRET, &PostParams::default(), &Secret { data, ..before }).await
        } else {
            let metadata = ObjectMeta { name: Some(SECRET.to_owned()), ..ObjectMeta::default() };
            let secret = Secret { metadata, data, type_: Some("kubernetes.io/tls".to_owned()), ..Secret::default() };
            api.create(&PostParams::default(), &secret).await
        };
        result.map_err(api_error(what))?;
        tracing::info!(ends = %wanted.leaf_ends(), "certificates stored");
        Ok(())
    }

    /// Writes the bundle to each clause that lacks it.
    async fn place_bundle(&self, bundle: &str) -> Result<(), KeeperError> {
        let bytes = ByteString(bundle.as_bytes().to_vec());
        for carrier in Carrier::ALL {
            let Some(object) = self.read_carrier(carrier).await? else { continue };
            let Some(patch) = carrier.build_patch(&object, &self.service, &bytes) else { continue };
            let result = carrier.api(self.client.clone()).patch_metadata(&carrier.name(), &PatchParams::default(), &patch).await;
            result.map_err(api_error("cannot write a caBundle"))?;
            tracing::info!(name = carrier.name(), "caBundle written");
        }
        Ok(())
    }

    /// Whether every carrier exists and has exactly this bundle.
    async fn is_placed(&self, bundle: &str) -> Result<bool, KeeperError> {
        let bytes = ByteString(bundle.as_bytes().to_vec());
        for carrier in Carrier::ALL {
            let object = self.read_carrier(carrier).await?;
            if object.is_none_or(|object| carrier.build_patch(&object, &self.service, &bytes).is_some()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether API servers accept the served certificate wherever they call this webhook. A carrier may not exist yet. Then the API
    /// server does not call the webhook for it, and the replica is not ready until the carrier appears and gets its bundle.
    async fn is_trusted(&self, material: &Material) -> Result<bool, KeeperError> {
        for carrier in Carrier::ALL {
            let Some(object) = self.read_carrier(carrier).await? else { return Ok(false) };
            if !read_bundles(&object, &self.service).all(|bundle| material.is_trusted_by(&bundle)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn read_carrier(&self, carrier: Carrier) -> Result<Option<Value>, KeeperError> {
        let what = "cannot read a webhook configuration or a custom resource definition";
        let found = carrier.api(self.client.clone()).get_opt(&carrier.name()).await.map_err(api_error(what))?;
        // A DynamicObject consists of JSON values, so this cannot fail.
        Ok(found.map(|object| serde_json::to_value(object).unwrap_or_default()))
    }

    fn serve_leaf(&self, material: &Material, served: &mut Option<Material>) -> Result<(), KeeperError> {
        if served.as_ref().is_some_and(|served| served.leaf() == material.leaf()) {
            return Ok(());
        }
        let (cert, key) = material.leaf();
        self.certificate.replace(cert.as_bytes(), key.as_bytes())?;
        self.metrics.certificate_ends.set(material.leaf_ends().as_second());
        tracing::info!(ends = %material.leaf_ends(), "serving certificate replaced");
        *served = Some(material.clone());
        Ok(())
    }

    /// Watches the objects that a pass reads. The stream has an item whenever one of them may have changed.
    fn watch_objects(&self) -> SelectAll<Pin<Box<dyn Stream<Item = ()> + Send>>> {
        let only = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
        let secrets = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), &self.namespace);
        let mut changes = SelectAll::new();
        changes.push(drop_content(watcher(secrets, only(SECRET))));
        let all = self.client.clone();
        changes.push(drop_content(watcher(
            Api::<PartialObjectMeta<MutatingWebhookConfiguration>>::all(all.clone()),
            only(MUTATING),
        )));
        changes.push(drop_content(watcher(
            Api::<PartialObjectMeta<ValidatingWebhookConfiguration>>::all(all.clone()),
            only(VALIDATING),
        )));
        for plural in CONVERTED {
            let definitions = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(all.clone());
            changes.push(drop_content(watcher(definitions, only(&Carrier::Definition(plural).name()))));
        }
        changes
    }
}

/// Turns a watch into a stream of signals without content. The watch retries after an error, more and more slowly, and logs nothing: a
/// pass meets the same error and logs it.
fn drop_content<E: Send + 'static>(
    events: impl Stream<Item = Result<E, watcher::Error>> + Send + 'static,
) -> Pin<Box<dyn Stream<Item = ()> + Send>> {
    Box::pin(events.default_backoff().filter_map(async |event| event.ok().map(|_| ())))
}

/// Takes part in the election until `stop`. The value is whether this process leads. The task ends after it has given the Lease back.
fn start_election(
    client: Client,
    namespace: String,
    identity: String,
    stop: CancellationToken,
) -> (watch::Receiver<bool>, JoinHandle<()>) {
    let (sender, receiver) = watch::channel(false);
    let election = tokio::spawn(async move {
        loop {
            let elector = Elector::new(client.clone(), &namespace, names::WEBHOOK_LEASE, identity.clone(), Timing::default());
            let Some(leadership) = elector.acquire(&stop).await else { return };
            sender.send_replace(true);
            tokio::select! {
                () = stop.cancelled() => {}
                () = leadership.lost.cancelled() => {}
            }
            sender.send_replace(false);
            leadership.release().await;
        }
    });
    (receiver, election)
}
