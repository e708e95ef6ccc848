//! Plans after each change and takes the planned steps. Only this file writes to the API server.

use crate::{
    disk::{DiskError, Root},
    events::Reason,
    holds::Holds,
    identity::Identity,
    metrics::Metrics,
    owner::Owner,
    plan::{NewVolume, Step, World, find_host, plan},
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
    runtime::events::{Event, Recorder, Reporter},
};
use serde_json::json;
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tars_common::names::{STORAGE_CLASS, annotation, label};
use tokio_util::sync::CancellationToken;

/// How many steps run at once. A step spends most of its time waiting for the API server.
const AT_ONCE: usize = 16;
/// Time from a change to its plan. Changes come in groups, such as 40 claims of 40 servers, and one plan serves all of them.
const GATHER: Duration = Duration::from_millis(20);
/// Longest time between two plans. Pods that wait, unused volumes and failed steps need a plan without any change.
const PERIOD: Duration = Duration::from_secs(2);
/// How long the scheduler may take to notice a new volume. Usually it needs some tens of milliseconds.
const UNNOTICED: Duration = Duration::from_millis(300);
/// Time between two looks at the disk, for the metrics, and at the storage class.
const REFRESH: Duration = Duration::from_secs(30);
/// Reclaim policy of new volumes until the storage class has been read (docs/reference/local-volumes.md#2.4).
const DEFAULT_POLICY: &str = "Retain";

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("cannot {verb} persistentvolume {name}: {source}")]
    Api { verb: &'static str, name: String, source: Box<kube::Error> },
    #[error("the step was interrupted")]
    Interrupted,
}

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
    /// Acts for the node called `node`. Its local volumes are at `host_root` on the node and at `root` in this process.
    pub fn new(client: Client, node: String, host_root: String, root: Root, metrics: Metrics, watched: Watched) -> Self {
        let reporter = Reporter { controller: "tars-agent".to_owned(), instance: Some(node.clone()) };
        let recorder = Recorder::new(client.clone(), reporter);
        Self { client, node, host_root, root: Arc::new(root), recorder, metrics, watched }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut holds = Holds::default();
        let mut policy = DEFAULT_POLICY.to_owned();
        let mut refreshed: Option<Instant> = None;
        loop {
            if refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
                refreshed = Some(Instant::now());
                self.refresh(&mut policy).await;
                holds.forget_old(Instant::now());
            }
            let wait = if self.plan_and_act(&policy, &mut holds).await { UNNOTICED } else { PERIOD };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
                () = self.watched.changed.notified() => tokio::time::sleep(GATHER).await,
            }
        }
    }

    /// Makes a plan and takes its steps. Returns whether the scheduler must still notice a volume.
    async fn plan_and_act(&self, policy: &str, holds: &mut Holds) -> bool {
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
        let mut steps: Vec<(String, Step)> = plan(&world).into_iter().map(|step| (name_step(&step), step)).collect();
        let reminders = steps.iter().filter(|(_, step)| matches!(step, Step::Remind { .. })).map(|(key, _)| key);
        let unnoticed = reminders.map(|key| holds.begin(key, UNNOTICED, now)).count() > 0;
        steps.retain(|(key, _)| holds.allows(key, now));
        let taken = steps.into_iter().map(async |(key, step)| (key, self.take_step(&step).await));
        let ended: Vec<_> = futures::stream::iter(taken).buffer_unordered(AT_ONCE).collect().await;
        let now = Instant::now();
        for (key, succeeded) in ended {
            holds.record(key, succeeded, now);
        }
        unnoticed
    }

    /// Takes a step and returns whether it succeeded. A failure is logged, counted, and told in an Event of the claim.
    async fn take_step(&self, step: &Step) -> bool {
        let (what, result) = match step {
            Step::Make(new) => ("make", self.make_volume(new).await),
            Step::Own { identity, owner, .. } => ("own", self.ensure_directory(identity, *owner).await),
            Step::Remove { volume, reason } => ("remove", self.remove_volume(volume, reason).await),
            Step::Remind { volume } => ("remind", self.touch_volume(volume).await),
            Step::Complain { claim, problem } => {
                tracing::warn!(claim = %format_name(claim), problem, "cannot serve a claim");
                self.publish_event(claim, Reason::Unusable, problem).await;
                ("complain", Ok(()))
            }
        };
        self.metrics.count_step(what, result.is_ok());
        let Err(error) = result else { return true };
        let claim = match step {
            Step::Make(new) => Some(&new.claim),
            Step::Own { claim, .. } => Some(claim),
            Step::Remove { .. } | Step::Remind { .. } | Step::Complain { .. } => None,
        };
        tracing::warn!(step = what, claim = claim.map(|claim| format_name(claim)), %error, "cannot complete a step, trying again");
        if let Some(claim) = claim {
            self.publish_event(claim, Reason::ProvisioningFailed, &error.to_string()).await;
        }
        false
    }

    async fn make_volume(&self, new: &NewVolume) -> Result<(), StepError> {
        self.ensure_directory(&new.identity, new.owner).await?;
        let name = new.volume.name_any();
        let api: Api<PersistentVolume> = Api::all(self.client.clone());
        match api.create(&PostParams::default(), &new.volume).await {
            Ok(_) => {
                tracing::info!(volume = name, directory = %new.identity, "made a volume");
                let note = format!("node {} offers volume {name}", self.node);
                self.publish_event(&new.claim, Reason::Provisioned, &note).await;
                Ok(())
            }
            // An earlier step made the volume, but its answer got lost.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(source) => Err(StepError::Api { verb: "make", name, source: Box::new(source) }),
        }
    }

    async fn ensure_directory(&self, identity: &Identity, owner: Owner) -> Result<(), StepError> {
        let (root, components) = (self.root.clone(), identity.list_components());
        let ensured = tokio::task::spawn_blocking(move || root.ensure(&components, owner)).await;
        if ensured.map_err(|_| StepError::Interrupted)?? {
            tracing::info!(directory = %identity, %owner, "made a directory or gave it to its owner");
        }
        Ok(())
    }

    /// Deletes a volume if it is still as the plan saw it. If a claim has taken it meanwhile, its resourceVersion differs and it stays.
    async fn remove_volume(&self, volume: &PersistentVolume, reason: &str) -> Result<(), StepError> {
        let name = volume.name_any();
        let (uid, resource_version) = (volume.uid(), volume.resource_version());
        let seen = DeleteParams { preconditions: Some(Preconditions { uid, resource_version }), ..DeleteParams::default() };
        match Api::<PersistentVolume>::all(self.client.clone()).delete(&name, &seen).await {
            Ok(_) => {
                tracing::info!(volume = name, reason, "removed a volume, its directory stays");
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            Err(source) => Err(StepError::Api { verb: "remove", name, source: Box::new(source) }),
        }
    }

    async fn touch_volume(&self, volume: &PersistentVolume) -> Result<(), StepError> {
        let name = volume.name_any();
        let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation::OFFERED_AT: Timestamp::now().to_string()}}}));
        match Api::<PersistentVolume>::all(self.client.clone()).patch_metadata(&name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(source) => Err(StepError::Api { verb: "touch", name, source: Box::new(source) }),
        }
    }

    async fn publish_event(&self, claim: &PersistentVolumeClaim, reason: Reason, note: &str) {
        let event = Event {
            type_: reason.event_type(),
            reason: reason.as_str().to_owned(),
            note: Some(note.to_owned()),
            action: "Provisioning".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &claim.object_ref(&())).await {
            tracing::debug!(claim = %format_name(claim), %error, "cannot write an Event");
        }
    }

    /// Measures the disk, and reads the reclaim policy of new volumes from the storage class.
    async fn refresh(&self, policy: &mut String) {
        let host = self.watched.nodes.find(|node| node.name_any() == self.node);
        let host = host.and_then(|node| node.labels().get(label::HOSTNAME).cloned()).unwrap_or_else(|| self.node.clone());
        let mine = self.watched.volumes.state_filter(|volume| find_host(volume) == Some(&host));
        let (root, metrics) = (self.root.clone(), self.metrics.clone());
        // Fails only while the process stops.
        let _ = tokio::task::spawn_blocking(move || metrics.measure(&mine, &root)).await;
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

/// Names a step for [`Holds`]. A step whose name changes is taken at once.
fn name_step(step: &Step) -> String {
    match step {
        Step::Make(new) => format!("make {}", new.volume.name_any()),
        // The owner is part of the name, so that a change of the annotations has an effect at once.
        Step::Own { identity, owner, .. } => format!("own {identity} {owner}"),
        Step::Remove { volume, .. } => format!("remove {} {}", volume.name_any(), volume.resource_version().unwrap_or_default()),
        // A volume that was made again under the same name has another uid.
        Step::Remind { volume } => format!("remind {}", volume.uid().unwrap_or_default()),
        Step::Complain { claim, problem } => format!("complain {} {problem}", format_name(claim)),
    }
}

fn format_name(claim: &PersistentVolumeClaim) -> String {
    format!("{}/{}", claim.namespace().unwrap_or_default(), claim.name_any())
}
