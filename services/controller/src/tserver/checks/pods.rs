//! Checks of the pods: from their place on a node to the state of their processes.

use super::{input::Input, nodes, verdict::Verdict};
use crate::tserver::{
    hints::NAME_TAKEN,
    reason::Reason,
    views::{ClaimView, ContainerState, PodView},
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::fmt::Display;
use tars_common::{
    names::{NODE_CONTAINER, READINESS_GATE, STATEFUL_SERVER_NAME_LIMIT, STORAGE_CLASS, label},
    v1beta3::{PodContainerStatus, Probe, SubType},
};

/// The reasons by which the kubelet says that it cannot get an image.
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
/// The reasons by which the kubelet says that it cannot make a container.
const CREATE_FAILURES: &[&str] = &[
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
];
/// The reasons of a container that is only being prepared. They are no fault.
const PREPARATIONS: &[&str] = &["PodInitializing", "ContainerCreating"];

/// The reasons of the Events that tell why a container is not even made.
const PREPARATION_FAILURES: &[&str] =
    &["FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "NetworkNotReady"];

/// The beginnings of the parts of the scheduler's message that repeat the rest.
const NOISE: &[&str] = &[". no new claims to deallocate", ". preemption:", ", preemption:"];

/// The advice for most reasons why a registry does not deliver an image.
const CORRECT_OR_LOG_IN: &str = "correct the image, or its pull secret in spec.release";
/// The advice for a cluster without registry.
const ON_THE_NODE: &str = "if the image is on the node already, set spec.k8s.imagePullPolicy to IfNotPresent";

/// The pods that are judged.
fn judged<'a>(input: &'a Input<'_>) -> impl Iterator<Item = &'a PodView> {
    input.pods.iter().copied()
}

/// For example "2 of 3 pods are ready".
pub fn describe_ready(input: &Input<'_>) -> String {
    let ready = input.living().filter(|pod| pod.is_ready()).count();
    format!("{} ready", format_count(ready, input.wanted_pods(), "is", "are"))
}

/// Formats "1 of 1 pod is" or "1 of 3 pods are".
pub fn format_count(some: impl Display, all: i64, one: &str, many: &str) -> String {
    if all == 1 { format!("{some} of 1 pod {one}") } else { format!("{some} of {all} pods {many}") }
}

pub fn find_scale_to_zero(input: &Input<'_>) -> Option<Verdict> {
    if input.spec.k8s.daemon_set || input.wanted_pods() > 0 || input.spec.release.is_none() {
        return None;
    }
    let advice = input.replicas.explain().unwrap_or_else(|| "set spec.k8s.replicas above 0 to run the server".to_owned());
    Some(Verdict::open(Reason::ScaledToZero, format!("no pods are wanted; {advice}")))
}

/// Such a server comes from an update that turns `daemonSet` off. The API server accepts the StatefulSet, but not its pods.
pub fn find_long_name(input: &Input<'_>) -> Option<Verdict> {
    let length = input.key.name.len();
    let runs = input.living().next().is_some();
    if input.spec.k8s.daemon_set || input.wanted_pods() == 0 || length <= STATEFUL_SERVER_NAME_LIMIT || runs {
        return None;
    }
    let message = format!(
        "the name has {length} characters, and a StatefulSet with more than {STATEFUL_SERVER_NAME_LIMIT} cannot create pods; set spec.k8s.daemonSet to true, or create the server under a shorter name"
    );
    Some(Verdict::violated(Reason::NameTooLong, message))
}

/// This check judges by labels. The scheduler only says how many nodes do not match, but not why.
pub fn find_unmatched_nodes(input: &Input<'_>) -> Option<Verdict> {
    input.spec.release.as_ref()?;
    let unplaced = judged(input).find(|pod| is_false(pod, "PodScheduled"));
    if unplaced.is_none() && !(input.spec.k8s.daemon_set && input.around.pods.is_empty()) {
        return None;
    }
    let message = nodes::explain_mismatch(&input.key.namespace, input.spec, &input.around.nodes)?;
    Some(Verdict::violated(Reason::NoNodeMatches, message))
}

pub fn find_missing_pods(input: &Input<'_>) -> Option<Verdict> {
    input.spec.release.as_ref()?;
    let (have, wanted) = (input.living().count(), input.wanted_pods());
    if i64::try_from(have).unwrap_or(i64::MAX) >= wanted {
        return None;
    }
    let kind = if input.spec.k8s.daemon_set { "DaemonSet" } else { "StatefulSet" };
    let why = match input.find_hint(&[NAME_TAKEN], "").or_else(|| input.find_hint(&["FailedCreate"], "")) {
        Some(cause) => format!(": {cause}"),
        None => format!("; if that does not change, the Events of {kind} {} say why (kubectl describe)", input.key),
    };
    Some(Verdict::violated(Reason::PodsMissing, format!("{}{why}", format_count(have, wanted, "exists", "exist"))))
}

pub fn find_unbound_claim(input: &Input<'_>) -> Option<Verdict> {
    // A claim also stays unbound while the pod has no place for another reason. The scheduler then does not speak of volumes.
    let waits = |pod: &&PodView| {
        pod.condition("PodScheduled").is_some_and(|one| one.status == "False" && speaks_of_volumes(&one.message))
    };
    let (pod, claim) = judged(input).filter(waits).find_map(|pod| {
        let unbound = |name: &&String| input.around.claims.iter().find(|claim| claim.name == **name && claim.phase == "Pending");
        Some((pod, pod.claims.iter().find_map(|name| unbound(&name))?))
    })?;
    let advice = if claim.class == STORAGE_CLASS && are_volumes_used_up(input, claim) {
        format!(
            "every admitted node already holds a volume {} of this server; admit another node or lower spec.k8s.replicas",
            claim.local_volume().unwrap_or_default()
        )
    } else if claim.class == STORAGE_CLASS {
        format!(
            "the claim waits for a local volume; check that tars-agent runs on a node with the labels {} and {}",
            label::SUPPORT_LOCAL_VOLUME,
            label::node(&input.key.namespace)
        )
    } else {
        format!("check that storage class {:?} can provide a volume", claim.class)
    };
    let message = format!("claim {}/{} of pod {} is not bound to a volume; {advice}", claim.namespace, claim.name, pod.name);
    Some(Verdict::violated(Reason::ClaimUnbound, message).about(pod))
}

/// A message without details may be about volumes, too.
fn speaks_of_volumes(said: &str) -> bool {
    !said.contains(": ") || said.to_lowercase().contains("volume")
}

/// Whether every node that may hold the volume has one already: a node holds one volume of each name for a server, and each bound claim
/// uses one.
fn are_volumes_used_up(input: &Input<'_>, claim: &ClaimView) -> bool {
    let mount = claim.local_volume();
    let bound = input.around.claims.iter().filter(|other| other.local_volume() == mount && other.phase == "Bound").count();
    let nodes = nodes::count_with_volumes(&input.key.namespace, input.spec, &input.around.nodes, mount.unwrap_or_default());
    nodes > 0 && bound >= nodes
}

pub fn find_unscheduled_pod(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| lacks_node(pod))?;
    let verdict = match pod.condition("PodScheduled") {
        Some(condition) => Verdict::violated(
            Reason::Unschedulable,
            format!("no node takes pod {}: {}", pod.name, explain_scheduler(input, strip_full_stop(&condition.message))),
        ),
        None => Verdict::violated(Reason::Scheduling, describe_waiting(input, &pod.name)),
    };
    Some(verdict.about(pod))
}

/// Nobody looks at pods of a scheduler that does not exist, and nobody says so.
fn describe_waiting(input: &Input<'_>, pod: &str) -> String {
    match input.spec.k8s.scheduler_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => {
            format!(
                "scheduler {name:?} has not looked at pod {pod} yet; if none of that name runs, correct spec.k8s.schedulerName"
            )
        }
        None => format!("the scheduler has not looked at pod {pod} yet"),
    }
}

