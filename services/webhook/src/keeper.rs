//! Keeps the certificates in the Secret, in this process and in each `caBundle` of the API server in step.
//!
//! ```text
//! a watched object changed ─┐
//! a minute passed ──────────┼─► pass: read Secret ─► look at the bundles ─► (leader) plan, store, place bundle ─► serve leaf ─► readiness
//! leadership changed ───────┘        └─ a process that serves nothing serves the stored leaf at once
//! ```
//!
//! A carrier that is missing, or that fails, never keeps the pass from its other steps.
//!
//! Every replica reads; only the leader by the Lease writes. Each pass reads all objects again, so it repairs a deleted Secret and an
//! overwritten `caBundle`. The watches start such a pass at once.

mod carrier;
mod decision;
mod leaves;
#[cfg(test)]
mod tests;

use crate::metrics::Metrics;
use carrier::{CONVERTED, Carrier, MUTATING, VALIDATING, read_clauses};
pub use decision::State;
use decision::{Finding, Seen, is_callable, is_placed, may_serve};
use futures::{Stream, StreamExt, stream::SelectAll};
use jiff::Timestamp;
use k8s_openapi::{
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
use leaves::LEAVES;
use std::{collections::BTreeMap, convert::Infallible, pin::Pin, time::Duration};
use tars_common::names;
use tars_kit::{
    health::Health,
    keeper::{CertificateError, Material, Store, plan},
    lease::{Elector, Timing},
    tls::{self, ServingCertificate},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The Secret with certificates and keys.
const SECRET: &str = "tars-webhook-tls";
/// The readiness check that holds once this replica serves a certificate.
pub const CHECK_CERTIFICATE: &str = "certificate";
/// The readiness check that holds while API servers that call this webhook trust that certificate.
pub const CHECK_BUNDLES: &str = "ca-bundles";
/// The time between two passes if nothing changes. Renewals depend on the clock, and a watch can miss a change.
const PASS_PERIOD: Duration = Duration::from_mins(1);
/// The wait after a failed pass. It doubles while single carriers fail, up to [`PASS_PERIOD`].
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

/// What one pass leaves for the next.
#[derive(Default)]
struct Memory {
    served: Option<Material>,
    /// The last state of each carrier, so that only changes are logged.
    states: BTreeMap<String, State>,
}

/// What the last pass found, for people who ask.
#[derive(Clone, Debug)]
pub struct Report {
    /// The PEM certificate that this process serves.
    pub served: String,
    /// PEM certificates of the authorities to trust, oldest first.
    pub authorities: String,
    /// Kind and name of each carrier, its state, and why it could not be read or written.
    pub carriers: Vec<(String, State, Option<String>)>,
    pub checked: Timestamp,
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
    /// Shows the states of the carriers.
    pub metrics: Metrics,
    /// Gets what each pass found.
    pub reports: watch::Sender<Option<Report>>,
}

impl Keeper {
    /// Runs passes until `stop`, and repeats a pass that failed.
    pub async fn run(self, identity: String, stop: CancellationToken) -> Result<(), Infallible> {
        let (mut leading, election) = start_election(self.client.clone(), self.namespace.clone(), identity, stop.clone());
        let mut changes = self.watch_objects();
        let mut memory = Memory::default();
        let mut delay = RETRY_DELAY;
        loop {
            let leads = *leading.borrow_and_update();
            let wait = match self.run_pass(leads, &mut memory, Timestamp::now()).await {
                Ok(true) => {
                    delay = RETRY_DELAY;
                    PASS_PERIOD
                }
                Ok(false) => {
                    let next = (delay * 2).min(PASS_PERIOD);
                    std::mem::replace(&mut delay, next)
                }
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
        Store::new(self.client.clone(), &self.namespace).dns_names_of(&self.service)
    }

    /// Does each step that is possible now. Returns whether all carriers and all objects of other components could be read and written.
    async fn run_pass(&self, leads: bool, memory: &mut Memory, now: Timestamp) -> Result<bool, KeeperError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = api.get_opt(SECRET).await.map_err(api_error("cannot read the Secret tars-webhook-tls"))?;
        let mut material = secret.as_ref().and_then(|secret| secret.data.as_ref()).and_then(Material::from_secret);
        if let (None, Some(material)) = (&memory.served, &material) {
            self.serve_leaf(material, &[], &mut memory.served, now).await?;
        }
        let mut seen = self.look_at_carriers().await;
        let (mut stored, mut others) = (Ok(()), true);
        if leads {
            let placed = material.as_ref().is_some_and(|material| is_placed(&seen, &material.bundle()));
            if let Some(wanted) = plan(material.as_ref(), &self.dns_names(), placed, now)? {
                stored = self.store_secret(&api, secret, &wanted).await;
                if stored.is_ok() {
                    material = Some(wanted);
                }
            }
            if let Some(material) = &material {
                self.serve_leaf(material, &seen, &mut memory.served, now).await?;
                self.place_bundle(&material.bundle(), &mut seen).await;
                others = self.keep_leaves(material, now).await;
            }
        }
        if let Some(material) = &material {
            self.serve_leaf(material, &seen, &mut memory.served, now).await?;
        } else {
            tracing::info!("waiting for the leader to make certificates");
        }
        if let Some(served) = &memory.served {
            if let Some(callable) = is_callable(&seen, served) {
                self.health.set(CHECK_BUNDLES, callable).await;
            }
            self.report(&seen, served, &mut memory.states);
            let authorities = material.as_ref().unwrap_or(served).bundle();
            self.reports.send_replace(Some(build_report(&seen, served, authorities, now)));
        }
        stored.map(|()| others && seen.iter().all(|seen| seen.failure.is_none()))
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

    /// Writes the bundle to each clause that lacks it, and notes in `seen` what came of it.
    async fn place_bundle(&self, bundle: &str, seen: &mut [Seen]) {
        for Seen { carrier, finding, failure } in seen {
            let Finding::Ours(clauses) = finding else { continue };
            let Some(patch) = carrier.build_patch(clauses, bundle) else { continue };
            let api = carrier.api(self.client.clone());
            match api.patch_metadata(&carrier.name(), &PatchParams::default(), &patch).await {
                Ok(_) => {
                    tracing::info!(name = carrier.name(), "caBundle written");
                    for clause in clauses {
                        bundle.clone_into(&mut clause.bundle);
                    }
                }
                // It was deleted after it was read.
                Err(kube::Error::Api(status)) if status.is_not_found() => *finding = Finding::Missing,
                Err(error) => *failure = Some(format!("cannot write its caBundle: {error}")),
            }
        }
    }

    async fn look_at_carriers(&self) -> Vec<Seen> {
        let mut all = Vec::with_capacity(Carrier::ALL.len());
        for carrier in Carrier::ALL {
            let (finding, failure) = match carrier.api(self.client.clone()).get_opt(&carrier.name()).await {
                Ok(None) => (Finding::Missing, None),
                Ok(Some(object)) => {
                    // A DynamicObject consists of JSON values, so this cannot fail.
                    let clauses = read_clauses(&serde_json::to_value(object).unwrap_or_default(), &self.namespace, &self.service);
                    (if clauses.is_empty() { Finding::Foreign } else { Finding::Ours(clauses) }, None)
                }
                Err(error) => (Finding::Unreadable, Some(format!("cannot read it: {error}"))),
            };
            all.push(Seen { carrier, finding, failure });
        }
        all
    }

    /// Shows the state of each carrier in the metrics, and logs each change.
    fn report(&self, seen: &[Seen], served: &Material, states: &mut BTreeMap<String, State>) {
        for seen in seen {
            let (name, state) = (seen.carrier.name(), seen.state(served));
            if seen.failure.is_some() {
                self.metrics.count_carrier_failure(&name);
            }
            self.metrics.show_carrier(&name, state.as_str(), State::ALL.map(State::as_str));
            if states.insert(name.clone(), state) == Some(state) {
                continue;
            }
            match (state, &seen.failure) {
                (_, Some(error)) => tracing::warn!(name, error, "a caBundle cannot be kept, trying again"),
                (State::Missing, _) => tracing::warn!(name, "the object does not exist, so the API server does not call for it"),
                (State::Foreign, _) => tracing::warn!(name, "the object does not call this Service"),
                (State::Distrusting, _) => tracing::warn!(name, "the API server does not trust the served certificate"),
                (State::Trusting | State::Failing, None) => tracing::info!(name, "the API server trusts the served certificate"),
            }
        }
    }

    /// Serves the leaf of `material` where that makes nothing worse, see [`may_serve`].
    async fn serve_leaf(
        &self,
        material: &Material,
        seen: &[Seen],
        served: &mut Option<Material>,
        now: Timestamp,
    ) -> Result<(), KeeperError> {
        if served.as_ref().is_some_and(|served| served.leaf() == material.leaf())
            || !may_serve(material, served.as_ref(), seen, now)
        {
            return Ok(());
        }
        let (cert, key) = material.leaf();
        self.certificate.replace(cert.as_bytes(), key.as_bytes())?;
        tracing::info!(ends = %material.leaf_ends(), "serving certificate replaced");
        *served = Some(material.clone());
        self.health.set(CHECK_CERTIFICATE, true).await;
        Ok(())
    }

    /// Watches the objects that a pass reads. The stream has an item whenever one of them may have changed.
    fn watch_objects(&self) -> SelectAll<Pin<Box<dyn Stream<Item = ()> + Send>>> {
        let only = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
        let secrets = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), &self.namespace);
        let mut changes = SelectAll::new();
        for name in [SECRET].into_iter().chain(LEAVES.map(|(secret, _)| secret)) {
            changes.push(drop_content(watcher(secrets.clone(), only(name))));
        }
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

fn build_report(seen: &[Seen], served: &Material, authorities: String, checked: Timestamp) -> Report {
    let carriers = seen.iter().map(|seen| (seen.carrier.to_string(), seen.state(served), seen.failure.clone()));
    Report { served: served.leaf().0.to_owned(), authorities, carriers: carriers.collect(), checked }
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
