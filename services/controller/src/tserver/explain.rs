//! Explains a server to people: a tree of causes (docs/reference/controller.md#11).
//!
//! ```text
//! TServer ─► each condition that does not hold ─► its workload ─► the pods that are to blame ─► containers, claims
//!              judged by `checks`               └► the labels that nodes lack
//! ```
//!
//! The verdicts are those of [`super::checks`] and [`super::rollout`]. This module only adds the objects that they are about.

mod objects;

use super::{
    checks::{
        AREAS, Area, Input, describe_ready, judge, judge_broken,
        verdict::{APPLIED, READY, Status, Verdict},
    },
    rollout::{PROGRESSING, follow},
};
use crate::views::Broken;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use objects::list_involved;
use prost_types::Timestamp;
use tars_common::v1beta3::TServer;
use tars_proto::controller::v1::{Cause, State};

/// The longest message of a cause, in characters. The gRPC contract promises it.
const LONGEST_MESSAGE: usize = 2000;

/// The tree of causes of `server` at the time `now`. Its status says since when a condition holds or not.
pub fn explain(input: &Input<'_>, server: &TServer, now: jiff::Timestamp) -> Cause {
    let verdicts = judge(input);
    let stored = server.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
    let faulty = AREAS.iter().zip(&verdicts).filter(|(_, (_, verdict))| verdict.status != Status::True);
    let areas = faulty.map(|(area, (_, verdict))| explain_condition(area, verdict, stored, input));
    // The pods that hold the rollout up are told below the other conditions.
    let rollout = Some(follow(input, server, now).verdict).filter(|verdict| verdict.status != Status::True);
    let rollout = rollout.map(|verdict| describe_condition(PROGRESSING, &verdict, stored));
    let children = areas.chain(rollout).collect();
    let ready = verdicts.iter().find(|(kind, _)| *kind == READY).map(|(_, verdict)| verdict);
    let root = ready.map(|verdict| describe_condition(READY, verdict, stored)).unwrap_or_default();
    name_server(&input.key.name, Cause { message: describe_ready(input), children, ..root })
}

/// The tree of causes of a TServer that cannot be read.
pub fn explain_broken(name: &str, broken: &Broken) -> Cause {
    let stored = broken.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
    let verdict = judge_broken(broken);
    let children = vec![describe_condition(APPLIED, &verdict, stored)];
    let root = describe_condition(READY, &verdict, stored);
    name_server(name, Cause { message: "the TServer cannot be read".to_owned(), children, ..root })
}

/// Says that a server is being deleted, so that nothing about it is judged.
pub fn explain_end(name: &str) -> Cause {
    let message = "the TServer is being deleted, and its objects with it".to_owned();
    name_server(name, Cause { state: State::Progressing.into(), reason: "Deleting".to_owned(), message, ..Cause::default() })
}

/// Keeps of a tree what a line about the server needs: the root, and the condition that it repeats.
pub fn keep_first_cause(mut tree: Cause) -> Cause {
    let mut children = std::mem::take(&mut tree.children).into_iter();
    let first = children.find(|cause| cause.reason == tree.reason);
    tree.children = first.map(|cause| Cause { children: Vec::new(), ..cause }).into_iter().collect();
    tree
}

fn name_server(name: &str, root: Cause) -> Cause {
    Cause { kind: "TServer".to_owned(), name: name.to_owned(), remedy: String::new(), ..root }
}

fn explain_condition(area: &Area, verdict: &Verdict, stored: &[Condition], input: &Input<'_>) -> Cause {
    let children = list_involved(area, verdict.reason, input);
    Cause { children, ..describe_condition(area.condition, verdict, stored) }
}

fn describe_condition(kind: &str, verdict: &Verdict, stored: &[Condition]) -> Cause {
    let state = match verdict.status {
        Status::True => State::Ok,
        Status::Unknown => State::Unknown,
        Status::False if verdict.reason.warns() => State::Problem,
        Status::False => State::Progressing,
    };
    let same = stored.iter().find(|condition| condition.type_ == kind && condition.status == verdict.status.as_str());
    Cause {
        kind: "Condition".to_owned(),
        name: kind.to_owned(),
        state: state.into(),
        reason: verdict.reason.as_str().to_owned(),
        message: shorten(&verdict.message),
        remedy: verdict.reason.remedy().to_owned(),
        since: same.map(|condition| convert_time(condition.last_transition_time.0)),
        ..Cause::default()
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(LONGEST_MESSAGE).collect()
}

fn convert_time(time: jiff::Timestamp) -> Timestamp {
    Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

#[cfg(test)]
mod tests;
