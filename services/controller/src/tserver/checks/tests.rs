//! Each check by itself, and the order of all.

mod mistakes;
mod reference;

use super::{
    AREAS, Input, judge,
    verdict::{READY, Status, Verdict},
};
use crate::{
    engine::cache::Key,
    tserver::{
        apply,
        derived::{Facts, Live, StatefulSetFacts},
        fixtures::{problems, server, surroundings},
        reason::Reason,
        status::compute_status,
        surroundings::Surroundings,
        views::{ClaimView, ContainerState, PodCondition, PodView},
    },
    views::NodeView,
};
use std::{collections::BTreeMap, sync::Arc};
use tars_common::{
    derived::DerivedKind,
    templates::ChainError,
    v1beta3::{PodContainerStatus, TServerStatus},
};

const RELEASED: &str = "
tars: { template: demo.cpp }
release: { id: v7, image: registry/audit }
k8s: { replicas: 1, readinessGates: [ tars.io/active ] }
";

struct Case {
    name: &'static str,
    spec: &'static str,
    around: Surroundings,
    failures: Vec<apply::Error>,
}

impl Case {
    /// A released server, its template, and a node that may run it.
    fn new() -> Self {
        let mut around = surroundings();
        around.nodes = vec![node(&["tars.io/node.bank"])];
        Self { name: "ledger-audit", spec: RELEASED, around, failures: Vec::new() }
    }

    fn with(mut self, pod: PodView) -> Self {
        self.around.pods.push(pod);
        self
    }

    fn verdicts(&self) -> BTreeMap<&'static str, Verdict> {
        let server = server(self.spec);
        let key = Key::new("bank", self.name);
        judge(&Input::new(&server, &key, &[], &self.around, &self.failures)).into_iter().collect()
    }

    /// Status, reason and message of `Ready`.
    fn ready(&self) -> (Status, Reason, String) {
        let Verdict { status, reason, message, .. } = self.verdicts()[READY].clone();
        (status, reason, message)
    }
}

fn node(labels: &[&str]) -> Arc<NodeView> {
    let labels = labels.iter().map(|key| ((*key).to_owned(), String::new())).collect();
    Arc::new(NodeView { labels, deleting: false })
}

fn pod(conditions: &[(&str, &str, &str, &str)]) -> PodView {
    let conditions = conditions.iter().map(|(kind, status, reason, message)| PodCondition {
        kind: (*kind).into(),
        status: (*status).into(),
        reason: (*reason).into(),
        message: (*message).into(),
    });
    PodView {
        namespace: "bank".into(),
        name: "ledger-audit-0".into(),
        app: "Ledger".into(),
        server: "Audit".into(),
        conditions: conditions.collect(),
        ..PodView::default()
    }
}

fn stuck(reason: &str, message: &str, exit_code: Option<i32>) -> PodView {
    let container = ContainerState {
        container: "ledger-audit".into(),
        image: "registry/audit".into(),
        pull_policy: "IfNotPresent".into(),
        reason: reason.into(),
        message: message.into(),
        exit_code,
        last_words: String::new(),
        restarts: 4,
    };
    let conditions = &[("PodScheduled", "True", "", ""), ("ContainersReady", "False", "ContainersNotReady", "")];
    PodView { stuck: vec![container], ..pod(conditions) }
}

/// A pod whose process has ended by itself, as tarsnode says it.
fn ended(said: &str) -> PodView {
    let mut pod = running(Some(("False", "Active/Inactive/-1")), "False");
    let gate = pod.conditions.iter_mut().find(|condition| condition.kind == "tars.io/active").unwrap();
    gate.message = said.to_owned();
    pod
}

fn running(gate: Option<(&str, &str)>, ready: &str) -> PodView {
    let mut all = vec![("PodScheduled", "True", "", ""), ("ContainersReady", "True", "", ""), ("Ready", ready, "", "")];
    all.extend(gate.map(|(status, reason)| ("tars.io/active", status, reason, "")));
    pod(&all)
}

