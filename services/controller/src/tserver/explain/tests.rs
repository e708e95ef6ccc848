//! The trees of typical servers, drawn as text.

use super::*;
use crate::{
    engine::cache::Key,
    tserver::{
        derived::{Facts, Live, StatefulSetFacts},
        fixtures::{server, surroundings},
        hints::Hint,
        problem::Problem,
        reason::Reason,
        surroundings::Surroundings,
        views::{ClaimView, ContainerState, PodCondition, PodView},
    },
    views::NodeView,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::{fmt::Write as _, sync::Arc};
use tars_common::{
    derived::DerivedKind,
    templates::ChainError,
    v1beta3::{TServerRollout, TServerStatus},
};

const SPEC: &str = "
tars: { template: demo.cpp }
release: { id: v7, image: registry/audit }
k8s: { replicas: 2, readinessGates: [ tars.io/active ], nodeSelector: [ { key: disk, operator: In, values: [ gold ] } ] }
";

const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

type Conditions<'a> = &'a [(&'a str, &'a str, &'a str, &'a str)];

const PLACED: (&str, &str, &str, &str) = ("PodScheduled", "True", "", "");
const UP: (&str, &str, &str, &str) = ("ContainersReady", "True", "", "");

fn pod(ordinal: usize, conditions: Conditions<'_>) -> PodView {
    let conditions = conditions.iter().map(|(kind, status, reason, message)| PodCondition {
        kind: (*kind).into(),
        status: (*status).into(),
        reason: (*reason).into(),
        message: (*message).into(),
    });
    PodView {
        namespace: "bank".into(),
        name: format!("ledger-audit-{ordinal}"),
        uid: format!("uid-{ordinal}"),
        node: "crane".into(),
        phase: "Running".into(),
        revision: "ledger-audit-new".into(),
        conditions: conditions.collect(),
        ..PodView::default()
    }
}

fn fine(ordinal: usize) -> PodView {
    pod(ordinal, &[PLACED, UP, ("Ready", "True", "", ""), ("tars.io/active", "True", "Active/Active/7", "")])
}

fn homeless(ordinal: usize, message: &str) -> PodView {
    let pod = pod(ordinal, &[("PodScheduled", "False", "Unschedulable", message)]);
    PodView { node: String::new(), phase: "Pending".into(), ..pod }
}

fn stuck(ordinal: usize, container: ContainerState) -> PodView {
    let down = [PLACED, ("ContainersReady", "False", "", ""), ("Ready", "False", "ContainersNotReady", "not all are ready")];
    PodView { stuck: vec![ContainerState { container: "ledger-audit".into(), ..container }], ..pod(ordinal, &down) }
}

fn crashed(ordinal: usize, last_words: &str) -> PodView {
    let reason = "CrashLoopBackOff".to_owned();
    let message = "back-off 40s restarting".to_owned();
    let last_words = last_words.to_owned();
    stuck(ordinal, ContainerState { reason, message, exit_code: Some(3), last_words, restarts: 4, ..ContainerState::default() })
}

fn world(pods: Vec<PodView>) -> Surroundings {
    let mut around = surroundings();
    around.pods = pods;
    let mut set = Live::default();
    set.facts =
        Facts::StatefulSet(StatefulSetFacts { update_revision: "ledger-audit-new".into(), ..StatefulSetFacts::default() });
    around.live.insert(DerivedKind::StatefulSet, set);
    around
}

fn tree(around: &Surroundings, problems: &[Problem], hints: &[Hint]) -> Cause {
    let (mut server, key) = (server(SPEC), Key::new("bank", "ledger-audit"));
    let condition = |kind: &str, status: &str, second: i64| Condition {
        type_: kind.into(),
        status: status.into(),
        last_transition_time: Time(jiff::Timestamp::from_second(second).unwrap()),
        ..condition()
    };
    server.status = Some(TServerStatus {
        conditions: vec![
            condition("Ready", "False", 1000),
            condition("Running", "False", 1000),
            condition("Active", "True", 900),
        ],
        ..TServerStatus::default()
    });
    explain(&Input { hints, ..Input::new(&server, &key, problems, around, &[]) }, &server, NOW)
}

fn condition() -> Condition {
    Condition {
        type_: String::new(),
        status: String::new(),
        reason: String::new(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
    }
}

fn draw(cause: &Cause) -> String {
    let mut text = String::new();
    draw_below(cause, 0, &mut text);
    text
}

fn draw_below(cause: &Cause, depth: usize, text: &mut String) {
    let Cause { kind, name, reason, message, remedy, since, children, log, .. } = cause;
    write!(text, "{}{} {kind} {name} [{reason}] {message}", "  ".repeat(depth), cause.state().as_str_name()).unwrap();
    if !remedy.is_empty() {
        write!(text, " | {remedy}").unwrap();
    }
    if let Some(since) = since {
        write!(text, " | since {}", since.seconds).unwrap();
    }
    if let Some(log) = log {
        write!(text, " | log {log:?}").unwrap();
    }
    text.push('\n');
    for child in children {
        draw_below(child, depth + 1, text);
    }
}

#[test]
fn a_healthy_server_has_no_causes() {
    insta::assert_snapshot!(draw(&tree(&world(vec![fine(0), fine(1)]), &[], &[])));
}

#[test]
fn a_server_without_a_node_shows_its_pods_their_claims_and_what_nodes_lack() {
    let message = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector";
    let mut around = world(vec![PodView { claims: vec!["data-ledger-audit-0".into()], ..homeless(0, message) }]);
    let claim =
        ClaimView { name: "data-ledger-audit-0".into(), class: "fast".into(), phase: "Pending".into(), ..ClaimView::default() };
    around.claims = vec![Arc::new(claim)];
    let labels = [("tars.io/node.bank".to_owned(), String::new())].into();
    around.nodes = vec![Arc::new(NodeView { labels, deleting: false }), Arc::new(NodeView::default())];
    insta::assert_snapshot!(draw(&tree(&around, &[], &[])));
}

#[test]
fn a_claim_that_is_not_bound_is_a_problem_if_the_scheduler_says_so() {
    let pod = homeless(0, "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims");
    let mut around = world(vec![PodView { claims: vec!["data-ledger-audit-0".into()], ..pod }, fine(1)]);
    let claim =
        ClaimView { name: "data-ledger-audit-0".into(), class: "fast".into(), phase: "Pending".into(), ..ClaimView::default() };
    around.claims = vec![Arc::new(claim)];
    let labels = [("tars.io/node.bank".to_owned(), String::new()), ("disk".to_owned(), "gold".to_owned())].into();
    around.nodes = vec![Arc::new(NodeView { labels, deleting: false })];
    let tree = tree(&around, &[], &[]);
    let pod = &tree.children[0].children[0].children[0];
    assert_eq!((pod.kind.as_str(), tree.reason.as_str()), ("Pod", "ClaimUnbound"));
    assert_eq!((pod.children[0].state(), pod.children[0].reason.as_str()), (State::Problem, "Pending"));
}

#[test]
fn an_image_that_is_not_pulled_is_named_with_the_words_of_the_kubelet() {
    let container = ContainerState {
        image: "registry/audit".into(),
        reason: "ImagePullBackOff".into(),
        message: "Back-off pulling image \"registry/audit\"".into(),
        ..ContainerState::default()
    };
    let pod = PodView { phase: "Pending".into(), ..stuck(1, container) };
    insta::assert_snapshot!(draw(&tree(&world(vec![fine(0), pod]), &[], &[])));
}

#[test]
fn a_crash_tells_the_last_words_or_where_they_are() {
    let old = PodView { revision: "ledger-audit-old".into(), ..crashed(1, "") };
    insta::assert_snapshot!(draw(&tree(&world(vec![crashed(0, "no port left"), old]), &[], &[])));
}

#[test]
fn several_conditions_are_told_in_their_order_each_with_its_own_pods() {
    let active = pod(2, &[PLACED, UP, ("Ready", "False", "ReadinessGatesNotReady", "a gate is not set")]);
    let mut around = world(vec![homeless(0, "0/1 nodes are available: 1 Insufficient cpu"), crashed(1, "no port left"), active]);
    around.template_error = Some(ChainError::Missing { name: "demo.cpp".into(), child: None });
    let labels = [("tars.io/node.bank".to_owned(), String::new()), ("disk".to_owned(), "gold".to_owned())].into();
    around.nodes = vec![Arc::new(NodeView { labels, deleting: false })];
    let problems = [Problem::new("spec.k8s.replicas", "-1 is negative", "write 0 or more")];
    insta::assert_snapshot!(draw(&tree(&around, &problems, &[])));
}

#[test]
fn pods_that_cannot_be_made_are_explained_by_an_event_about_the_workload() {
    let hints = [Hint { reason: "FailedCreate".into(), message: "exceeded quota: small".into() }];
    insta::assert_snapshot!(draw(&tree(&world(vec![fine(0)]), &[], &hints)));
}

#[test]
fn many_pods_are_counted_and_the_worst_come_first() {
    let mut pods: Vec<_> = (0..30)
        .map(|ordinal| stuck(ordinal, ContainerState { reason: "ContainerCreating".into(), ..ContainerState::default() }))
        .collect();
    pods.push(crashed(30, "no port left"));
    let tree = tree(&world(pods), &[], &[]);
    let running = tree.children.iter().find(|cause| cause.name == "Running").unwrap();
    let pods = &running.children[0].children;
    assert_eq!((pods.len(), pods[0].name.as_str(), pods[20].message.as_str()), (21, "ledger-audit-30", "and 11 more"));
    assert_eq!((pods[20].kind.as_str(), pods[20].name.as_str()), ("Pod", ""));
}

#[test]
fn a_line_about_a_server_has_only_the_cause_that_it_repeats() {
    let line = keep_first_cause(tree(&world(vec![crashed(0, "no port left"), fine(1)]), &[], &[]));
    assert_eq!((line.children.len(), line.children[0].name.as_str()), (1, "Running"));
    assert!(line.children[0].children.is_empty() && line.children[0].message.contains("no port left"));
    assert_eq!(keep_first_cause(tree(&world(vec![fine(0), fine(1)]), &[], &[])).children, []);
}

#[test]
fn what_the_leader_said_about_its_writes_is_a_cause() {
    let (server, key, around) = (server(SPEC), Key::new("bank", "ledger-audit"), world(vec![fine(0), fine(1)]));
    let reported = Some(Verdict::violated(Reason::Refused, "the quota is used up".into()));
    let tree = explain(&Input { reported, ..Input::new(&server, &key, &[], &around, &[]) }, &server, NOW);
    assert_eq!((tree.state(), tree.reason.as_str(), tree.children.len()), (State::Problem, "Refused", 1));
    assert_eq!((tree.children[0].name.as_str(), tree.children[0].message.as_str()), ("Applied", "the quota is used up"));
}

#[test]
fn a_rollout_that_failed_is_told_after_the_conditions_that_say_why() {
    let (mut server, key, around) = (server(SPEC), Key::new("bank", "ledger-audit"), world(vec![fine(0), crashed(1, "no port")]));
    let begun = Condition { type_: PROGRESSING.into(), observed_generation: server.metadata.generation, ..condition() };
    let rollout = TServerRollout { steps_left: 1, last_progress_time: Time(NOW) };
    server.status =
        Some(TServerStatus { replicas: 2, conditions: vec![begun], rollout: Some(rollout), ..TServerStatus::default() });
    let explain_at = |second| {
        let now = jiff::Timestamp::from_second(second).unwrap();
        let tree = explain(&Input::new(&server, &key, &[], &around, &[]), &server, now);
        let conditions: Vec<_> = tree.children.iter().map(|cause| (cause.name.clone(), cause.reason.clone())).collect();
        (tree.reason, conditions)
    };
    let named = |name: &str, reason: &str| (name.to_owned(), reason.to_owned());
    let why = [named("Running", "Crashing"), named("Active", "NotRunning")];
    assert_eq!(explain_at(599), ("Crashing".to_owned(), why.to_vec()));
    let failed = [&why[..], &[named("Progressing", "ProgressDeadlineExceeded")]].concat();
    assert_eq!(explain_at(600), ("Crashing".to_owned(), failed));
}

#[test]
fn a_message_has_a_bound() {
    let tree = tree(&world(vec![homeless(0, &"长".repeat(9000)), fine(1)]), &[], &[]);
    let pod = &tree.children[0].children[0].children[0];
    assert_eq!((pod.kind.as_str(), pod.message.chars().count()), ("Pod", 2000));
}

#[test]
fn a_server_that_cannot_be_read_or_ends_says_so() {
    let broken = explain_broken("ledger-audit", &Broken { problem: "spec.k8s: invalid type".into(), status: None });
    assert_eq!((broken.state(), broken.children[0].reason.as_str()), (State::Problem, "InvalidSpec"));
    assert!(broken.children[0].message.starts_with("spec.k8s: invalid type; correct that field"));
    assert_eq!(explain_end("ledger-audit").state(), State::Progressing);
}
