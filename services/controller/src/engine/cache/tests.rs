//! The cache of one kind, by events and answers in every order.

use super::*;
use serde_json::json;

#[derive(Debug, PartialEq)]
struct Note {
    text: String,
    group: Option<Key>,
}

impl Note {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let DynamicObject { data, .. } = object;
        let text = serde_json::from_value(data["text"].clone())?;
        Ok(Self { text, group: data["group"].as_str().map(|name| Key::new("desk", name)) })
    }
}

impl View for Note {
    fn group(&self) -> Option<Key> {
        self.group.clone()
    }
}

fn watch(cache: &Cache<Note>, object: DynamicObject) -> Option<Change<Note>> {
    cache.apply(object, Source::Watch)
}

fn note(version: u64, text: &str, group: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Note", "text": text, "group": group,
        "metadata": {"namespace": "desk", "name": "memo", "resourceVersion": version.to_string()},
    }))
    .unwrap()
}

#[test]
fn an_object_is_found_by_its_key_and_by_its_group_and_leaves_the_old_group() {
    let cache = Cache::new(Note::of);
    assert!(watch(&cache, note(1, "one", "red")).is_some());
    assert_eq!(cache.group(&Key::new("desk", "red")).len(), 1);
    watch(&cache, note(2, "two", "blue"));
    assert!(cache.group(&Key::new("desk", "red")).is_empty());
    assert_eq!(cache.group(&Key::new("desk", "blue"))[0].text, "two");
    cache.delete(note(3, "two", "blue"));
    assert!(cache.get(&Key::new("desk", "memo")).is_none() && cache.group(&Key::new("desk", "blue")).is_empty());
}

/// A user writes version 2, and the answer of our write, version 3, has the user's change, too.
#[test]
fn a_change_by_others_that_comes_with_the_answer_of_a_write_is_announced() {
    let cache = Cache::new(Note::of);
    watch(&cache, note(1, "one", "red"));
    cache.observe(note(3, "two", "red"));
    assert_eq!(cache.get(&Key::new("desk", "memo")).unwrap().text, "two", "the next run sees it at once");
    assert!(watch(&cache, note(2, "two", "red")).is_none());
    let change = watch(&cache, note(3, "two", "red")).expect("the listeners compare it with what they know");
    assert_eq!((change.old.unwrap().text.as_str(), change.new.unwrap().text.as_str()), ("one", "two"));
    assert!(!change.own);
    assert!(watch(&cache, note(3, "two", "red")).is_none(), "once");
}

#[test]
fn a_change_that_only_this_process_made_is_announced_as_its_own() {
    let cache = Cache::new(Note::of);
    cache.observe(note(1, "made", "red"));
    cache.observe(note(2, "two", "red"));
    assert!(watch(&cache, note(1, "made", "red")).is_none(), "a later version is known");
    let change = watch(&cache, note(2, "two", "red")).unwrap();
    assert!(change.own && change.old.is_none());
    cache.observe(note(4, "four", "red"));
    let listed = cache.apply(note(4, "four", "red"), Source::List).unwrap();
    assert!(!listed.own, "somebody may have written version 3, and a list does not show it");
}

#[test]
fn an_answer_older_than_another_answer_changes_nothing() {
    let cache = Cache::new(Note::of);
    cache.observe(note(3, "three", "red"));
    cache.observe(note(2, "two", "red"));
    assert_eq!(cache.get(&Key::new("desk", "memo")).unwrap().text, "three");
}

/// After a restore the API server counts from an earlier version.
#[test]
fn an_object_that_decodes_no_more_is_absent_until_it_does() {
    let cache = Cache::new(Note::of);
    watch(&cache, note(1, "one", "red"));
    let mut bad = note(2, "two", "red");
    bad.data["text"] = json!(7);
    let change = watch(&cache, bad.clone()).unwrap();
    assert!(change.new.is_none() && cache.get(&Key::new("desk", "memo")).is_none());
    assert!(watch(&cache, bad).is_none(), "nothing changed");
    assert!(watch(&cache, note(3, "three", "red")).is_some());
}

#[test]
fn a_later_event_is_compared_with_what_listeners_know() {
    let cache = Cache::new(Note::of);
    watch(&cache, note(1, "one", "red"));
    cache.observe(note(3, "two", "red"));
    cache.observe(note(4, "three", "red"));
    let change = watch(&cache, note(5, "three", "red")).unwrap();
    assert_eq!((change.old.unwrap().text.as_str(), change.new.unwrap().text.as_str()), ("one", "three"));
}

#[test]
fn the_answer_of_a_write_does_not_bring_back_a_deleted_object() {
    let cache = Cache::new(Note::of);
    watch(&cache, note(1, "one", "red"));
    cache.delete(note(3, "two", "red"));
    cache.observe(note(2, "two", "red"));
    assert!(cache.get(&Key::new("desk", "memo")).is_none());
}

#[test]
fn an_object_that_does_not_decode_is_skipped_and_a_new_list_forgets_what_is_gone() {
    let cache = Cache::new(Note::of);
    let mut bad = note(1, "one", "red");
    bad.data["text"] = json!(7);
    assert!(watch(&cache, bad).is_none());
    watch(&cache, note(2, "one", "red"));
    let gone = cache.retain(&HashSet::new());
    assert_eq!((gone.len(), gone[0].new.is_none()), (1, true));
}

/// A watch may lose an event. A read then corrects the cache, unless anything has told of the object since the read began.
#[test]
fn an_answer_to_a_read_corrects_only_what_nobody_has_touched_since() {
    let (cache, key) = (Cache::new(Note::of), Key::new("desk", "memo"));
    let text = |cache: &Cache<Note>| cache.get(&key).map(|note| note.text.clone());
    assert!(!cache.correct(&key, 1, Some(note(1, "one", "red"))).unwrap(), "it may have been deleted meanwhile");
    watch(&cache, note(1, "one", "red"));
    assert!(!cache.correct(&key, 1, Some(note(1, "one", "red"))).unwrap(), "nothing was hidden");
    assert!(cache.correct(&key, 1, Some(note(3, "three", "blue"))).unwrap());
    assert_eq!((text(&cache).as_deref(), cache.version(&key)), (Some("three"), Some(3)));
    assert_eq!((cache.group(&Key::new("desk", "red")).len(), cache.group(&Key::new("desk", "blue")).len()), (0, 1));
    watch(&cache, note(5, "five", "red"));
    assert!(!cache.correct(&key, 3, Some(note(4, "four", "red"))).unwrap() && !cache.correct(&key, 3, None).unwrap());
    assert_eq!(text(&cache).as_deref(), Some("five"));
    assert!(cache.correct(&key, 5, None).unwrap() && text(&cache).is_none());
}
