//! When the versions of a configuration became active, and which of them is live (docs/reference/controller.md#7.10).
//!
//! The webhook stamps a version in the write that makes it active, and the controller decides by the stamps. So both read them here.

use crate::names::{annotation, label};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

/// Finalizer of a version that became active, until the controller has handled that. Without it a version that is activated and deleted
/// while no controller runs would leave no trace.
pub const FINALIZER: &str = "tars.io/activation";

/// The activation of one version. The greatest of a configuration is the last one. Equal times are ordered by name, so that everybody
/// finds the same order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Activation {
    /// When the version became active.
    pub at: Timestamp,
    /// The name of the object.
    pub name: String,
}

/// Finds the last activation of a version; `None` if it never was active, as far as its metadata tell. A version that the existing
/// webhook made has no stamp, so its creation counts as long as it is active.
pub fn find_activation(metadata: &ObjectMeta) -> Option<Activation> {
    let stamp = metadata.annotations.as_ref().and_then(|annotations| read_time(annotations, annotation::ACTIVATED_AT));
    let active = metadata.labels.as_ref().and_then(|labels| labels.get(label::ACTIVATED)).is_some_and(|value| value == "true");
    let created = || metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |created| created.0);
    let at = stamp.or_else(|| active.then(created))?;
    Some(Activation { at, name: metadata.name.clone().unwrap_or_default() })
}

/// Reads the time in an annotation; `None` if it is missing or is no time.
pub fn read_time(annotations: &BTreeMap<String, String>, key: &str) -> Option<Timestamp> {
    annotations.get(key)?.parse().ok()
}

/// Writes a time for an annotation: RFC 3339 in UTC with microseconds.
pub fn format_time(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Returns the time of an activation at `now` that must come after all of `earlier`: `now`, or a microsecond after the last of them if
/// another clock is ahead.
pub fn follow(now: Timestamp, earlier: impl Iterator<Item = Timestamp>) -> Timestamp {
    // The sum does not fit only at the end of all times, and then two times are equal.
    let after = |time: Timestamp| time.checked_add(SignedDuration::from_micros(1)).unwrap_or(time);
    earlier.map(after).fold(now, Timestamp::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(metadata: serde_json::Value) -> Option<String> {
        find_activation(&serde_json::from_value(metadata).unwrap()).map(|activation| format_time(activation.at))
    }

    #[test]
    fn the_stamp_counts_and_else_the_creation_of_an_active_version() {
        let created = "2026-03-04T15:00:00Z";
        let active = json!({"creationTimestamp": created, "labels": {"tars.io/Activated": "true"}});
        assert_eq!(find(active.clone()).unwrap(), "2026-03-04T15:00:00.000000Z");
        let mut stamped = active;
        stamped["annotations"] = json!({"tars.io/ActivatedAt": "2026-03-04T15:06:07.000012Z"});
        stamped["labels"]["tars.io/Activated"] = json!("false");
        assert_eq!(find(stamped.clone()).unwrap(), "2026-03-04T15:06:07.000012Z", "it was active once");
        stamped["annotations"] = json!({"tars.io/ActivatedAt": "yesterday"});
        assert_eq!(find(stamped), None);
    }

    #[test]
    fn an_activation_comes_after_every_other_although_clocks_differ() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let (now, ahead) = (time("2026-03-04T15:06:07.5Z"), time("2026-03-04T15:06:08.000001Z"));
        assert_eq!(follow(now, [time("2026-03-04T15:06:07Z")].into_iter()), now);
        assert_eq!(format_time(follow(now, [ahead, now].into_iter())), "2026-03-04T15:06:08.000002Z");
        assert_eq!(follow(Timestamp::MAX, [Timestamp::MAX].into_iter()), Timestamp::MAX);
    }
}
