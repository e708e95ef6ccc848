//! The status of a TEndpoint, computed from the pods of the server (docs/reference/controller.md#7.6).

use super::views::{PodCondition, PodView};
use tars_common::{
    names::READINESS_GATE,
    v1beta3::{TEndpointPod, TEndpointStatus},
};

/// The conditions that are looked at first, in this order.
const WALKED_FIRST: &[&str] = &["PodScheduled", "Initialized", "ContainersReady"];

/// Computes one element for each pod of `app` and `server`. They are sorted by ordinal and name (those without a number last), so that the same pods give the same
/// status.
pub fn compute_endpoint_status(pods: &[PodView], app: &str, server: &str) -> TEndpointStatus {
    let mut pods: Vec<_> = pods.iter().filter(|pod| pod.app == app && pod.server == server).collect();
    pods.sort_by_cached_key(|pod| (pod.ordinal().unwrap_or(u64::MAX), pod.name.clone()));
    TEndpointStatus { pods: pods.into_iter().map(build_element).collect() }
}

fn build_element(pod: &PodView) -> TEndpointPod {
    let state = State::of(pod);
    TEndpointPod {
        uid: pod.uid.clone(),
        pid: state.pid,
        name: pod.name.clone(),
        pod_ip: pod.ip.clone(),
        host_ip: pod.host_ip.clone(),
        start_time: pod.created.clone(),
        id: pod.release.clone(),
        setting_state: state.setting,
        present_state: state.present,
        present_message: state.message,
        container_statuses: pod.statuses.clone(),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    setting: String,
    present: String,
    message: String,
    pid: String,
}

impl State {
    /// The first rule that matches decides.
    fn of(pod: &PodView) -> Self {
        let active = |present: &str, message: &str| Self {
            setting: "Active".to_owned(),
            present: present.to_owned(),
            message: message.to_owned(),
            pid: String::new(),
        };
        if pod.deleted.is_some() {
            return active("Terminating", &format!("pod/{} is terminating", pod.name));
        }
        let gate = pod.condition(READINESS_GATE);
        if let Some(ready) = pod.condition("Ready").filter(|ready| ready.status == "True") {
            let Some(gate) = gate else { return active("Active", "") };
            let (_, _, pid) = split_reason(&gate.reason);
            return Self { pid, ..active("Active", &ready.message) };
        }
        let mut state = active("", "");
        for condition in list_conditions(pod) {
            if condition.status != "True" {
                return active(&condition.reason, &condition.message);
            }
            state = active(&condition.kind, &condition.message);
        }
        if let Some(gate) = gate {
            (state.setting, state.present, state.pid) = split_reason(&gate.reason);
        }
        state
    }
}

/// The conditions without Ready and the readiness gate: first [`WALKED_FIRST`], then the others in the order of the pod.
fn list_conditions(pod: &PodView) -> impl Iterator<Item = &PodCondition> {
    let first = WALKED_FIRST.iter().filter_map(|kind| pod.condition(kind));
    let others = pod.conditions.iter().filter(|condition| {
        let kind = condition.kind.as_str();
        kind != "Ready" && kind != READINESS_GATE && !WALKED_FIRST.contains(&kind)
    });
    first.chain(others)
}

/// Splits `SETTING/PRESENT/PID`, of which the last parts are optional.
fn split_reason(reason: &str) -> (String, String, String) {
    let parts: Vec<&str> = reason.split('/').collect();
    let owned = str::to_owned;
    match parts[..] {
        [setting] => (owned(setting), String::new(), String::new()),
        [setting, present] => (owned(setting), owned(present), String::new()),
        [setting, present, pid] => (owned(setting), owned(present), owned(pid)),
        _ => (owned("Unknown"), owned("Unknown"), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &str, status: &str, reason: &str, message: &str) -> PodCondition {
        PodCondition { kind: kind.into(), status: status.into(), reason: reason.into(), message: message.into() }
    }

    fn pod(name: &str, conditions: Vec<PodCondition>) -> PodView {
        PodView { name: name.into(), app: "Ledger".into(), server: "Audit".into(), conditions, ..PodView::default() }
    }

    fn state(setting: &str, present: &str, message: &str, pid: &str) -> State {
        State { setting: setting.into(), present: present.into(), message: message.into(), pid: pid.into() }
    }

    #[test]
    fn a_pod_that_is_being_deleted_is_terminating_whatever_its_conditions_say() {
        let mut leaving = pod("audit-0", vec![condition("Ready", "True", "", "")]);
        leaving.deleted = Some("2030-01-01T00:00:00Z".into());
        assert_eq!(State::of(&leaving), state("Active", "Terminating", "pod/audit-0 is terminating", ""));
    }

    #[test]
    fn a_ready_pod_is_active_and_tells_its_process_if_there_is_a_gate() {
        let ready = condition("Ready", "True", "", "fine");
        assert_eq!(State::of(&pod("a-0", vec![ready.clone()])), state("Active", "Active", "", ""));
        let gate = condition(READINESS_GATE, "True", "Active/Active/42", "");
        assert_eq!(State::of(&pod("a-0", vec![ready, gate])), state("Active", "Active", "fine", "42"));
    }

    #[test]
    fn the_first_walked_condition_that_does_not_hold_explains_the_pod() {
        let conditions = vec![
            condition("ContainersReady", "False", "ContainersNotReady", "no"),
            condition("Initialized", "True", "", "laid out"),
            condition("PodScheduled", "True", "", ""),
            condition(READINESS_GATE, "False", "Active/Activating/7", ""),
        ];
        assert_eq!(State::of(&pod("a-0", conditions)), state("Active", "ContainersNotReady", "no", ""));
    }

    #[test]
    fn when_all_walked_conditions_hold_the_gate_tells_the_state() {
        let conditions = |reason: &str| {
            vec![
                condition("PodScheduled", "True", "", ""),
                condition("ContainersReady", "True", "", "up"),
                condition(READINESS_GATE, "False", reason, ""),
            ]
        };
        for (reason, setting, present, pid) in [
            ("Inactive", "Inactive", "", ""),
            ("Inactive/Deactivating", "Inactive", "Deactivating", ""),
            ("Active/Activating/7", "Active", "Activating", "7"),
            ("a/b/c/d", "Unknown", "Unknown", ""),
        ] {
            assert_eq!(State::of(&pod("a-0", conditions(reason))), state(setting, present, "up", pid), "{reason}");
        }
    }

    #[test]
    fn without_a_gate_the_last_condition_that_holds_is_the_present_state() {
        let conditions = vec![condition("Custom", "True", "", "mine"), condition("Initialized", "True", "", "")];
        assert_eq!(State::of(&pod("a-0", conditions)), state("Active", "Custom", "mine", ""));
    }

    #[test]
    fn pods_come_by_ordinal_and_those_of_other_servers_not_at_all() {
        let mut other = pod("audit-1", vec![]);
        other.server = "audit".into();
        let pods = [pod("audit-10", vec![]), pod("audit-x7k", vec![]), other, pod("audit-2", vec![])];
        let names: Vec<_> = compute_endpoint_status(&pods, "Ledger", "Audit").pods.into_iter().map(|pod| pod.name).collect();
        assert_eq!(names, ["audit-2", "audit-10", "audit-x7k"]);
    }
}
