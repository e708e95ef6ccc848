//! Histories of one configuration. Each is also played with a controller that ends after every single step.

use super::*;
use crate::engine::cache::Key;
use tars_common::activation::{Activation, FINALIZER};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn version(name: &str, created: i64, active: bool) -> ConfigView {
    ConfigView {
        key: Key::new("bank", name),
        labels: [(label::ACTIVATED.to_owned(), active.to_string())].into(),
        created: Some(at(created)),
        ..ConfigView::default()
    }
}

/// A version that the webhook stamped, and that the controller has not seen yet.
fn fresh(name: &str, activated: i64) -> ConfigView {
    let activation = Some(Activation { at: at(activated), name: name.to_owned() });
    ConfigView { activation, finalizers: vec![FINALIZER.to_owned()], ..version(name, activated, true) }
}

/// A live version that the controller has handled.
fn settled(name: &str, activated: i64) -> ConfigView {
    ConfigView { finalizers: Vec::new(), ..fresh(name, activated) }
}

fn inactive(name: &str, created: i64, live_since: Option<i64>) -> ConfigView {
    ConfigView { live_since: live_since.map(at), ..version(name, created, false) }
}

fn deleted(view: ConfigView, when: i64) -> ConfigView {
    ConfigView { deleted: Some(at(when)), ..view }
}

fn labelled(mut view: ConfigView, key: &str) -> ConfigView {
    view.labels.insert(key.to_owned(), String::new());
    view
}

/// Does what the API server does for a step.
fn apply(versions: &mut Vec<Arc<ConfigView>>, key: &Key, step: Step) {
    let index = versions.iter().position(|version| version.key == *key).unwrap();
    let mut view = ConfigView::clone(&versions[index]);
    match step {
        Step::Deactivate(since) => {
            view.labels.remove(label::DEACTIVATE);
            view.labels.insert(label::ACTIVATED.to_owned(), "false".to_owned());
            view.live_since = since;
            view.finalizers.clear();
        }
        Step::Note(since) => view.live_since = since,
        Step::Delete => view.deleted = Some(at(1_000)),
        Step::Settle => view.finalizers.clear(),
    }
    versions[index] = Arc::new(view);
    versions.retain(|version| version.deleted.is_none() || !version.finalizers.is_empty());
}

/// Plays runs of at most `length` steps until there is nothing to do. Returns the versions that are left, active ones with a star.
fn play(versions: &[ConfigView], limit: usize, length: usize) -> Vec<String> {
    let mut versions: Vec<_> = versions.iter().cloned().map(Arc::new).collect();
    for _ in 0..50 {
        let steps = plan(&versions, limit);
        if steps.is_empty() {
            assert!(versions.iter().all(|version| !version.is_held()), "{versions:?}");
            return versions
                .iter()
                .map(|version| format!("{}{}", version.key.name, if version.is_active() { "*" } else { "" }))
                .collect();
        }
        for (version, step) in steps.into_iter().take(length) {
            apply(&mut versions, &version.key, step);
        }
    }
    panic!("no rest: {versions:?}");
}

fn expect_left(versions: &[ConfigView], expected: &[&str]) {
    for length in [usize::MAX, 1, 2] {
        assert_eq!(play(versions, 10, length), expected, "runs of {length} steps");
    }
}

#[test]
fn of_several_active_versions_the_one_that_was_activated_last_stays_live() {
    expect_left(&[settled("a", 10), fresh("b", 20)], &["a", "b*"]);
    expect_left(&[fresh("a", 30), fresh("b", 20), settled("c", 10)], &["a*", "b", "c"]);
    // Objects of the existing system have labels and no stamps.
    let old = ConfigView { activation: Some(Activation { at: at(5), name: "old".to_owned() }), ..version("old", 5, true) };
    expect_left(&[labelled(old.clone(), label::DEACTIVATE), fresh("new", 9)], &["old", "new*"]);
    expect_left(&[labelled(old, label::DEACTIVATE)], &["old"]);
}

