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
mod source;
#[cfg(test)]
mod tests;

use crate::metrics::Metrics;
use carrier::{CONVERTED, Carrier, MUTATING, VALIDATING, read_clauses};
pub use decision::State;
use decision::{Finding, Seen, is_callable, may_serve};
use futures::{Stream, StreamExt, stream::SelectAll};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
        core::v1::Secret,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::PatchParams,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use leaves::LEAVES;
use source::secret_of;
use std::{collections::BTreeMap, convert::Infallible, pin::Pin, time::Duration};
use tars_common::names;
use tars_kit::{
    health::Health,
    keeper::{CertificateError, Issuer, Served, Store},
    lease::{Elector, Timing},
    tls::{self, ServingCertificate},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The readiness check that holds once this replica serves a certificate.
pub const CHECK_CERTIFICATE: &str = "certificate";
/// The readiness check that holds while API servers that call this webhook trust that certificate.
pub const CHECK_BUNDLES: &str = "ca-bundles";
/// The time between two passes if nothing changes. Renewals depend on the clock, and a watch can miss a change.
const PASS_PERIOD: Duration = Duration::from_mins(1);
/// After this time every API server uses a bundle that was written. They watch the carriers, so it usually takes a moment.
const SETTLE: SignedDuration = SignedDuration::from_secs(30);
/// The wait after a failed pass. It doubles while single carriers fail, up to [`PASS_PERIOD`].
const RETRY_DELAY: Duration = Duration::from_secs(2);
/// The election is slower than that of the controller: a certificate is renewed days before it ends, and each renewal of the Lease is a write.
const TIMING: Timing = Timing {
    duration: Duration::from_secs(15),
    deadline: Duration::from_secs(10),
    retry: Duration::from_secs(2),
    look: Duration::from_secs(2),
};

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
    served: Option<Served>,
    /// A leaf that waits until it is served, and since when the carriers trust it.
    waiting: Option<(Served, Timestamp)>,
    /// The last state of each carrier, so that only changes are logged.
    states: BTreeMap<String, State>,
}

impl Memory {
    /// Whether API servers had the time to see that the carriers trust `stored`, which they do. That takes no time when they trust the
    /// same authority already, and there is no time when nothing is served that is still valid.
    fn has_settled(&mut self, stored: &Served, now: Timestamp) -> bool {
        if self.served.as_ref().is_none_or(|served| served.has_authority_of(stored) || served.leaf_ends() <= now) {
            return true;
        }
        if self.waiting.as_ref().is_none_or(|(leaf, _)| leaf != stored) {
            self.waiting = Some((stored.clone(), now));
        }
        self.waiting.as_ref().is_some_and(|(_, since)| now.duration_since(*since) >= SETTLE)
    }
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
    /// Who makes the certificates.
    pub issuer: Issuer,
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
        let mut source = self.read_source(memory.served.as_ref(), now).await?;
        let mut seen = self.look_at_carriers().await;
        if let (None, Some(first)) = (&memory.served, source.choose_first(&seen, now)) {
            self.serve_leaf(first, &[], memory, now).await?;
        }
        let (mut stored, mut others) = (Ok(()), true);
        if leads {
            stored = self.renew(&mut source, &seen, now).await;
            if let Some(served) = &source.served {
                self.serve_leaf(served, &seen, memory, now).await?;
                self.place_bundle(&served.bundle(), &mut seen).await;
                others = self.keep_leaves(&source, &served.bundle(), now).await;
            }
        }
        if let Some(served) = &source.served {
            self.serve_leaf(served, &seen, memory, now).await?;
        } else {
            tracing::info!(secret = secret_of(self.issuer), "waiting for certificates");
        }
        if let Some(served) = &memory.served {
            if let Some(callable) = is_callable(&seen, served) {
                self.health.set(CHECK_BUNDLES, callable).await;
            }
            self.report(&seen, served, &mut memory.states);
            let authorities = source.served.as_ref().unwrap_or(served).bundle();
            self.reports.send_replace(Some(build_report(&seen, served, authorities, now)));
        }
        stored.map(|()| others && seen.iter().all(|seen| seen.failure.is_none()))
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
    fn report(&self, seen: &[Seen], served: &Served, states: &mut BTreeMap<String, State>) {
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

    /// Serves the leaf of `stored` where that makes nothing worse, see [`may_serve`].
    async fn serve_leaf(&self, stored: &Served, seen: &[Seen], memory: &mut Memory, now: Timestamp) -> Result<(), KeeperError> {
        let served = memory.served.as_ref();
        if served.is_some_and(|served| served.leaf() == stored.leaf()) || !may_serve(stored, served, seen, now) {
            return Ok(());
        }
        // Our own authorities sign nothing before they are trusted for long; those of cert-manager come together with their leaf.
        if self.issuer == Issuer::CertManager && !memory.has_settled(stored, now) {
            return Ok(());
        }
        let (cert, key) = stored.leaf();
        self.certificate.replace(cert.as_bytes(), key.as_bytes())?;
        tracing::info!(ends = %stored.leaf_ends(), "serving certificate replaced");
        memory.served = Some(stored.clone());
        self.health.set(CHECK_CERTIFICATE, true).await;
        Ok(())
    }

    /// Watches the objects that a pass reads. The stream has an item whenever one of them may have changed.
    fn watch_objects(&self) -> SelectAll<Pin<Box<dyn Stream<Item = ()> + Send>>> {
        let only = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
        let secrets = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), &self.namespace);
        let mut changes = SelectAll::new();
        let leaves = if self.issuer == Issuer::Keeper { LEAVES.as_slice() } else { &[] };
        for name in [secret_of(self.issuer)].into_iter().chain(leaves.iter().map(|(secret, _)| *secret)) {
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

fn build_report(seen: &[Seen], served: &Served, authorities: String, checked: Timestamp) -> Report {
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
            let elector = Elector::new(client.clone(), &namespace, names::WEBHOOK_LEASE, identity.clone(), TIMING);
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
