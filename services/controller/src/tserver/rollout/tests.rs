//! Rollouts over time. Each test says which pods there are, and lets time pass.

use super::*;
use crate::{
    engine::cache::Key,
    tserver::{
        apply,
        checks::verdict::Status,
        defaults::Making,
        derived::{Live, StatefulSetFacts},
        fixtures::{problems, server, surroundings},
        live_objects::LiveObjects,
        problem::Problem,
        status::compute_status,
        surroundings::Surroundings,
        views::PodCondition,
    },
};

const SET: &str = "{ normal: {}, release: { id: v7, image: i }, k8s: { replicas: 3, progressDeadlineSeconds: 60 } }";
const DAEMONS: &str = "{ normal: {}, release: { id: v7, image: i }, k8s: { daemonSet: true, progressDeadlineSeconds: 60 } }";

/// The pods of a server by their ordinals, as `(revision, is ready)`.
type Pods<'a> = &'a [(&'a str, bool)];

const FORMER: (&str, bool) = ("former", true);
const DOWN: (&str, bool) = ("wanted", false);
const DONE: (&str, bool) = ("wanted", true);

/// A server over time. Its status is what the controller wrote last.
struct Life {
    server: TServer,
    around: Surroundings,
    problems: Vec<Problem>,
    failures: Vec<apply::Error>,
    now: Timestamp,
}

impl Life {
    fn of(spec: &str) -> Self {
        let mut around = surroundings();
        around.live.insert(DerivedKind::StatefulSet, stateful_set(true));
        let (problems, failures) = (Vec::new(), Vec::new());
        Self { server: server(spec), around, problems, failures, now: Timestamp::from_second(1000).unwrap() }
    }

    /// Lets `seconds` pass, and looks at these pods. Writes the status.
    fn look(&mut self, seconds: i64, pods: Pods<'_>) -> (Status, Reason, String) {
        self.now += SignedDuration::from_secs(seconds);
        self.around.pods = pods.iter().enumerate().map(|(ordinal, pod)| build_pod(ordinal, *pod)).collect();
        let rollout = self.follow();
        let verdicts = [(PROGRESSING, rollout.verdict.clone())];
        let status = compute_status(&self.server, &self.around.pods, &verdicts, rollout.memory, self.now);
        self.server.status = Some(status);
        let Verdict { status, reason, message, .. } = rollout.verdict;
        (status, reason, message)
    }

    /// The same, but only the reason.
    fn reason(&mut self, seconds: i64, pods: Pods<'_>) -> Reason {
        self.look(seconds, pods).1
    }

    fn follow(&self) -> Rollout {
        let key = Key::new("bank", "ledger-audit");
        follow(&Input::new(&self.server, &key, &self.problems, &self.around, &self.failures), &self.server, self.now)
    }

    /// The pause until the deadline, in seconds.
    fn pause(&self) -> Option<u64> {
        self.follow().again.map(|pause| pause.as_secs())
    }

    fn memory(&self) -> Option<(i64, i64)> {
        let rollout = self.server.status.as_ref()?.rollout.as_ref()?;
        Some((rollout.steps_left, rollout.last_progress_time.0.as_second() - 1000))
    }

    /// Changes the spec, as the API server counts it.
    fn change(&mut self, change: impl FnOnce(&mut TServer)) {
        change(&mut self.server);
        self.server.metadata.generation = self.server.metadata.generation.map(|generation| generation + 1);
    }

    /// Kubernetes has looked at the present DaemonSet, which wants pods on so many nodes.
    fn count_daemons(&mut self, desired: i64, updated_pods: i64, outdated_pods: i64) {
        let mut live = Live::default();
        let desired_pods = Some(desired);
        live.facts = Facts::DaemonSet { making: Making::default(), observed: true, desired_pods, updated_pods, outdated_pods };
        self.around.live.insert(DerivedKind::DaemonSet, live);
    }
}

fn stateful_set(observed: bool) -> Live {
    let mut live = Live::default();
    live.facts =
        Facts::StatefulSet(StatefulSetFacts { observed, update_revision: "wanted".into(), ..StatefulSetFacts::default() });
    live
}

fn build_pod(ordinal: usize, (revision, ready): (&str, bool)) -> PodView {
    let status = if ready { "True" } else { "False" };
    let ready = PodCondition { kind: "Ready".into(), status: status.into(), ..PodCondition::default() };
    PodView {
        name: format!("ledger-audit-{ordinal}"),
        revision: revision.into(),
        created: format!("2030-01-01T00:00:0{ordinal}Z"),
        conditions: vec![ready],
        ..PodView::default()
    }
}

#[test]
fn a_rollout_makes_progress_pod_by_pod_until_it_is_complete() {
    let mut life = Life::of(SET);
    let (status, reason, message) = life.look(0, &[FORMER, FORMER, FORMER]);
    assert_eq!((status, reason), (Status::True, Reason::RollingOut));
    assert_eq!(message, "0 of 3 pods have the wanted settings and are ready; 3 have former settings");
    assert_eq!((life.memory(), life.pause()), (Some((6, 0)), Some(60)));

    assert_eq!(
        life.look(50, &[FORMER, FORMER, DOWN]).2,
        "0 of 3 pods have the wanted settings and are ready; 2 have former settings"
    );
    assert_eq!((life.memory(), life.pause()), (Some((5, 50)), Some(60)), "a pod of former settings went");
    assert_eq!(
        life.look(50, &[FORMER, FORMER, DONE]).2,
        "1 of 3 pods have the wanted settings and are ready; 2 have former settings"
    );
    assert_eq!(
        life.look(50, &[FORMER, DOWN, DONE]).2,
        "1 of 3 pods have the wanted settings and are ready; 1 has former settings"
    );
    assert_eq!(life.look(50, &[DOWN, DONE, DONE]).2, "2 of 3 pods have the wanted settings and are ready");
    assert_eq!(life.memory(), Some((1, 200)));

    let (status, reason, message) = life.look(50, &[DONE, DONE, DONE]);
    assert_eq!((status, reason), (Status::True, Reason::Complete));
    assert_eq!(message, "3 of 3 pods got the wanted settings and became ready");
    assert_eq!((life.memory(), life.pause()), (None, None), "nothing is left to be remembered");
}

#[test]
fn a_rollout_without_progress_fails_at_its_deadline_and_goes_on_with_the_next_progress() {
    let mut life = Life::of(SET);
    life.look(0, &[FORMER, FORMER, DOWN]);
    assert_eq!(life.reason(59, &[FORMER, FORMER, DOWN]), Reason::RollingOut);
    assert_eq!(life.pause(), Some(1));
    let (status, reason, message) = life.look(1, &[FORMER, FORMER, DOWN]);
    assert_eq!((status, reason), (Status::False, Reason::ProgressDeadlineExceeded));
    assert_eq!(
        message,
        "no progress for 60 s (spec.k8s.progressDeadlineSeconds): 0 of 3 pods have the wanted settings and are ready; 2 have former settings; the other conditions say why"
    );
    assert_eq!(life.pause(), None, "only a change can help now");
    let before = life.server.status.clone();
    assert_eq!(life.reason(9999, &[FORMER, FORMER, DOWN]), Reason::ProgressDeadlineExceeded);
    assert_eq!(life.server.status, before, "what stands still is not written again");
    assert_eq!(life.reason(1, &[FORMER, FORMER, DONE]), Reason::RollingOut);
    assert_eq!(life.pause(), Some(60));
}

#[test]
fn a_pod_that_becomes_ready_and_fails_by_turns_is_no_progress() {
    let mut life = Life::of(SET);
    life.look(0, &[DONE, DONE, DONE]);
    life.change(|server| server.spec.important = 4);
    life.look(0, &[DONE, DONE, DOWN]);
    assert_eq!(life.reason(30, &[DONE, DOWN, DOWN]), Reason::RollingOut);
    assert_eq!(life.reason(29, &[DONE, DONE, DOWN]), Reason::RollingOut);
    assert_eq!(life.memory(), Some((1, 0)));
    assert_eq!(life.reason(1, &[DONE, DOWN, DOWN]), Reason::ProgressDeadlineExceeded);
}

#[test]
fn a_server_without_deadline_waits_for_ten_minutes() {
    let mut life = Life::of("{ normal: {}, release: { id: v7, image: i }, k8s: { replicas: 1 } }");
    assert_eq!(life.reason(0, &[]), Reason::RollingOut);
    assert_eq!((life.reason(599, &[]), life.pause()), (Reason::RollingOut, Some(1)));
    let (_, reason, message) = life.look(1, &[]);
    assert_eq!(reason, Reason::ProgressDeadlineExceeded);
    assert!(
        message.starts_with("no progress for 600 s (spec.k8s.progressDeadlineSeconds): 0 of 1 pod has the wanted"),
        "{message}"
    );
}

#[test]
fn the_longest_deadline_is_no_problem() {
    let mut life =
        Life::of("{ normal: {}, release: { id: v7, image: i }, k8s: { replicas: 1, progressDeadlineSeconds: 2147483647 } }");
    life.look(0, &[]);
    assert_eq!(life.pause(), Some(2_147_483_647));
}

#[test]
fn a_complete_rollout_stays_complete_when_a_pod_fails_until_the_spec_changes() {
    let mut life = Life::of(SET);
    life.look(0, &[DONE, DONE, DONE]);
    for pods in [&[DONE, DONE, DOWN][..], &[DONE, DONE]] {
        let (status, reason, message) = life.look(9999, pods);
        assert_eq!((status, reason), (Status::True, Reason::Complete));
        assert_eq!(message, "3 of 3 pods got the wanted settings and became ready");
        assert_eq!((life.memory(), life.pause()), (None, None));
    }
    life.change(|server| server.spec.k8s.replicas = Some(2));
    assert_eq!(life.reason(0, &[DONE, DOWN]), Reason::RollingOut);
    assert_eq!(life.reason(60, &[DONE, DOWN]), Reason::ProgressDeadlineExceeded);
    life.change(|server| server.spec.important = 4);
    assert_eq!(life.reason(0, &[DONE, DOWN]), Reason::RollingOut, "another wish has another deadline");
}

#[test]
fn a_complete_rollout_ends_when_a_pod_has_another_revision() {
    let mut life = Life::of(SET);
    life.look(0, &[DONE, DONE, DONE]);
    assert_eq!(life.reason(5, &[DONE, DONE, FORMER]), Reason::RollingOut, "for example by another node image of the framework");
    assert_eq!(life.memory(), Some((2, 5)));
}

#[test]
fn another_number_of_pods_by_an_annotation_is_another_wish() {
    let mut life = Life::of(SET);
    life.look(0, &[DONE, DONE, DONE]);
    life.server.metadata.annotations = Some([("tars.io/MinReplicas".to_owned(), "4".to_owned())].into());
    assert_eq!(life.reason(5, &[DONE, DONE, DONE]), Reason::RollingOut);
    assert_eq!(life.look(5, &[DONE, DONE, DONE, DONE]).2, "4 of 4 pods got the wanted settings and became ready");
}

#[test]
fn pods_that_are_too_many_are_steps_and_pods_that_end_are_not() {
    let mut life = Life::of(SET);
    let (_, reason, message) = life.look(0, &[DONE, DONE, DONE, DONE]);
    assert_eq!((reason, &*message), (Reason::RollingOut, "3 of 3 pods have the wanted settings and are ready; 1 has to go"));
    let mut ending = build_pod(3, DONE);
    ending.deleted = Some("2030-01-01T00:00:00Z".into());
    life.look(0, &[DONE, DONE, DONE]);
    life.around.pods.push(ending);
    assert_eq!(life.follow().verdict.reason, Reason::Complete);
}

#[test]
fn nothing_is_complete_before_kubernetes_has_looked_at_the_present_workload() {
    let mut life = Life::of(SET);
    life.around.live.insert(DerivedKind::StatefulSet, stateful_set(false));
    let (_, reason, message) = life.look(0, &[DONE, DONE, DONE]);
    assert_eq!((reason, &*message), (Reason::RollingOut, "Kubernetes has not looked at the wanted settings yet"));
    life.around.live = LiveObjects::default();
    assert_eq!(life.reason(0, &[DONE, DONE, DONE]), Reason::RollingOut, "there is no workload");
    life.around.live.insert(DerivedKind::StatefulSet, stateful_set(true));
    assert_eq!(life.reason(0, &[DONE, DONE, DONE]), Reason::Complete);
    life.around.live.insert(DerivedKind::StatefulSet, stateful_set(false));
    assert_eq!(life.reason(0, &[FORMER, DONE, DONE]), Reason::Complete, "a repaired drift is no rollout");
}

#[test]
fn a_spec_that_breaks_a_rule_and_a_write_that_fails_make_no_progress() {
    let mut life = Life::of(SET);
    life.problems = problems("{ normal: {}, k8s: { hostPorts: [ { nameRef: web, port: 80 } ] } }");
    let (_, reason, message) = life.look(0, &[DONE, DONE, DONE]);
    assert_eq!((reason, &*message), (Reason::RollingOut, "the derived objects are not as they should be"));
    assert_eq!(life.reason(60, &[DONE, DONE, DONE]), Reason::ProgressDeadlineExceeded);

    let mut life = Life::of(SET);
    life.failures = vec![apply::Error::Foreign { kind: "Service", key: Key::new("bank", "ledger-audit") }];
    assert_eq!(life.reason(0, &[DONE, DONE, DONE]), Reason::RollingOut);
    life.failures.clear();
    assert_eq!(life.reason(0, &[DONE, DONE, DONE]), Reason::Complete);
    life.failures = vec![apply::Error::Foreign { kind: "Service", key: Key::new("bank", "ledger-audit") }];
    assert_eq!(life.reason(9999, &[DONE, DONE, DONE]), Reason::Complete, "the rollout was complete before");
}

#[test]
fn pods_below_the_partition_and_pods_that_nobody_replaces_keep_their_settings() {
    let partition = "{ normal: {}, release: { id: v7, image: i }, k8s: { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } } }";
    assert_eq!(Life::of(partition).reason(0, &[FORMER, FORMER, DONE]), Reason::Complete);
    assert_eq!(Life::of(partition).reason(0, &[FORMER, FORMER, FORMER]), Reason::RollingOut);
    let on_delete = "{ normal: {}, release: { id: v7, image: i }, k8s: { replicas: 3, updateStrategy: { type: OnDelete } } }";
    assert_eq!(Life::of(on_delete).reason(0, &[FORMER, FORMER, DONE]), Reason::Complete);
    assert_eq!(Life::of(on_delete).reason(0, &[FORMER, FORMER, DOWN]), Reason::RollingOut);
}

#[test]
fn a_server_that_wants_no_pods_is_complete_when_none_is_left() {
    for spec in ["{ normal: {} }", "{ normal: {}, release: { id: v7, image: i }, k8s: { replicas: 0 } }"] {
        let mut life = Life::of(spec);
        assert_eq!(
            life.look(0, &[DONE]),
            (Status::True, Reason::RollingOut, "0 of 0 pods have the wanted settings and are ready; 1 has to go".into())
        );
        assert_eq!(life.look(0, &[]), (Status::True, Reason::Complete, "no pods were wanted".into()));
    }
}

#[test]
fn daemons_are_counted_as_kubernetes_counts_them() {
    let mut life = Life::of(DAEMONS);
    assert_eq!(life.look(0, &[]).2, "Kubernetes has not looked at the wanted settings yet");
    life.count_daemons(2, 0, 2);
    let (_, reason, message) = life.look(0, &[FORMER, FORMER]);
    assert_eq!(reason, Reason::RollingOut, "the newest pod has former settings, too");
    assert_eq!(message, "0 of 2 pods have the wanted settings and are ready; 2 have former settings");
    life.count_daemons(2, 1, 1);
    assert_eq!(life.look(0, &[FORMER, DONE]).2, "1 of 2 pods have the wanted settings and are ready; 1 has former settings");
    life.count_daemons(2, 2, 0);
    assert_eq!(life.reason(0, &[DONE, DONE]), Reason::Complete);
    life.count_daemons(3, 2, 0);
    assert_eq!(life.reason(0, &[DONE, DONE]), Reason::Complete, "another node is no rollout");
    life.count_daemons(1, 1, 0);
    assert_eq!(Life { server: server(DAEMONS), ..life }.reason(0, &[DONE, DONE]), Reason::Complete, "a pod may stay");
}

#[test]
fn daemons_that_nobody_replaces_keep_their_settings() {
    let mut life = Life::of(&DAEMONS.replace("daemonSet: true", "daemonSet: true, updateStrategy: { type: OnDelete }"));
    life.count_daemons(2, 0, 2);
    assert_eq!(life.reason(0, &[FORMER, FORMER]), Reason::Complete);
}

#[test]
fn another_leader_goes_on_with_the_time_that_is_stored() {
    let mut life = Life::of(SET);
    life.look(0, &[DONE, DONE, DOWN]);
    let mut next = Life { around: surroundings(), ..life };
    next.around.live.insert(DerivedKind::StatefulSet, stateful_set(true));
    assert_eq!((next.reason(40, &[DONE, DONE, DOWN]), next.pause()), (Reason::RollingOut, Some(20)));
    assert_eq!((next.reason(-90, &[DONE, DONE, DOWN]), next.pause()), (Reason::RollingOut, Some(60)), "its clock is late");
    assert_eq!(next.reason(60, &[DONE, DONE, DOWN]), Reason::ProgressDeadlineExceeded);
}
