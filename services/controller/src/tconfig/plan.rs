//! Decides from what is stored which version is live, and which steps lead there. Pure.
//!
//! A run may end after any step. The next run plans again and comes to the same end.

use super::view::ConfigView;
use jiff::Timestamp;
use std::sync::Arc;
use tars_common::names::label;

/// A change to one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Deactivate the version, and note since when the live version is live.
    Deactivate(Option<Timestamp>),
    /// Note since when the live version is live, or that there is none.
    Note(Option<Timestamp>),
    Delete,
    /// Remove the finalizer. This is the last step.
    Settle,
}

type Steps = Vec<(Arc<ConfigView>, Step)>;

/// The steps for all `versions` of one configuration, of which at most `limit` inactive ones are kept.
pub fn plan(versions: &[Arc<ConfigView>], limit: usize) -> Steps {
    let (marked, kept): (Vec<_>, Vec<_>) =
        versions.iter().filter(|version| version.deleted.is_none()).cloned().partition(|version| version.is_to_be_deleted());
    let mut steps: Steps = marked.into_iter().map(|version| (version, Step::Delete)).collect();
    // A version that was activated last and then deleted has taken over from the others, although nobody has told them.
    let last = versions.iter().filter(|version| version.is_standing()).max_by_key(|version| version.activation.as_ref());
    match last.filter(|last| last.deleted.is_none()) {
        Some(live) => plan_hand_over(live, &kept, limit, &mut steps),
        None if is_configuration_deleted(versions, &kept) => plan_deletion(versions, &kept, &mut steps),
        None => plan_rest(&kept, limit, &mut steps),
    }
    let held = versions.iter().filter(|version| version.is_held());
    let changes =
        |version: &ConfigView| steps.iter().any(|(other, step)| other.key == version.key && !matches!(step, Step::Note(_)));
    let settled: Steps = held.filter(|version| !changes(version)).map(|version| (version.clone(), Step::Settle)).collect();
    steps.extend(settled);
    steps
}

/// `live` is the version that was activated last.
fn plan_hand_over(live: &ConfigView, kept: &[Arc<ConfigView>], limit: usize, steps: &mut Steps) {
    let since = live.activation.as_ref().map(|activation| activation.at);
    for version in kept.iter().filter(|version| version.key != live.key) {
        if version.is_active() || version.is_handing_over() {
            steps.push((version.clone(), Step::Deactivate(since)));
        } else if version.live_since.is_none() {
            steps.push((version.clone(), Step::Note(since)));
        }
    }
    trim(kept, limit, steps);
}

/// Whether the live version was deleted. Either it is still there, held by its finalizer, or other versions noted an activation that is
/// later than that of every version that is there.
fn is_configuration_deleted(versions: &[Arc<ConfigView>], kept: &[Arc<ConfigView>]) -> bool {
    let noted = kept.iter().filter_map(|version| version.live_since).max();
    let known = kept.iter().filter_map(|version| version.activation.as_ref().map(|activation| activation.at)).max();
    find_deletion(versions).is_some() || noted > known
}

/// Finds when the deletion of the live version began, if it is still there.
fn find_deletion(versions: &[Arc<ConfigView>]) -> Option<Timestamp> {
    versions.iter().filter(|version| version.is_standing()).filter_map(|version| version.deleted).max()
}

/// Deletes the versions of a configuration that was deleted. One that was made afterwards has noted nothing, and stays.
fn plan_deletion(versions: &[Arc<ConfigView>], kept: &[Arc<ConfigView>], steps: &mut Steps) {
    let began = find_deletion(versions);
    let older = |version: &ConfigView| began.is_some_and(|began| version.created.is_some_and(|created| created < began));
    let mut doomed: Vec<_> = kept.iter().filter(|version| version.live_since.is_some() || older(version)).cloned().collect();
    // The latest note tells the next run of the deletion, so it goes last.
    doomed.sort_by_key(|version| version.live_since);
    steps.extend(doomed.into_iter().map(|version| (version, Step::Delete)));
}

/// No version is live, and none that was live has been deleted.
fn plan_rest(kept: &[Arc<ConfigView>], limit: usize, steps: &mut Steps) {
    for version in kept {
        if version.is_handing_over() {
            steps.push((version.clone(), Step::Deactivate(None)));
        } else if version.live_since.is_some() {
            steps.push((version.clone(), Step::Note(None)));
        }
    }
    trim(kept, limit, steps);
}

/// Deletes the oldest inactive versions above `limit`. A version that hands over counts in the next run.
fn trim(kept: &[Arc<ConfigView>], limit: usize, steps: &mut Steps) {
    let mut inactive: Vec<_> = kept.iter().filter(|version| version.is_inactive() && !version.is_handing_over()).collect();
    inactive.sort_by_key(|version| (version.created, version.labels.get(label::VERSION).cloned(), version.key.name.clone()));
    let surplus = inactive.len().saturating_sub(limit);
    for version in inactive.into_iter().take(surplus) {
        steps.retain(|(other, _)| other.key != version.key);
        steps.push((version.clone(), Step::Delete));
    }
}

#[cfg(test)]
mod tests;