/// The words of the scheduler, and what to do about them.
fn explain_scheduler(input: &Input<'_>, said: &str) -> String {
    // What follows tells that the scheduler could not make room by force, either.
    let said = NOISE.iter().fold(said, |said, noise| said.split(noise).next().unwrap_or(said));
    if let Some(claim) = said.split("persistentvolumeclaim \"").nth(1).and_then(|rest| rest.split('"').next())
        && said.contains("not found")
    {
        return format!(
            "PersistentVolumeClaim {}/{claim} does not exist; create it, or correct the claimName in spec.k8s.mounts",
            input.key.namespace
        );
    }
    let advice = if said.contains("free ports") {
        "a port of spec.k8s.hostPorts (or, with hostNetwork, of the server) is taken on every admitted node; change it, or add a node"
    } else if said.contains("anti-affinity") {
        "add a node, lower spec.k8s.replicas, or set spec.k8s.notStacked to false"
    } else if said.contains("taint") {
        "remove the taint, tolerate it (spec.k8s.tolerations), or add a node"
    } else {
        "free resources or add a node"
    };
    format!("{said}; {advice}")
}

pub fn find_absence_of_pods(input: &Input<'_>) -> Option<Verdict> {
    if input.living().next().is_some() {
        return None;
    }
    Some(Verdict::open(Reason::NoPods, "the server has no pod".to_owned()))
}