#[test]
fn an_inactive_version_takes_nothing_over_and_notes_the_live_one() {
    let versions = [settled("live", 10), inactive("draft", 20, None)].map(Arc::new);
    let steps = plan(&versions, 10);
    assert_eq!(steps, [(versions[1].clone(), Step::Note(Some(at(10))))]);
    expect_left(&[settled("live", 10), inactive("draft", 20, None)], &["live*", "draft"]);
}

#[test]
fn the_finalizer_goes_last() {
    let versions = [settled("a", 10), fresh("b", 20), inactive("c", 5, None)].map(Arc::new);
    let steps: Vec<_> = plan(&versions, 10).into_iter().map(|(version, step)| (version.key.name.clone(), step)).collect();
    let since = Some(at(20));
    let expected = [("a", Step::Deactivate(since)), ("c", Step::Note(since)), ("b", Step::Settle)];
    assert_eq!(steps, expected.map(|(name, step)| (name.to_owned(), step)));
}

#[test]
fn the_others_go_with_the_live_version_also_when_no_controller_saw_the_deletion() {
    // It is gone without a trace but the notes.
    expect_left(&[inactive("a", 1, Some(20)), inactive("b", 2, Some(10))], &[]);
    // It was activated and deleted before a controller saw it.
    expect_left(&[inactive("a", 1, None), deleted(fresh("live", 20), 30)], &[]);
    expect_left(&[settled("before", 10), inactive("a", 1, Some(10)), deleted(fresh("live", 20), 30)], &[]);
    // What was made after the deletion stays.
    expect_left(&[inactive("a", 1, Some(20)), inactive("later", 40, None)], &["later"]);
    expect_left(&[inactive("later", 30, None), deleted(fresh("live", 20), 30)], &["later"]);
    expect_left(&[inactive("a", 1, Some(20)), fresh("later", 40)], &["a", "later*"]);
}

#[test]
fn a_version_that_never_was_live_or_is_not_any_more_goes_alone() {
    expect_left(&[inactive("a", 1, None), inactive("b", 2, None)], &["a", "b"]);
    let going = [inactive("a", 1, None), deleted(inactive("b", 2, None), 30)].map(Arc::new);
    assert_eq!(plan(&going, 10), []);
    // The version that was live last is there, but somebody asked the controller to deactivate it.
    let last = ConfigView { activation: settled("last", 20).activation, ..inactive("last", 20, None) };
    expect_left(&[inactive("a", 1, Some(20)), last], &["a", "last"]);
    // A later version has taken over.
    expect_left(&[deleted(fresh("a", 10), 30), settled("b", 20), inactive("c", 1, Some(10))], &["b*", "c"]);
}

#[test]
fn a_version_whose_deletion_was_asked_for_is_deleted_in_any_state() {
    expect_left(&[labelled(labelled(settled("gone", 1), label::DEACTIVATE), label::DELETING)], &[]);
    expect_left(&[labelled(fresh("gone", 2), label::DELETING), inactive("a", 1, None)], &["a"]);
}

#[test]
fn the_oldest_inactive_versions_above_the_limit_are_deleted() {
    let numbered = |name: &str, number: &str| {
        let mut view = inactive(name, 5, None);
        view.labels.insert(label::VERSION.to_owned(), number.to_owned());
        view
    };
    let versions = [numbered("c", "3"), inactive("d", 9, None), numbered("b", "2"), inactive("a", 1, None)];
    assert_eq!(play(&versions, 1, usize::MAX), ["d"]);
    assert_eq!(play(&versions, 4, usize::MAX).len(), 4);
    assert_eq!(play(&[settled("live", 1)], 0, usize::MAX), ["live*"], "an active version is never surplus");
}

#[test]
fn notes_go_when_the_last_live_version_was_deactivated_and_not_deleted() {
    let last = ConfigView { activation: settled("last", 20).activation, ..inactive("last", 20, None) };
    let versions = [inactive("a", 1, Some(20)), last].map(Arc::new);
    assert_eq!(plan(&versions, 10), [(versions[0].clone(), Step::Note(None))]);
}

#[test]
fn of_two_activations_at_the_same_time_the_later_name_counts() {
    expect_left(&[fresh("a", 10), fresh("b", 10)], &["a", "b*"]);
    expect_left(&[fresh("b", 10), fresh("a", 10)], &["b*", "a"]);
}
