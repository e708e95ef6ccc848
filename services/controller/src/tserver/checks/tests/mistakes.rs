//! What operators read after common mistakes, in the words of the scheduler, of the kubelet and of Events.

use super::*;
use crate::tserver::hints::Hint;

fn unplaced(said: &str) -> Case {
    let mut lost = pod(&[("PodScheduled", "False", "Unschedulable", said)]);
    lost.claims = vec!["delay-bind-ledger-audit-0".into()];
    Case::new().with(lost)
}

fn hint(reason: &str, message: &str) -> Hint {
    Hint { reason: reason.into(), message: message.into() }
}

/// The message of `Ready` when these Events are known.
fn told(case: &Case, hints: &[Hint]) -> (Reason, String) {
    let (server, key) = (server(case.spec), Key::new("bank", case.name));
    let input = Input::new(&server, &key, &[], &case.around, &case.failures);
    let (_, ready) = judge(&input.with_hints(hints)).pop().unwrap();
    (ready.reason, ready.message)
}

#[test]
fn a_taken_host_port_is_named_although_a_claim_waits_for_the_node() {
    let mut case = unplaced(
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found.",
    );
    let claim = ClaimView {
        namespace: "bank".into(),
        name: "delay-bind-ledger-audit-0".into(),
        phase: "Pending".into(),
        class: "tars-storage-class".into(),
        ..ClaimView::default()
    };
    case.around.claims = vec![Arc::new(claim)];
    let (_, reason, message) = case.ready();
    assert_eq!(reason, Reason::Unschedulable);
    assert!(message.contains("a port of spec.k8s.hostPorts") && message.contains("is taken on every admitted node"), "{message}");
    assert!(!message.contains("preemption"), "{message}");
}

#[test]
fn a_claim_that_does_not_exist_is_named() {
    let case = unplaced("0/1 nodes are available: persistentvolumeclaim \"nosuch\" not found. not found");
    let (_, _, message) = case.ready();
    assert_eq!(
        message,
        "no node takes pod ledger-audit-0: PersistentVolumeClaim bank/nosuch does not exist; create it, or correct the claimName in spec.k8s.mounts"
    );
}

#[test]
fn pods_that_must_be_apart_need_nodes() {
    let case = unplaced("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.");
    assert!(case.ready().2.ends_with("add a node, lower spec.k8s.replicas, or set spec.k8s.notStacked to false"));
}

#[test]
fn the_event_of_the_workload_says_why_a_pod_is_missing() {
    let case = Case::new();
    assert!(told(&case, &[]).1.contains("kubectl describe"));
    let quota = "create Pod ledger-audit-0 in StatefulSet ledger-audit failed error: pods \"ledger-audit-0\" is forbidden: exceeded quota: small.";
    let (reason, message) = told(&case, &[hint("SuccessfulCreate", "made"), hint("FailedCreate", quota)]);
    assert_eq!(reason, Reason::PodsMissing);
    assert_eq!(message, format!("0 of 1 pod exists: {}", quota.trim_end_matches('.')));
}

#[test]
fn a_pod_that_lost_its_labels_is_told_before_other_causes() {
    let case = Case::new();
    let events = [hint("FailedCreate", "create Pod failed"), hint("NameTaken", "pod ledger-audit-0 exists, but it has no label")];
    let (reason, message) = told(&case, &events);
    assert_eq!(reason, Reason::PodsMissing);
    assert_eq!(message, "0 of 1 pod exists: pod ledger-audit-0 exists, but it has no label");
}

#[test]
fn the_first_pod_that_a_stateful_set_lacks_has_a_name() {
    let missing = |spec: &'static str, pods: &[&str]| {
        let mut case = Case { spec, ..Case::new() };
        for name in pods {
            case = case.with(PodView { name: (*name).into(), ..pod(&[]) });
        }
        let (server, key) = (server(case.spec), Key::new("bank", case.name));
        Input::new(&server, &key, &[], &case.around, &case.failures).find_missing_name()
    };
    let three = "{ tars: { template: t }, release: { id: a, image: b }, k8s: { replicas: 3 } }";
    assert_eq!(missing(three, &["ledger-audit-0", "ledger-audit-2"]).as_deref(), Some("ledger-audit-1"));
    assert_eq!(missing(RELEASED, &["ledger-audit-0"]), None);
    assert_eq!(missing("{ tars: { template: t }, release: { id: a, image: b }, k8s: { daemonSet: true } }", &[]), None);
}

