//! The facts about one server that the checks judge.

use super::verdict::Verdict;
use crate::{
    engine::cache::Key,
    tserver::{
        apply,
        defaults::Defaults,
        derived::Facts,
        hints::{Hint, MissingPod, Subjects},
        problem::Problem,
        replicas::Replicas,
        surroundings::Surroundings,
        views::PodView,
    },
};
use tars_common::{
    derived::DerivedKind,
    v1beta3::{TServer, TServerSpec},
};

/// The facts that the checks judge. There is no clock: no verdict depends on how long something takes.
pub struct Input<'a> {
    pub key: &'a Key,
    pub spec: &'a TServerSpec,
    /// How many pods a StatefulSet should have.
    pub replicas: Replicas,
    /// The faults of the spec.
    pub problems: &'a [Problem],
    pub around: &'a Surroundings,
    /// The defaults by which the pod template is built.
    pub defaults: Defaults,
    /// The writes that failed.
    pub failures: &'a [apply::Error],
    /// What the leader reported about its last writes, for an explanation: `failures` are known only to a run.
    pub reported: Option<Verdict>,
    /// The Events about the object that the summary is about, the newest first, if they were read.
    pub hints: &'a [Hint],
    /// The pods that are judged.
    pub pods: Vec<&'a PodView>,
}

impl<'a> Input<'a> {
    /// The pods that are not being deleted.
    pub fn living(&self) -> impl Iterator<Item = &'a PodView> + use<'a> {
        self.around.pods.iter().filter(|pod| pod.deleted.is_none())
    }

    /// The same input with Events of Kubernetes.
    pub fn with_hints<'b>(&'b self, hints: &'b [Hint]) -> Input<'b> {
        let Self { key, spec, replicas, problems, around, failures, defaults, .. } = *self;
        let (reported, pods) = (self.reported.clone(), self.pods.clone());
        Input { key, spec, replicas, problems, around, defaults, failures, reported, hints, pods }
    }

    /// The objects at which a look may explain `verdict`: the pod that it is about or the workload, and a pod that is missing.
    pub fn find_subjects<'b>(&'b self, verdict: &'b Verdict) -> Subjects<'b> {
        let pod = verdict.pod.as_ref().map(|pod| &*pod.uid);
        let uid = pod.or_else(|| self.around.live.workload().map(|workload| &*workload.uid));
        let (app, server) = (&*self.spec.app, &*self.spec.server);
        Subjects { uid, missing: self.find_missing_name().map(|name| MissingPod { name, app, server }) }
    }

    /// The newest Event with one of these reasons whose message has `part`.
    pub fn find_hint(&self, reasons: &[&str], part: &str) -> Option<&'a str> {
        let fits = |hint: &&Hint| reasons.contains(&&*hint.reason) && hint.message.contains(part);
        self.hints.iter().find(fits).map(|hint| hint.message.trim().trim_end_matches('.'))
    }

    /// The same input with other pods to judge.
    fn with_pods(&self, pods: Vec<&'a PodView>) -> Self {
        let Self { key, spec, replicas, problems, around, failures, defaults, hints, .. } = *self;
        Self { key, spec, replicas, problems, around, defaults, failures, reported: self.reported.clone(), hints, pods }
    }

    /// Returns the input with the pods that have the current settings, and with the pods that are still to be replaced.
    pub fn split_by_settings(&self) -> (Self, Self) {
        let rolling = self.spec.k8s.update_strategy.effective_rolling_update();
        let (Some(rolling), Some(revision)) = (rolling, self.revision()) else {
            // Pods are not replaced, or the current revision is not known.
            return (self.with_pods(self.pods.clone()), self.with_pods(Vec::new()));
        };
        let held_back = |pod: &PodView| {
            let partition = u64::try_from(rolling.partition).unwrap_or(0);
            !self.spec.k8s.daemon_set && pod.ordinal().is_some_and(|ordinal| ordinal < partition)
        };
        let (current, outdated) = self.pods.iter().partition(|pod| pod.revision == revision || held_back(pod));
        (self.with_pods(current), self.with_pods(outdated))
    }

    /// The revision of new pods. The status of a DaemonSet does not have it, but its newest pod does.
    pub fn revision(&self) -> Option<&'a str> {
        let revision = if self.spec.k8s.daemon_set {
            self.living().max_by_key(|pod| (&pod.created, &pod.name)).map(|pod| &*pod.revision)
        } else {
            match self.around.live.get(DerivedKind::StatefulSet).map(|live| &live.facts) {
                Some(Facts::StatefulSet(facts)) => Some(&*facts.update_revision),
                _ => None,
            }
        };
        revision.filter(|revision| !revision.is_empty())
    }

    /// How many pods are wanted: the replicas, or the count of a DaemonSet by Kubernetes (zero before it has counted).
    pub fn wanted_pods(&self) -> i64 {
        if self.spec.k8s.daemon_set {
            return match self.around.live.get(DerivedKind::DaemonSet).map(|live| &live.facts) {
                Some(Facts::DaemonSet { desired_pods, .. }) => desired_pods.unwrap_or(0),
                _ => 0,
            };
        }
        i64::from(self.replicas.count)
    }

    /// The name of the first pod that the StatefulSet should have and has not.
    pub fn find_missing_name(&self) -> Option<String> {
        let wanted = if self.spec.k8s.daemon_set { 0 } else { self.wanted_pods() };
        let mut names = (0..wanted).map(|ordinal| format!("{}-{ordinal}", self.key.name));
        names.find(|name| self.around.pods.iter().all(|pod| pod.name != *name))
    }

    pub fn new(
        server: &'a TServer,
        key: &'a Key,
        problems: &'a [Problem],
        around: &'a Surroundings,
        failures: &'a [apply::Error],
    ) -> Self {
        let replicas = Replicas::of(server);
        let all = Self {
            key,
            spec: &server.spec,
            replicas,
            problems,
            around,
            failures,
            defaults: Defaults::NEWEST,
            reported: None,
            hints: &[],
            pods: Vec::new(),
        };
        all.with_pods(all.living().collect())
    }
}
