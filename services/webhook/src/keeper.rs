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

use crate::{
    certificates::{CertificateError, Material, plan},
    metrics::Metrics,
};
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
    api::{ObjectMeta, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use std::{convert::Infallible, pin::Pin, time::Duration};
use tars_common::names::{self, GROUP};
use tars_kit::{
    health::Health,
    lease::{Elector, Timing},
    tls::{self, ServingCertificate},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The Secret with certificates and keys.
const SECRET: &str = "tars-webhook-tls";
const MUTATING: &str = "tars-mutating-webhook";
const VALIDATING: &str = "tars-validating-webhook";
/// The resources that this webhook converts.
const CONVERTED: [&str; 2] = ["tservers", "tframeworkconfigs"];
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

/// An object with a `caBundle`: one of the two webhook configurations, or the definition of a converted resource.
#[derive(Clone, Copy)]
enum Carrier {
    Mutating,
    Validating,
    Definition(&'static str),
}

impl Carrier {
    const ALL: [Self; 4] = [Self::Mutating, Self::Validating, Self::Definition(CONVERTED[0]), Self::Definition(CONVERTED[1])];

    fn name(self) -> String {
        match self {
            Self::Mutating => MUTATING.to_owned(),
            Self::Validating => VALIDATING.to_owned(),
            Self::Definition(plural) => format!("{plural}.{GROUP}"),
        }
    }

    /// The objects stay untyped: a definition holds a large schema, which is not needed here.
    fn api(self, client: Client) -> Api<DynamicObject> {
        let resource = match self {
            Self::Mutating => ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            Self::Validating => ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
            Self::Definition(_) => ApiResource::erase::<CustomResourceDefinition>(&()),
        };
        Api::all_with(client, &resource)
    }

    /// Builds the patch that writes `bundle` to each clause that calls our Service. `None` when all of them have it.
    fn build_patch(self, object: &Value, service: &str, bundle: &ByteString) -> Option<Patch<Value>> {
        let bundle = json!(bundle);
        let lacks = |config: Option<&Value>| {
            let config = config.filter(|config| config.pointer("/service/name").and_then(Value::as_str) == Some(service))?;
            (config.get("caBundle") != Some(&bundle)).then_some(())
        };
        if let Self::Definition(_) = self {
            lacks(object.pointer("/spec/conversion/webhook/clientConfig"))?;
            return Some(Patch::Merge(json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": bundle}}}}})));
        }
        let webhooks = object.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let lacking = webhooks.iter().filter(|webhook| lacks(webhook.get("clientConfig")).is_some());
        // A strategic merge finds the webhooks of a configuration by their names.
        let patches: Vec<Value> =
            lacking.map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}})).collect();
        (!patches.is_empty()).then(|| Patch::Strategic(json!({"webhooks": patches})))
    }
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

/// Reads the bundles of all clauses that call our Service. A clause without a bundle gives an empty text.
fn read_bundles(object: &Value, service: &str) -> impl Iterator<Item = String> {
    let webhooks = object.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let clauses = webhooks.iter().filter_map(|webhook| webhook.get("clientConfig"));
    let ours = |config: &&Value| config.pointer("/service/name").and_then(Value::as_str) == Some(service);
    clauses.chain(object.pointer("/spec/conversion/webhook/clientConfig")).filter(ours).map(|config| {
        let bundle = config.get("caBundle").and_then(|bundle| serde_json::from_value::<ByteString>(bundle.clone()).ok());
        bundle.and_then(|bundle| String::from_utf8(bundle.0).ok()).unwrap_or_default()
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(bundle: Option<&str>) -> Value {
        let config = |service: &str| {
            let mut config = json!({"service": {"name": service, "namespace": "tars-system"}});
            if let Some(bundle) = bundle {
                config["caBundle"] = json!(ByteString(bundle.as_bytes().to_vec()));
            }
            config
        };
        json!({"webhooks": [{"name": "ours", "clientConfig": config("svc")}, {"name": "foreign", "clientConfig": config("other")}]})
    }

    #[test]
    fn only_our_clauses_are_written_and_only_when_they_differ() {
        let bundle = ByteString(b"new".to_vec());
        let Some(Patch::Strategic(patch)) = Carrier::Mutating.build_patch(&configuration(Some("old")), "svc", &bundle) else {
            panic!("no patch")
        };
        assert_eq!(patch, json!({"webhooks": [{"name": "ours", "clientConfig": {"caBundle": "bmV3"}}]}));
        assert!(Carrier::Mutating.build_patch(&configuration(None), "svc", &bundle).is_some());
        assert!(Carrier::Mutating.build_patch(&configuration(Some("new")), "svc", &bundle).is_none());
    }

    #[test]
    fn a_definition_without_our_conversion_is_left_alone() {
        let bundle = ByteString(b"new".to_vec());
        let carrier = Carrier::Definition("tservers");
        assert!(carrier.build_patch(&json!({"spec": {"conversion": {"strategy": "None"}}}), "svc", &bundle).is_none());
        let ours =
            json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": "svc"}}}}}});
        assert!(matches!(carrier.build_patch(&ours, "svc", &bundle), Some(Patch::Merge(_))));
        assert_eq!(read_bundles(&ours, "svc").collect::<Vec<_>>(), [""]);
    }
}