/// The containers of a pod without a node do not exist yet, so they are not judged.
pub fn find_pod_without_node(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| lacks_node(pod))?;
    Some(Verdict::open(Reason::NotScheduled, format!("pod {} has no node yet", pod.name)).about(pod))
}

/// A process runs in a container, so it is judged only when all containers of the pod are up.
pub fn find_containers_down(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| !is_up(pod))?;
    Some(Verdict::open(Reason::NotRunning, format!("the containers of pod {} are not all up", pod.name)).about(pod))
}

pub fn find_missing_image(input: &Input<'_>) -> Option<Verdict> {
    let (pod, container) = find_trouble(input, |container| PULL_FAILURES.contains(&container.reason.as_str()))?;
    let (field, secret_field) = if container.container == NODE_CONTAINER {
        ("spec.release.nodeImage", "spec.release.nodeSecret")
    } else {
        ("spec.release.image", "spec.release.secret")
    };
    let (trouble, advice) = match container.reason.as_str() {
        "InvalidImageName" => ("is not a valid image name", format!("correct {field}")),
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
    let secret = input
        .find_hint(&["FailedToRetrieveImagePullSecret"], "")
        .map(|cause| format!("; {cause}; create that Secret in namespace {}, or correct {secret_field}", input.key.namespace));
    let message = format!(
        "image {:?} of container {} in pod {} {trouble} ({}): {}; {advice}{}",
        container.image,
        container.container,
        pod.name,
        container.reason,
        strip_full_stop(&container.message),
        secret.unwrap_or_default()
    );
    Some(Verdict::violated(Reason::ImageNotPulled, message).about(pod))
}

pub fn find_uncreated_container(input: &Input<'_>) -> Option<Verdict> {
    let (pod, container) = find_trouble(input, |container| CREATE_FAILURES.contains(&container.reason.as_str()))?;
    let message = format!(
        "container {} of pod {} cannot be made ({}): {}; provide the object if one is missing, otherwise correct spec.k8s",
        container.container,
        pod.name,
        container.reason,
        strip_full_stop(&container.message)
    );
    Some(Verdict::violated(Reason::ContainerNotCreated, message).about(pod))
}

pub fn find_crash(input: &Input<'_>) -> Option<Verdict> {
    let (pod, container) = find_trouble(input, |container| container.exit_code.is_some())?;
    let words = &container.last_words;
    // Quoting makes control characters of a terminal harmless.
    let words = if words.is_empty() { String::new() } else { format!(" ({words:?})") };
    let end = find_killing_probe(input, &container.container).unwrap_or_else(|| match container.exit_code.unwrap_or_default() {
        0 => format!("ended with exit code 0{words}, although a server must go on running,"),
        code => format!("ended with exit code {code}{words}"),
    });
    let restarts = match container.restarts {
        0 => "is started again".to_owned(),
        count => format!("was restarted {}", format_times(count)),
    };
    let message = format!(
        "container {} of pod {} {end} and {restarts}; see kubectl logs -n {} {} -c {} --previous",
        container.container, pod.name, input.key.namespace, pod.name, container.container
    );
    Some(Verdict::violated(Reason::Crashing, message).about(pod))
}

/// The probe by which the kubelet has killed a container, as an Event tells. The exit code is then that of a process that was told to end.
fn find_killing_probe(input: &Input<'_>, container: &str) -> Option<String> {
    let message = input.find_hint(&["Killing"], &format!("Container {container} failed "))?;
    let k8s = &input.spec.k8s;
    let (name, probe) = if message.contains("liveness probe") {
        ("liveness", k8s.liveness_probe.as_deref())
    } else if message.contains("startup probe") {
        ("startup", k8s.startup_probe.as_deref())
    } else {
        return None;
    };
    let how = probe.map(describe_probe).unwrap_or_default();
    let said = input.find_hint(&["Unhealthy"], if name == "liveness" { "Liveness probe" } else { "Startup probe" });
    let said = said.map(|said| format!(": {said:?}")).unwrap_or_default();
    Some(format!("was killed by its {name} probe{how}{said}"))
}

fn describe_probe(probe: &Probe) -> String {
    let port = |port: &IntOrString| match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    match (&probe.tcp_socket, &probe.http_get, &probe.exec) {
        (Some(tcp), _, _) => format!(" (tcpSocket {})", port(&tcp.port)),
        (_, Some(http), _) => format!(" (httpGet {}{})", port(&http.port), http.path.as_deref().unwrap_or_default()),
        (_, _, Some(exec)) => format!(" (exec {})", exec.command.join(" ")),
        _ => String::new(),
    }
}

pub fn find_unstarted_container(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| !is_up(pod))?;
    let telling = |container: &&ContainerState| !is_being_prepared(container);
    let state = if let Some(container) = pod.stuck.iter().find(telling).or_else(|| pod.stuck.first()) {
        let said = container.message.trim().trim_end_matches('.');
        let said = if said.is_empty() { input.find_hint(PREPARATION_FAILURES, "").unwrap_or_default() } else { said };
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        format!("container {} waits ({}){said}", container.container, container.reason)
    } else if let Some(container) = pod.statuses.iter().find(|container| runs(container) && !has_started(container)) {
        let why = match input.find_hint(&["Unhealthy"], "Startup probe") {
            Some(cause) => format!(": {cause:?}"),
            None => format!("; if that does not change, {}", refer_to_events(input, pod)),
        };
        format!("container {} runs, but its startup probe has not succeeded yet{why}", container.name)
    } else {
        "its containers are not all ready".to_owned()
    };
    Some(Verdict::violated(Reason::Starting, format!("pod {} is starting: {state}", pod.name)).about(pod))
}

