//! Plans again whenever something changed, and takes the steps: the only code that writes.

use crate::{
    disk::{self, Owner, Root},
    holds::Holds,
    identity::Identity,
    metrics::Metrics,
    plan::{Making, Step, World, plan},
    watch::Watched,
};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::json;
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tars_common::names::{STORAGE_CLASS, label};
use tokio_util::sync::CancellationToken;

/// Steps at once. Each waits for the API server; the disk is fast.
const AT_ONCE: usize = 16;
/// Changes come in crowds (40 claims of 40 servers); one plan serves them all.
const GATHER: Duration = Duration::from_millis(20);
/// A plan without a change: time passes for pods that wait, for unused volumes and for failed steps.
const PERIOD: Duration = Duration::from_secs(2);
/// How long the scheduler has to take a volume before it is shown to it again. It takes one within tens of milliseconds.
const UNNOTICED: Duration = Duration::from_millis(300);
/// How often the metrics look at the disk, and the storage class is read again.
const LOOK: Duration = Duration::from_secs(30);
/// What the storage class says before it was read (docs/reference/local-volumes.md#2).
const DEFAULT_POLICY: &str = "Retain";

/// When the volume was last shown to the scheduler.
const OFFERED: &str = "tars.io/OfferedAt";

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Disk(#[from] disk::Error),
    #[error("cannot {verb} persistentvolume {name}: {source}")]
    Api { verb: &'static str, name: String, source: Box<kube::Error> },
    #[error("the step was interrupted")]
    Interrupted,
}

/// See the module.
pub struct Actor {
    client: Client,
    node: String,
    host_root: String,
    root: Arc<Root>,
    recorder: Recorder,
    metrics: Metrics,
    watched: Watched,
}

impl Actor {
    /// An actor for the node called `node`, whose root of local volumes is at `host_root` there and at `root` here.
    pub fn new(client: Client, node: String, host_root: String, root: Root, metrics: Metrics, watched: Watched) -> Self {
        let reporter = Reporter { controller: "tars-agent".to_owned(), instance: Some(node.clone()) };
        let recorder = Recorder::new(client.clone(), reporter);
        Self { client, node, host_root, root: Arc::new(root), recorder, metrics, watched }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut holds = Holds::default();
        let mut policy = DEFAULT_POLICY.to_owned();
        let mut looked: Option<Instant> = None;
        loop {
            if looked.is_none_or(|at| at.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                self.look(&mut policy).await;
                holds.tidy(Instant::now());
            }
            let wait = if self.round(&policy, &mut holds).await { UNNOTICED } else { PERIOD };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
                () = self.watched.changed.notified() => tokio::time::sleep(GATHER).await,
            }
        }
    }

    /// One plan, and its steps. Returns whether a volume is waiting to be noticed by the scheduler.
    async fn round(&self, policy: &str, holds: &mut Holds) -> bool {
        let (claims, volumes) = (self.watched.claims.state(), self.watched.volumes.state());
        let (pods, nodes) = (self.watched.pods.state(), self.watched.nodes.state());
        let world = World {
            me: &self.node,
            host_root: &self.host_root,
            policy,
            claims: &claims,
            volumes: &volumes,
            pods: &pods,
            nodes: &nodes,
            now: Timestamp::now(),
        };
        let now = Instant::now();
        let mut steps: Vec<(String, Step)> = plan(&world).into_iter().map(|step| (key(&step), step)).collect();
        let reminders = steps.iter().filter(|(_, step)| matches!(step, Step::Remind { .. })).map(|(key, _)| key);
        let unnoticed = reminders.map(|key| holds.begin(key, UNNOTICED, now)).count() > 0;
        steps.retain(|(key, _)| holds.allow(key, now));
        let taken = steps.into_iter().map(async |(key, step)| (key, self.take(&step).await));
        let ended: Vec<_> = futures::stream::iter(taken).buffer_unordered(AT_ONCE).collect().await;
        let now = Instant::now();
        for (key, succeeded) in ended {
            holds.ended(key, succeeded, now);
        }
        unnoticed
    }

    /// Takes one step and says how it went: to the log, to the metrics, and to the claim's owner when something is wrong.
    async fn take(&self, step: &Step) -> bool {
        let (what, result) = match step {
            Step::Make(making) => ("make", self.make(making).await),
            Step::Own { identity, owner, .. } => ("own", self.own(identity, *owner).await),
            Step::Remove { volume, reason } => ("remove", self.remove(volume, reason).await),
            Step::Remind { volume } => ("remind", self.remind(volume).await),
            Step::Complain { claim, problem } => {
                tracing::warn!(claim = %full_name(claim), problem, "claim cannot be served");
                self.tell(claim, EventType::Warning, "Unusable", problem).await;
                ("complain", Ok(()))
            }
        };
        self.metrics.stepped(what, result.is_ok());
        let Err(error) = result else { return true };
        let claim = match step {
            Step::Make(making) => Some(&making.claim),
            Step::Own { claim, .. } => Some(claim),
            Step::Remove { .. } | Step::Remind { .. } | Step::Complain { .. } => None,
        };
        tracing::warn!(step = what, claim = claim.map(|claim| full_name(claim)), %error, "step failed, trying again");
        if let Some(claim) = claim {
            self.tell(claim, EventType::Warning, "ProvisioningFailed", &error.to_string()).await;
        }
        false
    }

    async fn make(&self, making: &Making) -> Result<(), Error> {
        self.own(&making.identity, making.owner).await?;
        let name = making.volume.name_any();
        let api: Api<PersistentVolume> = Api::all(self.client.clone());
        match api.create(&PostParams::default(), &making.volume).await {
            Ok(_) => {
                tracing::info!(volume = name, directory = %making.identity, "volume made");
                let note = format!("node {} offers volume {name}", self.node);
                self.tell(&making.claim, EventType::Normal, "Provisioned", &note).await;
                Ok(())
            }
            // Made before, by a step whose answer got lost.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(source) => Err(Error::Api { verb: "make", name, source: Box::new(source) }),
        }
    }

    async fn own(&self, identity: &Identity, owner: Owner) -> Result<(), Error> {
        let (root, components) = (self.root.clone(), identity.components());
        let ensured = tokio::task::spawn_blocking(move || root.ensure(&components, owner)).await;
        if ensured.map_err(|_| Error::Interrupted)?? {
            tracing::info!(directory = %identity, %owner, "directory made or given to its owner");
        }
        Ok(())
    }

    /// Only as it was seen: a volume that somebody took meanwhile has another resourceVersion, and stays.
    async fn remove(&self, volume: &PersistentVolume, reason: &str) -> Result<(), Error> {
        let name = volume.name_any();
        let (uid, resource_version) = (volume.uid(), volume.resource_version());
        let seen = DeleteParams { preconditions: Some(Preconditions { uid, resource_version }), ..DeleteParams::default() };
        match Api::<PersistentVolume>::all(self.client.clone()).delete(&name, &seen).await {
            Ok(_) => {
                tracing::info!(volume = name, reason, "volume removed, its directory stays");
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            Err(source) => Err(Error::Api { verb: "remove", name, source: Box::new(source) }),
        }
    }

    async fn remind(&self, volume: &PersistentVolume) -> Result<(), Error> {
        let name = volume.name_any();
        let patch = Patch::Merge(json!({"metadata": {"annotations": {OFFERED: Timestamp::now().to_string()}}}));
        match Api::<PersistentVolume>::all(self.client.clone()).patch_metadata(&name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(source) => Err(Error::Api { verb: "touch", name, source: Box::new(source) }),
        }
    }

    async fn tell(&self, claim: &PersistentVolumeClaim, type_: EventType, reason: &str, note: &str) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.to_owned()),
            action: "Provisioning".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &claim.object_ref(&())).await {
            tracing::debug!(claim = %full_name(claim), %error, "event not written");
        }
    }

    /// The metrics of the disk, and the reclaim policy that new volumes get.
    async fn look(&self, policy: &mut String) {
        let host = self.watched.nodes.find(|node| node.name_any() == self.node);
        let host = host.and_then(|node| node.labels().get(label::HOSTNAME).cloned()).unwrap_or_else(|| self.node.clone());
        let mine = self.watched.volumes.state_filter(|volume| crate::plan::host_of(volume) == Some(&host));
        let (root, metrics) = (self.root.clone(), self.metrics.clone());
        // Fails only when the process is stopping.
        let _ = tokio::task::spawn_blocking(move || metrics.look(&mine, &root)).await;
        match Api::<StorageClass>::all(self.client.clone()).get_opt(STORAGE_CLASS).await {
            Ok(class) => {
                let wanted = class.and_then(|class| class.reclaim_policy).unwrap_or_else(|| DEFAULT_POLICY.to_owned());
                if *policy != wanted {
                    tracing::info!(policy = wanted, "new volumes get the reclaim policy of the storage class");
                    *policy = wanted;
                }
            }
            Err(error) => tracing::warn!(%error, "cannot read storage class {STORAGE_CLASS}, keeping policy {policy}"),
        }
    }
}

/// Names the step for [`Holds`].
fn key(step: &Step) -> String {
    match step {
        Step::Make(making) => format!("make {}", making.volume.name_any()),
        // The owner belongs to the key: changed annotations are acted on at once.
        Step::Own { identity, owner, .. } => format!("own {identity} {owner}"),
        Step::Remove { volume, .. } => format!("remove {} {}", volume.name_any(), volume.resource_version().unwrap_or_default()),
        // A volume that was made anew under the same name is another one.
        Step::Remind { volume } => format!("remind {}", volume.uid().unwrap_or_default()),
        Step::Complain { claim, problem } => format!("complain {} {problem}", full_name(claim)),
    }
}

fn full_name(claim: &PersistentVolumeClaim) -> String {
    format!("{}/{}", claim.namespace().unwrap_or_default(), claim.name_any())
}