#[test]
fn a_container_that_its_probe_has_killed_says_which_probe() {
    let mut case = Case::new().with(stuck("CrashLoopBackOff", "back-off", Some(0)));
    case.spec = "
tars: { template: demo.cpp }
release: { id: v7, image: registry/audit }
k8s: { replicas: 1, livenessProbe: { tcpSocket: { port: 4444 } } }
";
    let events = [
        hint("Killing", "Container ledger-audit failed liveness probe, will be restarted"),
        hint("Unhealthy", "Liveness probe failed: dial tcp 10.0.0.9:4444: connect: connection refused"),
    ];
    let (reason, message) = told(&case, &events);
    assert_eq!(reason, Reason::Crashing);
    assert!(
        message.contains("was killed by its liveness probe (tcpSocket 4444): \"Liveness probe failed: dial tcp"),
        "{message}"
    );
    assert!(told(&case, &events[1..]).1.contains("ended with exit code 0"), "the Event is about another container, or gone");
}

#[test]
fn a_command_that_ends_without_a_fault_is_a_crash_too() {
    let mut ended = stuck("Completed", "", Some(0));
    ended.stuck[0].restarts = 0;
    let (_, reason, message) = Case::new().with(ended).ready();
    assert_eq!(reason, Reason::Crashing);
    assert!(message.contains("ended with exit code 0, although a server must go on running, and is started again"), "{message}");
}

#[test]
fn a_missing_pull_secret_and_a_volume_that_cannot_be_mounted_are_named_by_their_events() {
    let case = Case::new().with(stuck("ImagePullBackOff", "Back-off pulling image", None));
    let secret = hint("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (audit-pull)");
    let message = told(&case, &[secret]).1;
    let expected = "Unable to retrieve some image pull secrets (audit-pull); create that Secret in namespace bank, or correct spec.release.secret";
    assert!(message.ends_with(expected), "{message}");
    let case = Case::new().with(stuck("ContainerCreating", "", None));
    let mount = hint("FailedMount", "MountVolume.SetUp failed for volume \"conf\" : configmap \"audit-conf\" not found");
    let (reason, message) = told(&case, &[mount]);
    assert_eq!(reason, Reason::Starting);
    assert!(message.ends_with("configmap \"audit-conf\" not found"), "{message}");
}

#[test]
fn a_readiness_gate_that_nobody_sets_is_named_with_what_to_do() {
    let mut waiting = running(Some(("True", "Active/Active/7")), "False");
    let ready = waiting.conditions.iter_mut().find(|condition| condition.kind == "Ready").unwrap();
    ready.message = "corresponding condition of pod readiness gate \"example.com/warm\" does not exist.".into();
    let (_, reason, message) = Case::new().with(waiting).ready();
    assert_eq!(reason, Reason::PodNotReady);
    assert!(
        message.contains("\"example.com/warm\"") && message.contains("remove the gate from spec.k8s.readinessGates"),
        "{message}"
    );
}

#[test]
fn nobody_sets_the_gate_of_tarsnode_on_a_normal_server() {
    let spec = "
subType: normal
normal: {}
release: { id: v7, image: registry/audit }
k8s: { replicas: 1, readinessGates: [ tars.io/active ] }
";
    let (_, reason, message) = Case { spec, ..Case::new() }.with(running(None, "False")).ready();
    assert_eq!(reason, Reason::NotReported);
    assert!(
        message.ends_with("remove that gate from spec.k8s.readinessGates: without tarsnode nobody else sets it"),
        "{message}"
    );
}

