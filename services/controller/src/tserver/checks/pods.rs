//! Checks of what became of the pods.

use super::{Input, Verdict};
use crate::{
    tserver::{nodes, reason::Reason},
    view::{ClaimView, ContainerState, PodView},
};
use tars_common::{
    names::{NODE_CONTAINER, READINESS_GATE, STORAGE_CLASS, label},
    v1beta3::PodContainerStatus,
};

/// Reasons by which the kubelet says that it cannot get an image.
const PULL_FAILURES: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "InspectFailed",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];
/// Reasons by which it says that it cannot make a container.
const CREATE_FAILURES: &[&str] = &[
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
];
/// Reasons by which it says that a container's turn has not come.
const PREPARATIONS: &[&str] = &["PodInitializing", "ContainerCreating"];

/// What helps against most reasons why a registry does not give an image.
const CORRECT_OR_LOG_IN: &str = "correct the image, or its pull secret in spec.release";
/// What helps where there is no registry.
const ON_THE_NODE: &str = "if the image is on the node already, set spec.k8s.imagePullPolicy to IfNotPresent";

/// The pods that are judged.
fn judged<'a>(input: &'a Input<'_>) -> impl Iterator<Item = &'a PodView> {
    input.pods.iter().copied()
}

pub(super) fn ready(input: &Input<'_>) -> usize {
    input.living().filter(|pod| pod.is_ready()).count()
}

/// "1 of 1 pod is", "1 of 3 pods are".
pub(super) fn count(some: usize, all: i64, one: &str, many: &str) -> String {
    if all == 1 { format!("{some} of 1 pod {one}") } else { format!("{some} of {all} pods {many}") }
}

pub(super) fn are_wanted(input: &Input<'_>) -> Option<Verdict> {
    if input.spec.k8s.daemon_set || input.wanted_pods() > 0 || input.spec.release.is_none() {
        return None;
    }
    Verdict::open(Reason::ScaledToZero, "no pods are wanted; set spec.k8s.replicas above 0 to run the server".to_owned())
}

/// Asks the labels, not the scheduler: its sentence says how many nodes do not match, ours says why none does.
pub(super) fn find_a_node(input: &Input<'_>) -> Option<Verdict> {
    input.spec.release.as_ref()?;
    let unplaced = judged(input).find(|pod| is_false(pod, "PodScheduled"));
    if unplaced.is_none() && !(input.spec.k8s.daemon_set && input.found.pods.is_empty()) {
        return None;
    }
    let message = nodes::why_none_matches(&input.key.namespace, input.spec, &input.found.nodes)?;
    Verdict::violated(Reason::NoNodeMatches, message)
}

pub(super) fn exist(input: &Input<'_>) -> Option<Verdict> {
    input.spec.release.as_ref()?;
    let (have, wanted) = (input.living().count(), input.wanted_pods());
    if i64::try_from(have).unwrap_or(i64::MAX) >= wanted {
        return None;
    }
    let kind = if input.spec.k8s.daemon_set { "DaemonSet" } else { "StatefulSet" };
    let message = format!(
        "{}; if that does not change, the Events of {kind} {} say why (kubectl describe)",
        count(have, wanted, "exists", "exist"),
        input.key
    );
    Verdict::violated(Reason::PodsMissing, message)
}

pub(super) fn have_volumes(input: &Input<'_>) -> Option<Verdict> {
    let (pod, claim) = judged(input).filter(|pod| is_false(pod, "PodScheduled")).find_map(|pod| {
        let unbound = |name: &&String| input.found.claims.iter().find(|claim| claim.name == **name && claim.phase == "Pending");
        Some((pod, pod.claims.iter().find_map(|name| unbound(&name))?))
    })?;
    let advice = if claim.class == STORAGE_CLASS && volumes_are_used_up(input, claim) {
        format!(
            "every admitted node already holds a volume {} of this server; admit another node or lower spec.k8s.replicas",
            claim.local_volume().unwrap_or_default()
        )
    } else if claim.class == STORAGE_CLASS {
        format!(
            "it waits for a local volume; check that tars-agent runs on a node with the labels {} and {}",
            label::SUPPORT_LOCAL_VOLUME,
            label::node(&input.key.namespace)
        )
    } else {
        format!("check that storage class {:?} can provide it", claim.class)
    };
    let message = format!("claim {}/{} of pod {} is not bound to a volume; {advice}", claim.namespace, claim.name, pod.name);
    Verdict::violated(Reason::ClaimUnbound, message).map(|verdict| verdict.of(pod))
}

