//! Events: told when the reason for the state of a server changed, and only then. What a user must act on is a condition, too.

use super::{checks::READY, reason::Reason};
use crate::context::Context;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Resource as _,
    runtime::events::{Event, EventType},
};
use tars_common::v1beta3::{TServer, TServerStatus};

/// What we did when we saw what an Event tells.
const ACTION: &str = "Reconcile";

/// The Event that the change of `server`'s status to `after` is worth, if any.
pub(super) fn news(server: &TServer, after: &TServerStatus) -> Option<Event> {
    let before = server.status.as_ref().and_then(|status| ready(&status.conditions));
    let now = ready(&after.conditions)?;
    if before.is_some_and(|before| before.reason == now.reason) {
        return None;
    }
    let warns = Reason::ALL.iter().any(|reason| reason.as_str() == now.reason && reason.warns());
    let became_ready = now.status == "True" && before.is_some();
    let type_ = match (warns, became_ready) {
        (true, _) => EventType::Warning,
        (false, true) => EventType::Normal,
        (false, false) => return None,
    };
    let note = Some(now.message.chars().take(1024).collect());
    Some(Event { type_, reason: now.reason.clone(), note, action: ACTION.to_owned(), secondary: None })
}

fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == READY)
}

/// Sends an Event. One that is lost is no loss: the condition says the same.
pub(super) async fn publish(context: &Context, server: &TServer, event: Event) {
    if let Err(error) = context.recorder.publish(&event, &server.object_ref(&())).await {
        tracing::warn!(reason = event.reason, %error, "an Event was not recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn status(status: &str, reason: &str, message: &str) -> TServerStatus {
        let ready = Condition {
            type_: READY.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        };
        TServerStatus { conditions: vec![ready], ..TServerStatus::default() }
    }

    fn after(before: Option<TServerStatus>, now: &TServerStatus) -> Option<(EventType, String)> {
        let server = TServer { status: before, ..TServer::default() };
        news(&server, now).map(|event| (event.type_, event.reason))
    }

    #[test]
    fn a_new_reason_that_warns_is_told_once() {
        let missing = status("False", "TemplateMissing", "one");
        assert_eq!(after(None, &missing), Some((EventType::Warning, "TemplateMissing".into())));
        assert_eq!(after(Some(missing.clone()), &status("False", "TemplateMissing", "another")), None);
        assert_eq!(after(Some(status("False", "Starting", "")), &missing), Some((EventType::Warning, "TemplateMissing".into())));
    }

    #[test]
    fn passing_states_are_not_told_and_becoming_ready_is() {
        assert_eq!(after(None, &status("False", "Starting", "")), None);
        let ready = status("True", "Ready", "");
        assert_eq!(after(Some(status("False", "Starting", "")), &ready), Some((EventType::Normal, "Ready".into())));
        assert_eq!(after(None, &ready), None, "the first look at a server of the previous controller is no news");
    }
}
