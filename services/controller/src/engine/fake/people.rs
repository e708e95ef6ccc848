//! What people do: they take the steps of a story, and repeat their wishes after a restore.

use super::{World, place::Place};
use serde_json::{Value, json};

impl World {
    /// Creates or changes an object as a person does with `kubectl apply`. What others added to it stays.
    pub fn wish(&mut self, path: &str, object: Value) {
        self.grant(path, Some(&object));
        self.wishes.insert(path.to_owned(), Some(object));
    }

    /// Changes what a person wants of an object.
    pub fn change_wish(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.wishes[path].clone().unwrap();
        change(&mut object);
        self.wish(path, object);
    }

    /// Deletes an object as a person does with `kubectl delete`.
    pub fn wish_away(&mut self, path: &str) {
        self.grant(path, None);
        self.wishes.insert(path.to_owned(), None);
    }

    /// Takes the next step of the story. Returns whether there was one.
    pub fn take_step(&mut self) -> bool {
        let step = self.script.steps.pop_front();
        step.is_some_and(|step| {
            step(self);
            true
        })
    }

    /// Asks again for everything that people want.
    pub fn repeat_wishes(&mut self) {
        for (path, wish) in self.wishes.clone() {
            self.grant(&path, wish.as_ref());
        }
    }

    fn grant(&mut self, path: &str, wish: Option<&Value>) {
        match (wish, self.get(path).cloned()) {
            (None, _) => self.remove(path),
            (Some(wish), None) => self.put(path, complete(path, wish.clone())),
            (Some(wish), Some(live)) => {
                let wanted = merge(wish, &live);
                if wanted != live {
                    self.put(path, wanted);
                }
            }
        }
    }
}

/// Adds what an object has by its path.
fn complete(path: &str, mut object: Value) -> Value {
    let place = Place::of(path);
    object["metadata"]["name"] = json!(place.name);
    object["metadata"]["creationTimestamp"] = json!("2030-01-01T00:00:00Z");
    if !place.namespace.is_empty() {
        object["metadata"]["namespace"] = json!(place.namespace);
    }
    object
}

/// Replaces in `live` the members that `wish` has, and of the metadata only labels and annotations.
fn merge(wish: &Value, live: &Value) -> Value {
    let mut object = live.clone();
    for (name, value) in
        wish.as_object().into_iter().flatten().filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status"))
    {
        object[name] = value.clone();
    }
    for part in ["labels", "annotations", "finalizers"] {
        if let Some(value) = wish["metadata"].get(part) {
            object["metadata"][part] = value.clone();
        }
    }
    object
}