/// A node holds one volume of each name of a server, and each claim that is bound has one.
fn volumes_are_used_up(input: &Input<'_>, claim: &ClaimView) -> bool {
    let mount = claim.local_volume();
    let bound = input.found.claims.iter().filter(|other| other.local_volume() == mount && other.phase == "Bound").count();
    let nodes = nodes::with_volumes(&input.key.namespace, input.spec, &input.found.nodes, mount.unwrap_or_default());
    nodes > 0 && bound >= nodes
}

pub(super) fn are_scheduled(input: &Input<'_>) -> Option<Verdict> {
    if let Some(verdict) = are_there(input) {
        return Some(verdict);
    }
    let pod = judged(input).find(|pod| !is_true(pod, "PodScheduled"))?;
    let verdict = match pod.condition("PodScheduled") {
        Some(condition) => Verdict::violated(
            Reason::Unschedulable,
            format!("no node takes pod {}: {}; free resources or add a node", pod.name, sentence(&condition.message)),
        ),
        None => Verdict::violated(Reason::Scheduling, format!("the scheduler has not looked at pod {} yet", pod.name)),
    };
    verdict.map(|verdict| verdict.of(pod))
}

pub(super) fn are_there(input: &Input<'_>) -> Option<Verdict> {
    if input.living().next().is_some() {
        return None;
    }
    Verdict::open(Reason::NoPods, "there is no pod to look at".to_owned())
}

/// Containers run on nodes; without one there is nothing to say about them.
pub(super) fn are_placed(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| !is_true(pod, "PodScheduled"))?;
    Verdict::open(Reason::NotScheduled, format!("pod {} has no node yet", pod.name)).map(|verdict| verdict.of(pod))
}

/// Processes live in containers.
pub(super) fn are_up(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| !is_up(pod))?;
    Verdict::open(Reason::NotRunning, format!("the containers of pod {} are not all up", pod.name)).map(|verdict| verdict.of(pod))
}

pub(super) fn have_images(input: &Input<'_>) -> Option<Verdict> {
    let (pod, container) = stuck(input, |container| PULL_FAILURES.contains(&container.reason.as_str()))?;
    let field = if container.container == NODE_CONTAINER { "spec.release.nodeImage" } else { "spec.release.image" };
    let (trouble, advice) = match container.reason.as_str() {
        "InvalidImageName" => ("is no name of an image", format!("correct {field}")),
        "ErrImageNeverPull" => (
            "is not on the node, and may not be pulled",
            "load it on the node, or set spec.k8s.imagePullPolicy to IfNotPresent".to_owned(),
        ),
        "ImageInspectError" | "InspectFailed" => {
            ("cannot be inspected on the node", format!("correct {field}, or remove the broken image from the node"))
        }
        _ if container.pull_policy == "Always" => ("cannot be pulled", format!("{CORRECT_OR_LOG_IN}; {ON_THE_NODE}")),
        _ => ("cannot be pulled", CORRECT_OR_LOG_IN.to_owned()),
    };
    let message = format!(
        "image {:?} of container {} in pod {} {trouble} ({}): {}; {advice}",
        container.image,
        container.container,
        pod.name,
        container.reason,
        sentence(&container.message)
    );
    Verdict::violated(Reason::ImageNotPulled, message).map(|verdict| verdict.of(pod))
}

pub(super) fn have_containers(input: &Input<'_>) -> Option<Verdict> {
    let (pod, container) = stuck(input, |container| CREATE_FAILURES.contains(&container.reason.as_str()))?;
    let message = format!(
        "container {} of pod {} cannot be made ({}): {}; provide what it asks for, or correct spec.k8s",
        container.container,
        pod.name,
        container.reason,
        sentence(&container.message)
    );
    Verdict::violated(Reason::ContainerNotCreated, message).map(|verdict| verdict.of(pod))
}

pub(super) fn do_not_crash(input: &Input<'_>) -> Option<Verdict> {
    let (pod, container) = stuck(input, |container| container.exit_code.is_some())?;
    let words = &container.last_words;
    // Quoted as in a program, so that colours and control characters of a terminal do no harm.
    let words = if words.is_empty() { String::new() } else { format!(" ({words:?})") };
    let message = format!(
        "container {} of pod {} ended with exit code {}{words} and was restarted {}; see kubectl logs -n {} {} -c {} --previous",
        container.container,
        pod.name,
        container.exit_code.unwrap_or_default(),
        times(container.restarts),
        input.key.namespace,
        pod.name,
        container.container
    );
    Verdict::violated(Reason::Crashing, message).map(|verdict| verdict.of(pod))
}