#[test]
fn a_server_whose_pods_are_active_is_ready_and_every_condition_holds() {
    let case = Case::new().with(running(Some(("True", "Active/Active/7")), "True"));
    assert!(case.verdicts().values().all(|verdict| verdict.status == Status::True), "{:?}", case.verdicts());
    assert_eq!(case.ready(), (Status::True, Reason::Ready, "1 of 1 pod is ready".into()));
    assert_eq!(case.verdicts().len(), AREAS.len() + 1);
}

#[test]
fn a_missing_template_says_which_where_and_what_to_do() {
    let mut case = Case::new();
    case.around.template_error = Some(ChainError::Missing { name: "demo.cpp".into(), child: None });
    let (status, reason, message) = case.ready();
    assert_eq!((status, reason), (Status::False, Reason::TemplateMissing));
    assert_eq!(
        message,
        "template \"demo.cpp\" not found among the TTemplates of namespace bank; create it or correct spec.tars.template"
    );
    case.around.template_error = Some(ChainError::Missing { name: "base".into(), child: Some("demo.cpp".into()) });
    assert!(case.ready().2.contains("the parent of \"demo.cpp\""));
}

#[test]
fn a_cycle_of_templates_is_spelt_out() {
    let mut case = Case::new();
    case.around.template_error = Some(ChainError::Cycle { path: vec!["a".into(), "b".into(), "a".into()] });
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::TemplateCycle);
    assert!(message.contains("a → b → a"), "{message}");
}

#[test]
fn a_chain_of_parents_that_the_registry_does_not_render_is_reported() {
    let mut case = Case::new();
    case.around.template_error = Some(ChainError::TooLong { first: "demo.cpp".into() });
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::TemplateChainTooLong);
    assert!(message.contains("\"demo.cpp\"") && message.contains("32 templates"), "{message}");
}

#[test]
fn a_server_that_was_never_released_says_how_to_release() {
    let case = Case { spec: "{ tars: { template: demo.cpp } }", ..Case::new() };
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::NotReleased);
    assert!(message.contains("spec.release"), "{message}");
    assert_eq!(case.verdicts()["Running"].status, Status::Unknown);
}

#[test]
fn without_any_node_image_the_missing_framework_is_named() {
    let mut case = Case::new();
    case.around.framework = None;
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::NodeImageUnknown);
    assert!(message.contains("bank/tars-framework"), "{message}");
}

#[test]
fn when_no_node_has_the_label_the_command_is_given() {
    let mut case = Case::new().with(pod(&[("PodScheduled", "False", "Unschedulable", "0/1 nodes are available.")]));
    case.around.nodes = vec![node(&["zone"])];
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::NoNodeMatches);
    assert!(message.ends_with("kubectl label node NODE tars.io/node.bank="), "{message}");
}

#[test]
fn when_a_node_matches_the_unbound_claim_is_named_before_the_schedulers_sentence() {
    let mut unplaced = pod(&[("PodScheduled", "False", "Unschedulable", "0/1 nodes are available: insufficient cpu.")]);
    let case = Case::new().with(unplaced.clone());
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::Unschedulable);
    assert!(message.contains("insufficient cpu; free resources"), "{message}");
    unplaced.claims = vec!["data-ledger-audit-0".into()];
    unplaced.conditions[0].message =
        "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.".into();
    let mut case = Case::new().with(unplaced);
    let claim = ClaimView {
        namespace: "bank".into(),
        name: "data-ledger-audit-0".into(),
        class: "tars-storage-class".into(),
        phase: "Pending".into(),
        ..ClaimView::default()
    };
    case.around.claims = vec![Arc::new(claim)];
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::ClaimUnbound);
    assert!(message.contains("claim bank/data-ledger-audit-0") && message.contains("tars.io/SupportLocalVolume"), "{message}");
}

