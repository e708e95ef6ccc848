//! Decides whether this instance may write the Lease. The decision is pure: the time is an argument.

use k8s_openapi::api::coordination::v1::Lease;
use std::time::Duration;
use tokio::time::Instant;

/// The last change of the record that this process has seen. `since` is the time by the clock of this process.
#[derive(Clone, Debug)]
pub(super) struct LastChange {
    version: Option<String>,
    since: Instant,
}

/// The next step after the Lease was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no Lease yet, so create it.
    Create,
    /// The Lease is ours, free, or expired, so write it.
    Write,
    /// Another instance holds the Lease, so wait.
    Wait,
}

/// Decides the next step from the Lease as it is (`live`), and updates `last_change` if the Lease has changed since.
///
/// `duration` says how long the record counts if the record itself does not say it.
pub(super) fn decide(
    live: Option<&Lease>,
    last_change: &mut Option<LastChange>,
    identity: &str,
    duration: Duration,
    now: Instant,
) -> Step {
    let Some(live) = live else {
        *last_change = None;
        return Step::Create;
    };
    let version = live.metadata.resource_version.clone();
    let seen = match last_change {
        Some(seen) if seen.version == version => seen.clone(),
        _ => last_change.insert(LastChange { version, since: now }).clone(),
    };
    let spec = live.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    if holder.is_empty() || holder == identity {
        return Step::Write;
    }
    let counts = spec
        .and_then(|spec| spec.lease_duration_seconds)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(duration, Duration::from_secs);
    if now.saturating_duration_since(seen.since) >= counts { Step::Write } else { Step::Wait }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use kube::api::ObjectMeta;

    const DURATION: Duration = Duration::from_secs(15);

    fn lease(holder: &str, version: &str) -> Lease {
        Lease {
            metadata: ObjectMeta { resource_version: Some(version.to_owned()), ..ObjectMeta::default() },
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_duration_seconds: Some(15),
                ..LeaseSpec::default()
            }),
        }
    }

    #[test]
    fn a_missing_lease_is_created_and_a_free_one_is_taken() {
        let now = Instant::now();
        assert_eq!(decide(None, &mut None, "me", DURATION, now), Step::Create);
        assert_eq!(decide(Some(&lease("", "1")), &mut None, "me", DURATION, now), Step::Write);
        assert_eq!(decide(Some(&lease("me", "1")), &mut None, "me", DURATION, now), Step::Write);
    }

    #[test]
    fn a_held_lease_is_taken_only_after_it_did_not_change_for_its_duration() {
        let start = Instant::now();
        let mut last_change = None;
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(decide(Some(&lease("other", "1")), &mut last_change, "me", DURATION, at(0)), Step::Wait);
        assert_eq!(decide(Some(&lease("other", "1")), &mut last_change, "me", DURATION, at(14)), Step::Wait);
        // The other instance renewed just in time, so the clock starts again.
        assert_eq!(decide(Some(&lease("other", "2")), &mut last_change, "me", DURATION, at(15)), Step::Wait);
        assert_eq!(decide(Some(&lease("other", "2")), &mut last_change, "me", DURATION, at(29)), Step::Wait);
        assert_eq!(decide(Some(&lease("other", "2")), &mut last_change, "me", DURATION, at(30)), Step::Write);
    }

    #[test]
    fn the_first_look_never_takes_a_held_lease_however_old_its_times_are() {
        assert_eq!(decide(Some(&lease("other", "1")), &mut None, "me", DURATION, Instant::now()), Step::Wait);
    }
}
