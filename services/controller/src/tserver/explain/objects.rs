//! The objects because of which a condition does not hold.

use super::{LONGEST_MESSAGE, shorten};
use crate::tserver::{
    checks::{Area, Input, count_matches, describe_ready, format_times, is_being_prepared},
    derived::Facts,
    reason::Reason,
    views::{ClaimView, ContainerState, PodView},
};
use tars_common::derived::DerivedKind;
use tars_proto::controller::v1::{Cause, Log, State};

/// How many objects of a kind are described below one cause. The gRPC contract promises it.
const MOST_OBJECTS: usize = 20;

/// The objects involved when the condition of `area` does not hold for `reason`.
pub fn list_involved(area: &Area, reason: Reason, input: &Input<'_>) -> Vec<Cause> {
    let blamed = input.living().filter(|pod| (area.blames)(pod));
    let pods = keep_most("Pod", blamed.map(|pod| describe_pod(pod, reason, input)).collect());
    let mut involved = if pods.is_empty() && !matches!(reason, Reason::PodsMissing | Reason::NameTooLong) {
        pods
    } else {
        put_below_workload(pods, input)
    };
    if reason == Reason::NoNodeMatches {
        involved.extend(list_node_rules(input));
    }
    involved
}

/// Puts the problems first, and replaces those that are too many by their number.
fn keep_most(kind: &str, mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.sort_by_key(|cause| cause.state() != State::Problem);
    let more = causes.len().saturating_sub(MOST_OBJECTS);
    causes.truncate(MOST_OBJECTS);
    if more > 0 {
        let message = format!("and {more} more");
        causes.push(Cause { kind: kind.to_owned(), state: State::Unknown.into(), message, ..Cause::default() });
    }
    causes
}

/// Without a workload the pods stand for themselves.
fn put_below_workload(pods: Vec<Cause>, input: &Input<'_>) -> Vec<Cause> {
    let live = &input.around.live;
    let found = [DerivedKind::StatefulSet, DerivedKind::DaemonSet].into_iter().find_map(|kind| Some((kind, live.get(kind)?)));
    let Some((kind, workload)) = found else { return pods };
    let (revision, defaults) = match &workload.facts {
        Facts::StatefulSet(facts) => (&*facts.update_revision, facts.making.defaults.to_string()),
        Facts::DaemonSet { making, .. } => (input.revision().unwrap_or_default(), making.defaults.to_string()),
        _ => return pods,
    };
    let revision = if revision.is_empty() { String::new() } else { format!("the revision {revision} and ") };
    let message = format!("{}; new ones get {revision}the defaults {defaults}", describe_ready(input));
    let state = if pods.iter().any(|pod| pod.state() == State::Problem) { State::Problem } else { State::Progressing };
    vec![build_cause(kind.name(), &input.key.name, state, "", &message, pods)]
}

fn build_cause(kind: &str, name: &str, state: State, reason: &str, message: &str, children: Vec<Cause>) -> Cause {
    Cause {
        kind: kind.to_owned(),
        name: name.to_owned(),
        state: state.into(),
        reason: reason.to_owned(),
        message: shorten(message),
        children,
        ..Cause::default()
    }
}

fn describe_pod(pod: &PodView, reason: Reason, input: &Input<'_>) -> Cause {
    let mut children = keep_most("Container", pod.stuck.iter().map(|one| describe_container(pod, one)).collect());
    children.extend(keep_most("PersistentVolumeClaim", list_unbound_claims(pod, reason, input)));
    let placement = pod.condition("PodScheduled");
    let told = placement.filter(|one| one.status != "True").or_else(|| pod.condition("Ready").filter(|one| one.status != "True"));
    let why = match told {
        Some(told) => (&*told.reason, &*told.message),
        None if placement.is_none() => ("", "the scheduler has not looked at it yet"),
        None => ("", ""),
    };
    let worst = children.iter().any(|child| child.state() == State::Problem);
    let rejected = placement.is_some_and(|one| one.status == "False");
    let state = if worst || rejected || pod.phase == "Failed" { State::Problem } else { State::Progressing };
    let facts = [describe_place(pod), describe_age(pod, input), why.1.trim().to_owned()];
    let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    build_cause("Pod", &pod.name, state, why.0, &facts.join("; "), children)
}

/// For example "Pending on no node".
fn describe_place(pod: &PodView) -> String {
    let place = if pod.node.is_empty() { "on no node".to_owned() } else { format!("on node {}", pod.node) };
    format!("{} {place}", pod.phase).trim_start().to_owned()
}

/// Tells a pod of former settings.
fn describe_age(pod: &PodView, input: &Input<'_>) -> String {
    match input.revision().filter(|newest| !pod.revision.is_empty() && *newest != pod.revision) {
        Some(_) => format!("it has the former revision {}", pod.revision),
        None => String::new(),
    }
}

fn describe_container(pod: &PodView, one: &ContainerState) -> Cause {
    let mut facts = Vec::new();
    match one.exit_code {
        Some(code) => facts.push(format!("it ended with exit code {code}")),
        None if is_being_prepared(one) => {}
        None => facts.push(format!("its image is {:?}", one.image)),
    }
    if one.restarts > 0 {
        facts.push(format!("it was restarted {}", format_times(one.restarts)));
    }
    if !one.last_words.is_empty() {
        facts.push(format!("its last words are {:?}", one.last_words));
    }
    // The kubelet repeats the last words of a container that is not started again.
    if !one.message.trim().is_empty() && one.last_words.is_empty() {
        facts.push(one.message.trim().chars().take(LONGEST_MESSAGE / 2).collect());
    }
    let state = if is_being_prepared(one) { State::Progressing } else { State::Problem };
    let silent = one.exit_code.is_some() && one.last_words.is_empty();
    let log = silent.then(|| Log { pod: pod.name.clone(), container: one.container.clone(), previous: one.restarts > 0 });
    Cause { log, ..build_cause("Container", &one.container, state, &one.reason, &facts.join("; "), Vec::new()) }
}

/// A claim waits for its pod, too, so it is a problem only if the scheduler says so.
fn list_unbound_claims(pod: &PodView, reason: Reason, input: &Input<'_>) -> Vec<Cause> {
    let state = if reason == Reason::ClaimUnbound { State::Problem } else { State::Unknown };
    let describe = |claim: &ClaimView| {
        let message = format!("it is not bound to a volume of storage class {:?}", claim.class);
        build_cause("PersistentVolumeClaim", &claim.name, state, &claim.phase, &message, Vec::new())
    };
    let find = |name: &String| input.around.claims.iter().find(|claim| claim.name == *name && claim.phase != "Bound");
    pod.claims.iter().filter_map(find).map(|claim| describe(claim)).collect()
}

/// The labels that nodes need, without the names of nodes: whoever reads a TServer need not read nodes.
fn list_node_rules(input: &Input<'_>) -> Vec<Cause> {
    let nodes = &input.around.nodes;
    let describe = |(rule, count): (String, usize)| {
        let state = if count == 0 { State::Problem } else { State::Ok };
        let message = format!("{count} of {} nodes satisfy it", nodes.len());
        build_cause("NodeRule", &rule, state, "", &message, Vec::new())
    };
    let rules = count_matches(&input.key.namespace, input.spec, nodes);
    keep_most("NodeRule", rules.into_iter().map(describe).collect())
}