#[test]
fn a_claim_for_which_no_node_has_a_volume_left_says_so() {
    let claim = |name: &str, phase: &str| {
        let labels = [("tars.io/LocalVolume".to_owned(), "data".to_owned())].into();
        let (name, phase, class) = (name.into(), phase.into(), "tars-storage-class".into());
        Arc::new(ClaimView { namespace: "bank".into(), name, phase, class, labels, ..ClaimView::default() })
    };
    let mut waiting = pod(&[("PodScheduled", "False", "Unschedulable", "0/1 nodes are available.")]);
    waiting.claims = vec!["data-ledger-audit-1".into()];
    let mut case = Case::new().with(waiting);
    case.around.claims = vec![claim("data-ledger-audit-0", "Bound"), claim("data-ledger-audit-1", "Pending")];
    let supporting = node(&["tars.io/node.bank", "tars.io/SupportLocalVolume"]);
    let others = [node(&["tars.io/node.bank"]), node(&["tars.io/SupportLocalVolume"])];
    case.around.nodes = others.iter().cloned().chain([supporting.clone()]).collect();
    assert!(
        case.ready().2.ends_with(
            "every admitted node already holds a volume data of this server; admit another node or lower spec.k8s.replicas"
        ),
        "{}",
        case.ready().2
    );
    case.around.nodes.push(supporting);
    assert!(case.ready().2.contains("check that tars-agent runs"), "a node is left");
    case.around.nodes = vec![node(&["tars.io/node.bank"])];
    assert!(case.ready().2.contains("tars.io/SupportLocalVolume"), "no node is admitted");
}

#[test]
fn an_image_that_cannot_be_pulled_is_named_with_what_the_kubelet_says() {
    let case = Case::new().with(stuck("ImagePullBackOff", "Back-off pulling image.", None));
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::ImageNotPulled);
    assert!(message.contains("\"registry/audit\"") && message.contains("Back-off pulling image;"), "{message}");
    assert_eq!(case.verdicts()["Scheduled"].status, Status::True);
}

#[test]
fn the_advice_depends_on_the_reason_why_an_image_is_missing() {
    let message = |reason: &str, container: &str, policy: &str| {
        let mut pod = stuck(reason, "said the kubelet", None);
        pod.stuck[0].container = container.into();
        pod.stuck[0].pull_policy = policy.into();
        let main = ContainerState { reason: "PodInitializing".into(), ..pod.stuck[0].clone() };
        pod.stuck.push(main);
        let (status, reason, message) = Case::new().with(pod).ready();
        assert_eq!((status, reason), (Status::False, Reason::ImageNotPulled));
        message
    };
    let always = message("ErrImagePull", "ledger-audit", "Always");
    assert!(always.ends_with("; if the image is on the node already, set spec.k8s.imagePullPolicy to IfNotPresent"), "{always}");
    let sometimes = message("ErrImagePull", "ledger-audit", "IfNotPresent");
    assert!(sometimes.ends_with("or its pull secret in spec.release"), "{sometimes}");
    assert_eq!(
        message("InvalidImageName", "tarsnode", "Always"),
        "image \"registry/audit\" of container tarsnode in pod ledger-audit-0 is not a valid image name (InvalidImageName): \
         said the kubelet; correct spec.release.nodeImage"
    );
    let never = message("ErrImageNeverPull", "ledger-audit", "Never");
    assert!(never.contains("is not on the node, and may not be pulled (ErrImageNeverPull)"), "{never}");
    let broken = message("InspectFailed", "ledger-audit", "Always");
    assert!(broken.ends_with("correct spec.release.image, or remove the broken image from the node"), "{broken}");
}

#[test]
fn an_unknown_reason_is_reported_before_a_container_that_waits_for_its_turn() {
    let mut pod = stuck("PodInitializing", "", None);
    pod.stuck.push(ContainerState {
        container: "tarsnode".into(),
        reason: "NewTrouble".into(),
        message: "Of a kind.".into(),
        ..pod.stuck[0].clone()
    });
    let (_, reason, message) = Case::new().with(pod).ready();
    assert_eq!(
        (reason, &*message),
        (Reason::Starting, "pod ledger-audit-0 is starting: container tarsnode waits (NewTrouble): Of a kind")
    );
}