#[test]
fn a_probe_that_fails_is_quoted() {
    let unready = probed(true, Some(("True", "Active/Active/7")));
    let probe = hint("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    let (reason, message) = told(&Case::new().with(unready), &[probe]);
    assert_eq!(reason, Reason::ReadinessProbeFails);
    assert!(message.ends_with("\"Readiness probe failed: HTTP probe failed with statuscode: 503\""), "{message}");
}

#[test]
fn a_taint_can_be_tolerated_and_a_scheduler_may_not_exist() {
    let said = "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: db}.";
    let (_, reason, message) = Case::new().with(pod(&[("PodScheduled", "False", "Unschedulable", said)])).ready();
    assert_eq!(reason, Reason::Unschedulable);
    assert!(message.ends_with("; remove the taint, tolerate it (spec.k8s.tolerations), or add a node"), "{message}");
    let spec = "{ tars: { template: demo.cpp }, release: { id: v7, image: i }, k8s: { replicas: 1, schedulerName: batch } }";
    let (_, reason, message) = Case { spec, ..Case::new() }.with(pod(&[])).ready();
    assert_eq!(reason, Reason::Scheduling);
    let expected =
        "scheduler \"batch\" has not looked at pod ledger-audit-0 yet; if none of that name runs, correct spec.k8s.schedulerName";
    assert_eq!(message, expected);
}

#[test]
fn a_process_that_ends_below_tarsnode_is_told_with_its_last_words_and_where_the_log_is() {
    let said = "ended with code 1 (4 times): \"bind: address already in use\"";
    let (_, reason, message) = Case::new().with(ended(said)).ready();
    assert_eq!(reason, Reason::ProcessEnds);
    assert_eq!(
        message,
        format!("the process of pod ledger-audit-0 {said}; see kubectl logs -n bank ledger-audit-0 -c ledger-audit")
    );
    assert!(reason.warns() && !reason.may_pass(), "the Event is a Warning, and comes at once");
}

#[test]
fn a_process_that_works_again_is_not_held_against_its_past() {
    let mut pod = running(Some(("True", "Active/Active/7")), "True");
    pod.conditions.iter_mut().for_each(|condition| condition.message = "ended with code 1 (once)".into());
    assert_eq!(Case::new().with(pod).ready().1, Reason::Ready);
}

/// What the condition Running of a server with these settings says after its usual words. Its pod works.
fn told_by_running(k8s: &str) -> String {
    let spec =
        format!("{{ tars: {{ template: demo.cpp }}, release: {{ id: v7, image: i }}, k8s: {{ replicas: 1, {k8s} }} }}").leak();
    let case = Case { spec, ..Case::new() }.with(running(Some(("True", "Active/Active/7")), "True"));
    let Verdict { status, reason, message, .. } = case.verdicts()["Running"].clone();
    assert_eq!((status, reason), (Status::True, Reason::ContainersRunning));
    message.strip_prefix("every container of every pod runs").unwrap().to_owned()
}

#[test]
fn an_optional_object_is_named_with_its_field_because_nobody_says_that_it_is_absent() {
    assert_eq!(
        told_by_running("envFrom: [ { configMapRef: { name: set, optional: false } }, { secretRef: { name: nosuch } } ]"),
        "; if Secret bank/nosuch (spec.k8s.envFrom[1]) is absent, they run without, because optional is true; optional: false makes them wait"
    );
    let said = told_by_running(
        "env: [ { name: A, value: a }, { name: B, valueFrom: { configMapKeyRef: { name: c, key: k } } }, { name: C, valueFrom: { configMapKeyRef: { name: c, key: l } } } ],
         mounts: [ { name: m, mountPath: /m, source: { secret: { secretName: s } } } ]",
    );
    assert!(
        said.starts_with("; if ConfigMap bank/c (spec.k8s.env[1]) or Secret bank/s (spec.k8s.mounts[0]) are absent,"),
        "{said}"
    );
    let many: Vec<_> = (0..9).map(|number| format!("{{ secretRef: {{ name: s{number} }} }}")).collect();
    let said = told_by_running(&format!("envFrom: [ {} ]", many.join(", ")));
    assert!(said.contains("s2 (spec.k8s.envFrom[2]) or 6 more are absent") && !said.contains("s3"), "{said}");
}

#[test]
fn a_server_without_optional_objects_says_nothing_about_them() {
    assert_eq!(
        told_by_running("env: [ { name: A, value: a } ], mounts: [ { name: m, mountPath: /m, source: { emptyDir: {} } } ]"),
        ""
    );
}
