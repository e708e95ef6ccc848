//! Lists and watches.

use super::{Shared, World, faults::Twist, place::Place};
use axum::body::{Body, Bytes};
use futures::stream;
use serde_json::{Value, json};
use std::{io, time::Duration};

/// How many changes a backup is old.
const BACKUP_AGE: usize = 6;

/// How many events come again after [`Twist::Rewound`].
const REWOUND: usize = 3;

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Entry {
    pub path: String,
    pub collection: String,
    /// How many changes of the object came before.
    pub nth: usize,
    pub version: u64,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// What a list or watch asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    collection: String,
    labels: Vec<String>,
    version: u64,
}

impl Wanted {
    /// Reads a request for `place`. Of selectors it knows those that ask whether labels exist.
    pub fn of(place: &Place, query: &str) -> Self {
        let arguments: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let argument = |name: &str| arguments.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| *value);
        let labels = argument("labelSelector").replace("%2F", "/").replace("%2C", ",");
        Self {
            collection: place.collection(),
            labels: labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect(),
            version: argument("resourceVersion").parse().unwrap_or(0),
        }
    }

    fn selects(&self, object: &Value) -> bool {
        self.labels.iter().all(|label| object["metadata"]["labels"].get(label).is_some())
    }

    fn describe(&self, entry: &Entry) -> Option<Value> {
        if entry.collection != self.collection {
            return None;
        }
        let before = entry.before.as_ref().filter(|object| self.selects(object));
        let after = entry.after.as_ref().filter(|object| self.selects(object));
        let (kind, object) = match (before, after) {
            (None, None) => return None,
            (None, Some(after)) => ("ADDED", after.clone()),
            (Some(_), Some(after)) => ("MODIFIED", after.clone()),
            (Some(before), None) => {
                let mut last = before.clone();
                last["metadata"]["resourceVersion"] = entry.version.to_string().into();
                ("DELETED", last)
            }
        };
        Some(json!({"type": kind, "object": object}))
    }
}

impl World {
    /// The objects that are wanted, as the API server lists them.
    pub fn list(&self, wanted: &Wanted) -> Value {
        let objects = self.objects.iter().filter(|(path, _)| Place::of(path).collection() == wanted.collection);
        let items: Vec<&Value> = objects.map(|(_, object)| object).filter(|object| wanted.selects(object)).collect();
        json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": self.version.to_string()}, "items": items})
    }

    /// Prints every change, for a person who looks for the cause of a divergence.
    pub fn print_history(&self) {
        for entry in &self.history {
            let what = match (&entry.before, &entry.after) {
                (None, _) => "made",
                (_, None) => "gone",
                _ => "changed",
            };
            let (before, after) = (entry.before.clone().unwrap_or_default(), entry.after.clone().unwrap_or_default());
            let fields = json_patch::diff(&before, &after).to_string();
            println!("{:4} {what} {} {}", entry.version, entry.path, fields.chars().take(600).collect::<String>());
        }
    }

    /// Goes back to the state before the last changes.
    fn restore(&mut self) {
        let keep = self.history.len().saturating_sub(BACKUP_AGE);
        for entry in self.history.split_off(keep).into_iter().rev() {
            self.version = entry.version - 1;
            match entry.before {
                Some(before) => drop(self.objects.insert(entry.path, before)),
                None => drop(self.objects.remove(&entry.path)),
            }
        }
        self.epoch += 1;
        self.changed.send_replace(self.epoch);
        self.script.restored.notify_one();
    }
}

/// What a watch sends next.
enum Next {
    Line(Value),
    /// Nothing now, but perhaps after another change.
    Wait,
    Pause(Duration),
    End,
}

struct Watching {
    world: Shared,
    wanted: Wanted,
    epoch: u64,
    /// An event that has met its twist already and is only to be sent.
    due: Option<Value>,
    ended: bool,
}

/// Sends each change after the version that was asked for.
pub fn watch(world: &Shared, wanted: Wanted) -> Body {
    let (epoch, version) = {
        let mut known = world.lock().unwrap();
        let rewound = known.rewound.take_if(|(collection, _)| *collection == wanted.collection);
        (known.epoch, rewound.map_or(wanted.version, |(_, version)| version))
    };
    let wanted = Wanted { version, ..wanted };
    let watching = Watching { world: world.clone(), wanted, epoch, due: None, ended: false };
    Body::from_stream(stream::unfold(watching, async |mut watching| {
        let mut changed = watching.world.lock().unwrap().changed.subscribe();
        loop {
            changed.mark_unchanged();
            match watching.find_next() {
                Next::Line(value) => return Some((Ok::<_, io::Error>(Bytes::from(format!("{value}\n"))), watching)),
                Next::Wait => drop(changed.changed().await),
                Next::Pause(pause) => tokio::time::sleep(pause).await,
                Next::End => return None,
            }
        }
    }))
}

impl Watching {
    fn find_next(&mut self) -> Next {
        let world = self.world.clone();
        let mut world = world.lock().unwrap();
        if self.ended || world.epoch != self.epoch {
            return Next::End;
        }
        if let Some(due) = self.due.take() {
            return Next::Line(due);
        }
        let start = world.history.partition_point(|entry| entry.version <= self.wanted.version);
        let found = world.history[start..].iter().find_map(|entry| Some((entry, self.wanted.describe(entry)?)));
        let Some((entry, event)) = found else { return Next::Wait };
        let (path, nth, version) = (entry.path.clone(), entry.nth, entry.version);
        self.wanted.version = version;
        match world.script.meet_event(&path, nth) {
            None => Next::Line(event),
            Some(Twist::Late) => self.delay(event, 5),
            Some(Twist::VeryLate) => self.delay(event, 40),
            Some(Twist::Repeated) => {
                self.due = Some(event.clone());
                Next::Line(event)
            }
            Some(Twist::Broken) => Next::End,
            Some(Twist::Rewound) => {
                let mut before = world.history.iter().rev().filter(|earlier| earlier.version <= version);
                world.rewound = before.nth(REWOUND).map(|earlier| (self.wanted.collection.clone(), earlier.version));
                Next::End
            }
            Some(twist @ (Twist::Gone | Twist::Hidden)) => {
                self.ended = true;
                if twist == Twist::Hidden {
                    world.hidden = Some(self.wanted.collection.clone());
                }
                Next::Line(
                    json!({"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired",
                    "message": "too old resource version"}}),
                )
            }
            Some(Twist::Crash) => {
                world.script.crash();
                Next::Wait
            }
            Some(Twist::Restored) => {
                world.restore();
                Next::End
            }
        }
    }

    fn delay(&mut self, event: Value, seconds: u64) -> Next {
        self.due = Some(event);
        Next::Pause(Duration::from_secs(seconds))
    }
}
