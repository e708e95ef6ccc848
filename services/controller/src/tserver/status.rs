//! Computes the status of a TServer from its pods and the verdicts of the checks.

use super::{checks::verdict::Verdict, replicas::Replicas, views::PodView};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use std::sync::Arc;
use tars_common::{
    names,
    v1beta3::{TServer, TServerStatus},
};

/// The longest message that the API server accepts in a condition, in characters.
const MESSAGE_LIMIT: usize = 32_768;

/// Computes the status of `server` from its pods and verdicts. A condition that does not change keeps its time, so that the same facts
/// give the same status.
pub fn compute_status(
    server: &TServer,
    pods: &[Arc<PodView>],
    verdicts: &[(&'static str, Verdict)],
    now: Timestamp,
) -> TServerStatus {
    let (app, name) = (&server.spec.app, &server.spec.server);
    let own = || pods.iter().filter(|pod| pod.app == *app && pod.server == *name);
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let before = server.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let now = Time(cut_to_seconds(now));
    TServerStatus {
        replicas: Replicas::of(server).count,
        current_replicas: count(own().count()),
        ready_replicas: count(own().filter(|pod| pod.is_ready()).count()),
        selector: names::server_selector(app, name),
        conditions: verdicts
            .iter()
            .map(|(kind, verdict)| build_condition(kind, verdict, server.metadata.generation, before, &now))
            .collect(),
        observed_generation: server.metadata.generation,
    }
}

fn build_condition(kind: &str, verdict: &Verdict, generation: Option<i64>, before: &[Condition], now: &Time) -> Condition {
    let status = verdict.status.as_str();
    let same = before.iter().find(|condition| condition.type_ == kind && condition.status == status);
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.as_str().to_owned(),
        message: verdict.message.chars().take(MESSAGE_LIMIT).collect(),
        observed_generation: generation,
        last_transition_time: same.map_or_else(|| now.clone(), |condition| condition.last_transition_time.clone()),
    }
}

/// Cuts `now` to whole seconds, as the API server stores it.
fn cut_to_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