/// This check applies only to servers with the readiness gate. The registry does not report the state of other servers.
pub fn find_unreported_process(input: &Input<'_>) -> Option<Verdict> {
    if !input.spec.k8s.readiness_gates.iter().any(|gate| gate == READINESS_GATE) {
        return None;
    }
    let pod = judged(input).find(|pod| pod.condition(READINESS_GATE).is_none())?;
    let advice = match input.spec.sub_type {
        SubType::Tars => format!("check the log of the pod and that {}/tars-tarsregistry runs", input.key.namespace),
        SubType::Normal => {
            "and the server does not report its state itself, remove that gate from spec.k8s.readinessGates: without tarsnode nobody else sets it"
                .to_owned()
        }
    };
    let message =
        format!("the registry has set no condition {READINESS_GATE} on pod {} yet; if that does not change, {advice}", pod.name);
    Some(Verdict::violated(Reason::NotReported, message).about(pod))
}

/// tarsnode is the first process of the container and starts the server again, so Kubernetes sees no crash. The registry passes on what
/// tarsnode says.
pub fn find_ended_process(input: &Input<'_>) -> Option<Verdict> {
    let ended = |pod: &&PodView| {
        pod.condition(READINESS_GATE).is_some_and(|gate| gate.status != "True" && gate.message.starts_with("ended "))
    };
    let pod = judged(input).find(ended)?;
    let said = &pod.condition(READINESS_GATE)?.message;
    let container = &input.key.name;
    let message =
        format!("the process of pod {} {said}; see kubectl logs -n {} {0} -c {container}", pod.name, input.key.namespace);
    Some(Verdict::violated(Reason::ProcessEnds, message).about(pod))
}

pub fn find_inactive_process(input: &Input<'_>) -> Option<Verdict> {
    let (pod, condition) =
        judged(input).find_map(|pod| Some((pod, pod.condition(READINESS_GATE)?)).filter(|(_, c)| c.status != "True"))?;
    let mut states = condition.reason.split('/');
    let (setting, present) = (states.next().unwrap_or_default(), states.next().unwrap_or_default());
    let message = format!(
        "the server process of pod {} is {present:?} while {setting:?} is wanted; see its log, or start it if it was stopped on purpose",
        pod.name
    );
    Some(Verdict::violated(Reason::ProcessInactive, message).about(pod))
}

