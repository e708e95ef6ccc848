//! Keeps certificates where they belong: in the Secret, in this process, and as `caBundle` at the API server.
//!
//! ```text
//! a watched object changed ─┐
//! a minute passed ──────────┼─► pass: read Secret ─► (leader) plan, store, place bundles ─► serve the leaf ─► verify ─► readiness
//! leadership changed ───────┘
//! ```
//!
//! One writer, by Lease; every replica reads. Each pass looks at everything anew, so a deleted Secret or an overwritten `caBundle` is
//! repaired by the next one, and its watch starts that at once.

use crate::{
    certificates::{self, Material, plan},
    metrics::Metrics,
};
use futures::{StreamExt, stream::SelectAll};
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
    core::{DynamicObject, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use std::{convert::Infallible, pin::Pin, time::Duration};
use tars_common::names::{self, GROUP};
use tars_kit::{
    health::Health,
    lease::{Elector, Timing},
    tls::ServingCertificate,
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The Secret with certificates and keys.
const SECRET: &str = "tars-webhook-tls";
const MUTATING: &str = "tars-mutating-webhook";
const VALIDATING: &str = "tars-validating-webhook";
/// The kinds that this webhook converts.
const CONVERTED: [&str; 2] = ["tservers", "tframeworkconfigs"];
/// Readiness: there is a certificate to serve.
pub const CHECK_CERTIFICATE: &str = "certificate";
/// Readiness: the API server trusts it everywhere.
pub const CHECK_BUNDLES: &str = "ca-bundles";
/// A look without a reason: renewals are due by the clock, and a watch can miss something.
const PERIOD: Duration = Duration::from_mins(1);
/// After a failed pass.
const RETRY: Duration = Duration::from_secs(2);

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{what}: {source}")]
    Api { what: &'static str, source: Box<kube::Error> },
    #[error(transparent)]
    Certificates(#[from] certificates::Error),
    #[error(transparent)]
    Tls(#[from] tars_kit::tls::Error),
}

fn api_error(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Api { what, source: Box::new(source) }
}

/// An object that carries a `caBundle`.
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

    /// Untyped: a definition holds a large schema that nobody here reads.
    fn api(self, client: Client) -> Api<DynamicObject> {
        let resource = match self {
            Self::Mutating => kube::core::ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            Self::Validating => kube::core::ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
            Self::Definition(_) => kube::core::ApiResource::erase::<CustomResourceDefinition>(&()),
        };
        Api::all_with(client, &resource)
    }

    /// The patch that puts `bundle` wherever our Service is called; `None` when it is there.
    fn patch(self, object: &Value, service: &str, bundle: &ByteString) -> Option<Patch<Value>> {
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
        // Webhooks of a configuration are merged by name.
        let patches: Vec<Value> =
            lacking.map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}})).collect();
        (!patches.is_empty()).then(|| Patch::Strategic(json!({"webhooks": patches})))
    }
}

/// See the module.
pub struct Keeper {
    /// To the API server.
    pub client: Client,
    /// Where the Secret, the Lease and the Service are.
    pub namespace: String,
    /// Name of the Service in front of the replicas.
    pub service: String,
    /// What the listener serves.
    pub certificate: ServingCertificate,
    /// Told about [`CHECK_CERTIFICATE`] and [`CHECK_BUNDLES`].
    pub health: Health,
    /// Told when the certificate ends.
    pub metrics: Metrics,
}

impl Keeper {
    /// Runs until `stop`; whatever fails is tried again.
    pub async fn run(self, identity: String, stop: CancellationToken) -> Result<(), Infallible> {
        let (mut leading, election) = lead(self.client.clone(), self.namespace.clone(), identity, stop.clone());
        let mut changes = self.changes();
        let mut served = None;
        loop {
            let leads = *leading.borrow_and_update();
            let wait = match self.pass(leads, &mut served).await {
                Ok(()) => PERIOD,
                Err(error) => {
                    tracing::warn!(%error, "certificates could not be looked after, trying again");
                    RETRY
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
                Ok(()) = leading.changed() => {}
                Some(()) = changes.next() => {}
            }
        }
        // The Lease is given back, or the next leader would have to wait for its expiry. The task cannot panic.
        let _ = election.await;
        Ok(())
    }

    /// The DNS names under which API servers call this webhook.
    fn names(&self) -> Vec<String> {
        let Self { service, namespace, .. } = self;
        ["", ".svc", ".svc.cluster.local"]
            .map(|suffix| format!("{service}.{namespace}{suffix}"))
            .into_iter()
            .chain([service.clone()])
            .collect()
    }

    async fn pass(&self, leads: bool, served: &mut Option<Material>) -> Result<(), Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = api.get_opt(SECRET).await.map_err(api_error("cannot read the Secret tars-webhook-tls"))?;
        let stored = secret.as_ref().and_then(|secret| secret.data.as_ref()).and_then(Material::from_secret);
        let mut material = stored;
        if leads {
            let placed = match &material {
                Some(material) => self.is_placed(&material.bundle()).await?,
                None => false,
            };
            if let Some(wanted) = plan(material.as_ref(), &self.names(), placed, Timestamp::now())? {
                self.store(&api, secret, &wanted).await?;
                material = Some(wanted);
            }
            if let Some(material) = &material {
                self.place(&material.bundle()).await?;
            }
        }
        let Some(material) = material else {
            tracing::info!("waiting for the leader to make certificates");
            return Ok(());
        };
        self.serve(&material, served)?;
        self.health.set(CHECK_CERTIFICATE, true).await;
        let trusted = self.is_trusted(&material).await?;
        self.health.set(CHECK_BUNDLES, trusted).await;
        Ok(())
    }