pub(super) fn have_started(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| !is_up(pod))?;
    let telling = |container: &&ContainerState| !PREPARATIONS.contains(&container.reason.as_str());
    let state = if let Some(container) = pod.stuck.iter().find(telling).or_else(|| pod.stuck.first()) {
        let said = container.message.trim().trim_end_matches('.');
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        format!("container {} waits ({}){said}", container.container, container.reason)
    } else if let Some(container) = pod.statuses.iter().find(|container| runs(container) && !has_started(container)) {
        let advice = see_events(input, pod);
        format!(
            "container {} runs, but its startup probe has not succeeded yet; if that does not change, {advice}",
            container.name
        )
    } else {
        "its containers are not all ready".to_owned()
    };
    Verdict::violated(Reason::Starting, format!("pod {} is starting: {state}", pod.name)).map(|verdict| verdict.of(pod))
}

/// Only where the gate is asked for; nobody reports the state of other servers.
pub(super) fn are_reported(input: &Input<'_>) -> Option<Verdict> {
    if !input.spec.k8s.readiness_gates.iter().any(|gate| gate == READINESS_GATE) {
        return None;
    }
    let pod = judged(input).find(|pod| pod.condition(READINESS_GATE).is_none())?;
    let message = format!(
        "the registry has set no condition {READINESS_GATE} on pod {} yet; if that does not change, check the log of the pod and that {}/tars-tarsregistry runs",
        pod.name, input.key.namespace
    );
    Verdict::violated(Reason::NotReported, message).map(|verdict| verdict.of(pod))
}

pub(super) fn are_active(input: &Input<'_>) -> Option<Verdict> {
    let (pod, condition) =
        judged(input).find_map(|pod| Some((pod, pod.condition(READINESS_GATE)?)).filter(|(_, c)| c.status != "True"))?;
    let mut states = condition.reason.split('/');
    let (setting, present) = (states.next().unwrap_or_default(), states.next().unwrap_or_default());
    let message = format!(
        "the server process of pod {} is {present:?} while {setting:?} is wanted; see its log, or start it if it was stopped on purpose",
        pod.name
    );
    Verdict::violated(Reason::ProcessInactive, message).map(|verdict| verdict.of(pod))
}

/// A container that runs and has started, but is not ready, has a readiness probe that says so.
pub(super) fn pass_readiness_probes(input: &Input<'_>) -> Option<Verdict> {
    let unready = judged(input).filter(|pod| !is_true(pod, "ContainersReady"));
    let (pod, container) =
        unready.into_iter().find_map(|pod| Some((pod, pod.statuses.iter().find(|one| runs(one) && !one.ready)?)))?;
    let message = format!(
        "container {} of pod {} runs, but its readiness probe does not succeed, so it gets no traffic; {}",
        container.name,
        pod.name,
        see_events(input, pod)
    );
    Verdict::violated(Reason::ReadinessProbeFails, message).map(|verdict| verdict.of(pod))
}

pub(super) fn are_ready(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| !pod.is_ready())?;
    let said = pod.condition("Ready").map(|condition| sentence(&condition.message).to_owned()).unwrap_or_default();
    Verdict::violated(Reason::PodNotReady, format!("pod {} is not ready: {said}", pod.name)).map(|verdict| verdict.of(pod))
}

fn stuck<'a>(input: &'a Input<'_>, which: impl Fn(&ContainerState) -> bool) -> Option<(&'a PodView, &'a ContainerState)> {
    judged(input).find_map(|pod| Some((pod, pod.stuck.iter().find(|container| which(container))?)))
}

/// Whether every container of the pod runs and has passed its startup probe. Whether it is ready is another question.
fn is_up(pod: &PodView) -> bool {
    let all = || !pod.statuses.is_empty() && pod.statuses.iter().all(|container| runs(container) && has_started(container));
    is_true(pod, "ContainersReady") || all()
}

fn runs(container: &PodContainerStatus) -> bool {
    container.state.as_ref().is_some_and(|state| state.running.is_some())
}

/// Kubelets say nothing of a container that has not begun; of one that has, they always say it.
fn has_started(container: &PodContainerStatus) -> bool {
    container.started != Some(false)
}

/// Where the kubelet writes what a probe got for an answer.
fn see_events(input: &Input<'_>, pod: &PodView) -> String {
    format!("its Events say how it fails (kubectl describe pod -n {} {})", input.key.namespace, pod.name)
}

fn is_true(pod: &PodView, condition: &str) -> bool {
    pod.condition(condition).is_some_and(|condition| condition.status == "True")
}

fn is_false(pod: &PodView, condition: &str) -> bool {
    pod.condition(condition).is_some_and(|condition| condition.status == "False")
}

fn times(count: i32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// What somebody else says, so that it fits into our sentence.
fn sentence(text: &str) -> &str {
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() { "no more is known" } else { text }
}