/// If a container has started and is not ready, its readiness probe fails.
pub fn find_failing_readiness_probe(input: &Input<'_>) -> Option<Verdict> {
    let unready = judged(input).filter(|pod| !is_true(pod, "ContainersReady"));
    let (pod, container) =
        unready.into_iter().find_map(|pod| Some((pod, pod.statuses.iter().find(|one| runs(one) && !one.ready)?)))?;
    let why = match input.find_hint(&["Unhealthy"], "Readiness probe") {
        Some(cause) => format!(": {cause:?}"),
        None => format!("; {}", refer_to_events(input, pod)),
    };
    let message = format!(
        "container {} of pod {} runs, but its readiness probe does not succeed, so it gets no traffic{why}",
        container.name, pod.name
    );
    Some(Verdict::violated(Reason::ReadinessProbeFails, message).about(pod))
}

pub fn find_unready_pod(input: &Input<'_>) -> Option<Verdict> {
    let pod = judged(input).find(|pod| !pod.is_ready())?;
    let said = pod.condition("Ready").map(|condition| condition.message.trim()).filter(|message| !message.is_empty());
    let message = match said {
        Some(said) if said.contains("readiness gate") => format!(
            "pod {} is not ready: {}; whoever offers that gate must set the condition, or remove the gate from spec.k8s.readinessGates",
            pod.name,
            strip_full_stop(said)
        ),
        Some(said) => format!("pod {} is not ready: {}", pod.name, strip_full_stop(said)),
        None => format!(
            "pod {} is not ready, and Kubernetes gives no cause; its conditions and readiness gates show more (kubectl describe pod -n {} {0})",
            pod.name, input.key.namespace
        ),
    };
    Some(Verdict::violated(Reason::PodNotReady, message).about(pod))
}

fn find_trouble<'a>(input: &'a Input<'_>, which: impl Fn(&ContainerState) -> bool) -> Option<(&'a PodView, &'a ContainerState)> {
    judged(input).find_map(|pod| Some((pod, pod.stuck.iter().find(|container| which(container))?)))
}

/// Whether the pod keeps the condition `Scheduled` from holding.
pub fn lacks_node(pod: &PodView) -> bool {
    !is_true(pod, "PodScheduled")
}

/// Whether the pod keeps the condition `Running` from holding.
pub fn lacks_containers(pod: &PodView) -> bool {
    !lacks_node(pod) && !is_up(pod)
}

/// Whether the pod keeps the condition `Active` from holding.
pub fn lacks_traffic(pod: &PodView) -> bool {
    !lacks_node(pod) && is_up(pod) && !pod.is_ready()
}

/// Whether the container is only being prepared, which is no fault.
pub fn is_being_prepared(container: &ContainerState) -> bool {
    PREPARATIONS.contains(&container.reason.as_str())
}

/// Whether every container of the pod runs and has passed its startup probe. It need not be ready.
fn is_up(pod: &PodView) -> bool {
    let all = || !pod.statuses.is_empty() && pod.statuses.iter().all(|container| runs(container) && has_started(container));
    is_true(pod, "ContainersReady") || all()
}

fn runs(container: &PodContainerStatus) -> bool {
    container.state.as_ref().is_some_and(|state| state.running.is_some())
}

/// The kubelet always states `started` for a container that has begun, and leaves it out for others.
fn has_started(container: &PodContainerStatus) -> bool {
    container.started != Some(false)
}

/// Refers to the Events in which the kubelet reports the answers to a probe.
fn refer_to_events(input: &Input<'_>, pod: &PodView) -> String {
    format!("its Events say how it fails (kubectl describe pod -n {} {})", input.key.namespace, pod.name)
}

fn is_true(pod: &PodView, condition: &str) -> bool {
    pod.condition(condition).is_some_and(|condition| condition.status == "True")
}

fn is_false(pod: &PodView, condition: &str) -> bool {
    pod.condition(condition).is_some_and(|condition| condition.status == "False")
}

pub fn format_times(count: i32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// Makes the message of another program fit into a sentence. An absent message is named as such.
fn strip_full_stop(text: &str) -> &str {
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() { "no details are given" } else { text }
}