    async fn store(&self, api: &Api<Secret>, before: Option<Secret>, wanted: &Material) -> Result<(), Error> {
        let what = "cannot store the Secret tars-webhook-tls";
        let data = Some(wanted.to_secret());
        let result = if let Some(before) = before {
            // With its resourceVersion: were there a second writer in spite of the Lease, one of them would fail and look again.
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

    /// Puts the bundle wherever it is not.
    async fn place(&self, bundle: &str) -> Result<(), Error> {
        let bytes = ByteString(bundle.as_bytes().to_vec());
        for carrier in Carrier::ALL {
            let Some(object) = self.get(carrier).await? else { continue };
            let Some(patch) = carrier.patch(&object, &self.service, &bytes) else { continue };
            let result = carrier.api(self.client.clone()).patch_metadata(&carrier.name(), &PatchParams::default(), &patch).await;
            result.map_err(api_error("cannot write a caBundle"))?;
            tracing::info!(name = carrier.name(), "caBundle written");
        }
        Ok(())
    }

    /// Whether every carrier exists and holds exactly this bundle.
    async fn is_placed(&self, bundle: &str) -> Result<bool, Error> {
        let bytes = ByteString(bundle.as_bytes().to_vec());
        for carrier in Carrier::ALL {
            let object = self.get(carrier).await?;
            if object.is_none_or(|object| carrier.patch(&object, &self.service, &bytes).is_some()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether API servers accept what is served, wherever they call this webhook. A carrier that does not exist yet will be given the
    /// bundle when it appears; until then nothing is called, and the replica says that it is not ready.
    async fn is_trusted(&self, material: &Material) -> Result<bool, Error> {
        for carrier in Carrier::ALL {
            let Some(object) = self.get(carrier).await? else { return Ok(false) };
            if !bundles(&object, &self.service).all(|bundle| material.is_trusted_by(&bundle)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn get(&self, carrier: Carrier) -> Result<Option<Value>, Error> {
        let what = "cannot read a webhook configuration or a custom resource definition";
        let found = carrier.api(self.client.clone()).get_opt(&carrier.name()).await.map_err(api_error(what))?;
        // Made of JSON, so it can be written as JSON.
        Ok(found.map(|object| serde_json::to_value(object).unwrap_or_default()))
    }

    fn serve(&self, material: &Material, served: &mut Option<Material>) -> Result<(), Error> {
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

    /// One item whenever an object that a pass looks at may have changed.
    fn changes(&self) -> SelectAll<Pin<Box<dyn futures::Stream<Item = ()> + Send>>> {
        let only = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
        let secrets = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), &self.namespace);
        let mut changes = SelectAll::new();
        changes.push(quiet(watcher(secrets, only(SECRET))));
        let all = self.client.clone();
        changes.push(quiet(watcher(Api::<PartialObjectMeta<MutatingWebhookConfiguration>>::all(all.clone()), only(MUTATING))));
        changes
            .push(quiet(watcher(Api::<PartialObjectMeta<ValidatingWebhookConfiguration>>::all(all.clone()), only(VALIDATING))));
        for plural in CONVERTED {
            let definitions = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(all.clone());
            changes.push(quiet(watcher(definitions, only(&Carrier::Definition(plural).name()))));
        }
        changes
    }
}

/// A watch as a stream of "something happened". Errors are retried, ever slower; the passes say what does not work.
fn quiet<E: Send + 'static>(
    events: impl futures::Stream<Item = Result<E, watcher::Error>> + Send + 'static,
) -> Pin<Box<dyn futures::Stream<Item = ()> + Send>> {
    Box::pin(events.default_backoff().filter_map(async |event| event.ok().map(|_| ())))
}

/// The bundles of all clauses that call our Service.
fn bundles(object: &Value, service: &str) -> impl Iterator<Item = String> {
    let webhooks = object.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let clauses = webhooks.iter().filter_map(|webhook| webhook.get("clientConfig"));
    let ours = |config: &&Value| config.pointer("/service/name").and_then(Value::as_str) == Some(service);
    clauses.chain(object.pointer("/spec/conversion/webhook/clientConfig")).filter(ours).map(|config| {
        let bundle = config.get("caBundle").and_then(|bundle| serde_json::from_value::<ByteString>(bundle.clone()).ok());
        bundle.and_then(|bundle| String::from_utf8(bundle.0).ok()).unwrap_or_default()
    })
}

/// Takes part in the election until `stop`; the value says whether this process leads. The task ends when the Lease is given back.
fn lead(client: Client, namespace: String, identity: String, stop: CancellationToken) -> (watch::Receiver<bool>, JoinHandle<()>) {
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
        let Some(Patch::Strategic(patch)) = Carrier::Mutating.patch(&configuration(Some("old")), "svc", &bundle) else {
            panic!("no patch")
        };
        assert_eq!(patch, json!({"webhooks": [{"name": "ours", "clientConfig": {"caBundle": "bmV3"}}]}));
        assert!(Carrier::Mutating.patch(&configuration(None), "svc", &bundle).is_some());
        assert!(Carrier::Mutating.patch(&configuration(Some("new")), "svc", &bundle).is_none());
    }

    #[test]
    fn a_definition_without_our_conversion_is_left_alone() {
        let bundle = ByteString(b"new".to_vec());
        let carrier = Carrier::Definition("tservers");
        assert!(carrier.patch(&json!({"spec": {"conversion": {"strategy": "None"}}}), "svc", &bundle).is_none());
        let ours =
            json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": "svc"}}}}}});
        assert!(matches!(carrier.patch(&ours, "svc", &bundle), Some(Patch::Merge(_))));
        assert_eq!(bundles(&ours, "svc").collect::<Vec<_>>(), [""]);
    }
}