#[test]
fn other_troubles_of_containers_are_told_apart() {
    let reason = |pod: PodView| Case::new().with(pod).ready().1;
    assert_eq!(reason(stuck("CreateContainerConfigError", "configmap \"x\" not found", None)), Reason::ContainerNotCreated);
    assert_eq!(reason(stuck("CrashLoopBackOff", "", Some(255))), Reason::Crashing);
    assert_eq!(reason(stuck("PodInitializing", "", None)), Reason::Starting);
    let crash = Case::new().with(stuck("CrashLoopBackOff", "", Some(255))).ready().2;
    assert!(
        crash.contains("exit code 255") && crash.contains("kubectl logs -n bank ledger-audit-0 -c ledger-audit --previous"),
        "{crash}"
    );
    let mut pod = stuck("CrashLoopBackOff", "", Some(1));
    pod.stuck[0].last_words = "\u{1b}[31mno such file".into();
    let crash = Case::new().with(pod).ready().2;
    assert!(crash.contains(r#"exit code 1 ("\u{1b}[31mno such file") and was restarted 4 times"#), "{crash}");
}

#[test]
fn the_state_of_the_process_is_reported_once_containers_run() {
    let reason = |pod: PodView| Case::new().with(pod).ready().1;
    assert_eq!(reason(running(None, "False")), Reason::NotReported);
    assert_eq!(reason(running(Some(("False", "Inactive/Inactive")), "False")), Reason::ProcessInactive);
    assert_eq!(reason(running(Some(("True", "Active/Active/7")), "False")), Reason::PodNotReady);
}

/// A pod whose container runs, as the kubelet reports the pod while a probe does not succeed.
fn probed(started: bool, gate: Option<(&str, &str)>) -> PodView {
    let status = serde_json::json!({
        "name": "ledger-audit", "image": "registry/audit", "imageID": "", "restartCount": 0, "ready": false, "started": started,
        "state": {"running": {"startedAt": "2030-01-01T00:00:00Z"}},
    });
    let status: PodContainerStatus = serde_json::from_value(status).unwrap();
    let mut all = vec![("PodScheduled", "True", "", ""), ("ContainersReady", "False", "ContainersNotReady", "")];
    all.push(("Ready", "False", "ContainersNotReady", ""));
    all.extend(gate.map(|(status, reason)| ("tars.io/active", status, reason, "")));
    PodView { statuses: vec![status], ..pod(&all) }
}

#[test]
fn a_failing_probe_is_told_apart_from_a_container_that_does_not_run() {
    let case = Case::new().with(probed(true, Some(("True", "Active/Active/7"))));
    let (status, reason, message) = case.ready();
    assert_eq!((status, reason), (Status::False, Reason::ReadinessProbeFails));
    assert_eq!(
        message,
        "container ledger-audit of pod ledger-audit-0 runs, but its readiness probe does not succeed, so it gets no traffic; \
         its Events say how it fails (kubectl describe pod -n bank ledger-audit-0)"
    );
    let verdicts = case.verdicts();
    assert_eq!((verdicts["Running"].status, verdicts["Active"].status), (Status::True, Status::False));

    let case = Case::new().with(probed(false, None));
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::Starting);
    assert!(message.contains("its startup probe has not succeeded yet") && message.contains("kubectl describe pod"), "{message}");
    assert_eq!(case.verdicts()["Active"].status, Status::Unknown);
}

#[test]
fn a_process_that_is_not_active_is_the_cause_of_a_failing_probe_not_its_consequence() {
    assert_eq!(Case::new().with(probed(true, Some(("False", "Active/Activating")))).ready().1, Reason::ProcessInactive);
    assert_eq!(Case::new().with(probed(true, None)).ready().1, Reason::NotReported);
}

#[test]
fn pods_that_are_missing_or_not_wanted_are_reported() {
    let (_, reason, message) = Case::new().ready();
    assert_eq!(reason, Reason::PodsMissing);
    assert!(message.starts_with("0 of 1 pod exists; "), "{message}");
    let many = Case { spec: TWO, ..Case::new() }.ready().2;
    assert!(many.starts_with("0 of 2 pods exist; "), "{many}");
    let scaled = Case { spec: "{ tars: { template: t }, release: { id: a, image: b }, k8s: { replicas: 0 } }", ..Case::new() };
    let (status, reason, _) = scaled.ready();
    assert_eq!((status, reason), (Status::False, Reason::ScaledToZero));
}

const LONG_NAME: &str = "ledger-audit-and-everything-else-that-a-bank-must-record";

#[test]
fn a_name_that_is_too_long_for_pods_of_a_stateful_set_is_the_cause_of_their_absence() {
    let (_, reason, message) = Case { name: LONG_NAME, ..Case::new() }.ready();
    assert_eq!(reason, Reason::NameTooLong);
    assert!(
        message.starts_with("the name has 56 characters, and a StatefulSet with more than 52 cannot create pods; "),
        "{message}"
    );
    assert_eq!(Case { name: &LONG_NAME[..52], ..Case::new() }.ready().1, Reason::PodsMissing);
    let daemons = "{ tars: { template: t }, release: { id: a, image: b }, k8s: { daemonSet: true } }";
    assert_ne!(Case { name: LONG_NAME, spec: daemons, ..Case::new() }.ready().1, Reason::NameTooLong);
}

#[test]
fn a_number_of_pods_outside_of_its_bounds_is_told_with_the_derived_objects() {
    let mut server = server(RELEASED);
    server.metadata.annotations = Some([("tars.io/MaxReplicas".to_owned(), "0".to_owned())].into());
    let (case, key) = (Case::new(), Key::new("bank", "ledger-audit"));
    let verdicts: BTreeMap<_, _> = judge(&Input::new(&server, &key, &[], &case.around, &case.failures)).into_iter().collect();
    let why = "spec.k8s.replicas 1 counts as 0 because of the annotation tars.io/MaxReplicas";
    assert_eq!(verdicts["Applied"].message, format!("every derived object is as it should be; {why}"));
    assert_eq!(verdicts["Scheduled"].message, format!("no pods are wanted; {why}"));
}

#[test]
fn a_pod_that_is_being_deleted_is_not_judged() {
    let mut leaving = stuck("ImagePullBackOff", "", None);
    leaving.deleted = Some("2030-01-01T00:00:00Z".into());
    let case = Case::new().with(running(Some(("True", "Active/Active/7")), "True")).with(leaving);
    assert_eq!(case.ready().1, Reason::Ready);
}

/// A pod of this name and revision.
fn of_revision(pod: PodView, name: &str, revision: &str) -> PodView {
    PodView { name: name.into(), revision: revision.into(), ..pod }
}

/// The second revision of a StatefulSet is on its way out to the pods.
fn rolling_out(spec: &'static str) -> Case {
    let mut case = Case { spec, ..Case::new() };
    let facts = StatefulSetFacts { update_revision: "second".into(), ..StatefulSetFacts::default() };
    let mut live = Live::default();
    live.facts = Facts::StatefulSet(facts);
    case.around.live.insert(DerivedKind::StatefulSet, live);
    case
}

const TWO: &str = "
tars: { template: demo.cpp }
release: { id: v7, image: registry/audit }
k8s: { replicas: 2 }
";

#[test]
fn a_fault_of_a_pod_with_the_current_settings_comes_first() {
    let unplaced = pod(&[("PodScheduled", "False", "Unschedulable", "0/1 nodes are available.")]);
    for old in [stuck("ImagePullBackOff", "", None), unplaced] {
        let new = stuck("CrashLoopBackOff", "", Some(1));
        let case = rolling_out(TWO).with(of_revision(old, "ledger-audit-0", "first"));
        let case = case.with(of_revision(new, "ledger-audit-1", "second"));
        let (_, reason, message) = case.ready();
        assert_eq!(reason, Reason::Crashing);
        assert!(message.contains("ledger-audit-1") && !message.contains("ledger-audit-0"), "{message}");
    }
}

#[test]
fn a_fault_of_a_pod_with_the_previous_settings_says_how_to_replace_the_pod() {
    let sentence = "pod ledger-audit-0 still has the previous settings and is not ready; \
                    replace it by one with the new settings: kubectl delete pod -n bank ledger-audit-0";
    let old = of_revision(stuck("ImagePullBackOff", "", None), "ledger-audit-0", "first");
    let new = of_revision(running(None, "True"), "ledger-audit-1", "second");
    let case = rolling_out(TWO).with(old.clone()).with(new.clone());
    assert_eq!(case.ready(), (Status::False, Reason::ImageNotPulled, sentence.into()));
    assert_eq!(case.verdicts()["Scheduled"].status, Status::True);

    let alone = Case { spec: RELEASED, ..rolling_out(RELEASED).with(old.clone()) };
    assert_eq!(alone.ready(), (Status::False, Reason::ImageNotPulled, sentence.into()), "before the new pod is there");

    let ready = of_revision(running(None, "True"), "ledger-audit-0", "first");
    assert_eq!(rolling_out(TWO).with(ready).with(new).ready().1, Reason::Ready, "nothing is wrong with being next");
}

#[test]
fn pods_that_keep_the_previous_settings_on_purpose_are_judged_like_all() {
    for strategy in ["{ rollingUpdate: { partition: 1 } }", "{ type: OnDelete }"] {
        let spec = format!(
            "{{ normal: {{}}, subType: normal, release: {{ id: a, image: b }}, k8s: {{ replicas: 1, updateStrategy: {strategy} }} }}"
        );
        let old = of_revision(stuck("CrashLoopBackOff", "", Some(1)), "ledger-audit-0", "first");
        let message = rolling_out(spec.leak()).with(old).ready().2;
        assert!(message.contains("ended with exit code 1"), "{strategy}: {message}");
    }
}

#[test]
fn the_newest_pod_of_a_daemon_set_tells_the_current_settings() {
    let spec = "{ normal: {}, subType: normal, release: { id: a, image: b }, k8s: { daemonSet: true } }";
    let pod = |pod: PodView, name: &str, revision: &str, created: &str| PodView {
        created: created.into(),
        ..of_revision(pod, name, revision)
    };
    let case = Case { spec, ..Case::new() };
    let case = case.with(pod(stuck("ImagePullBackOff", "", None), "ledger-audit-x", "first", "2030-01-01T00:00:00Z"));
    let case = case.with(pod(stuck("CrashLoopBackOff", "", Some(1)), "ledger-audit-a", "second", "2030-01-01T00:01:00Z"));
    assert_eq!(case.ready().1, Reason::Crashing);
}

#[test]
fn a_foreign_object_comes_before_everything_that_follows_from_it() {
    let mut case = Case::new();
    case.around.template_error = Some(ChainError::Missing { name: "demo.cpp".into(), child: None });
    case.failures = vec![apply::Error::Foreign { kind: "Service", key: Key::new("bank", "ledger-audit") }];
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::OutControl);
    assert!(message.starts_with("service bank/ledger-audit already exists but not managed by bank/ledger-audit;"), "{message}");
    assert_eq!(case.verdicts()["TemplateResolved"].status, Status::False, "the other conditions tell their own story");
}

#[test]
fn an_invalid_spec_lists_its_first_problems_and_counts_the_others() {
    let all = problems("{ normal: {}, k8s: { mounts: [ {}, {}, {} ] } }");
    let server = server("{ normal: {} }");
    let key = Key::new("bank", "ledger-audit");
    let around = surroundings();
    let verdicts = judge(&Input::new(&server, &key, &all, &around, &[]));
    assert_eq!(verdicts[0].1.reason, Reason::InvalidSpec);
    assert!(verdicts[0].1.message.ends_with("and 4 more"), "{}", verdicts[0].1.message);
}
