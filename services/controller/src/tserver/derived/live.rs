//! A derived object as it is: its owner, the fields that are ours, and the facts of its kind.

use super::recipe::{Facts, Recipe};
use crate::engine::{
    cache::{Key, View},
    fields,
    packed::Packed,
};
use kube::api::DynamicObject;
use serde_json::Value;
use tars_common::{managed::find_owned, names::label};

/// The owner that controls an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    pub kind: String,
    pub uid: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    pub key: Key,
    pub uid: String,
    /// The resourceVersion that was seen.
    pub version: String,
    pub controller: Option<Controller>,
    /// The values of the labels that name application and server; empty without them.
    names: [Box<str>; 2],
    pub deleting: bool,
    /// Whether the previous controller still owns fields of it.
    pub predecessor: bool,
    /// The fields that are ours.
    owned: Packed,
    pub facts: Facts,
}

impl View for Live {}

fn read_names(object: &Value) -> [Box<str>; 2] {
    let labels = object.pointer("/metadata/labels");
    [label::SERVER_APP, label::SERVER_NAME]
        .map(|key| labels.and_then(|labels| labels.get(key)?.as_str()).unwrap_or_default().into())
}

impl Live {
    pub fn of(recipe: &'static Recipe, object: DynamicObject) -> Result<Self, serde_json::Error> {
        let whole = serde_json::to_value(&object)?;
        let controller = object.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        Ok(Self {
            key: Key::of(&object),
            controller: controller.map(|owner| Controller { kind: owner.kind.clone(), uid: owner.uid.clone() }),
            names: read_names(&whole),
            deleting: object.metadata.deletion_timestamp.is_some(),
            predecessor: fields::has_predecessor(&whole),
            owned: recipe.packer.pack(&find_owned(&whole, &whole).unwrap_or_default()),
            facts: (recipe.read)(&whole),
            uid: object.metadata.uid.unwrap_or_default(),
            version: object.metadata.resource_version.unwrap_or_default(),
        })
    }

    /// Whether the TServer with this uid controls it.
    pub fn is_of(&self, uid: &str) -> bool {
        self.controller.as_ref().is_some_and(|controller| controller.uid == uid)
    }

    /// Whether nobody controls it, and it has the labels of the server of `wanted`. The deletion of a TServer with `--cascade=orphan`
    /// leaves such objects.
    pub fn is_orphan_of(&self, wanted: &Value) -> bool {
        let names = read_names(wanted);
        self.controller.is_none() && self.names == names && names.iter().all(|name| !name.is_empty())
    }

    /// Whether anything but the version differs. Most changes are of a status that the controller does not read.
    pub fn differs(&self, other: &Self) -> bool {
        *self != Self { version: self.version.clone(), ..other.clone() }
    }

    /// Whether `before` became this by the work of its workload controller alone.
    pub fn has_only_progressed(&self, before: &Self) -> bool {
        let counts = matches!(self.facts, Facts::StatefulSet(_) | Facts::DaemonSet { .. });
        counts && *self == Self { version: self.version.clone(), facts: self.facts.clone(), ..before.clone() }
    }

    /// The fields that are ours; null if we never applied.
    pub fn owned(&self) -> Value {
        self.owned.unpack()
    }

    /// The claim templates of a StatefulSet; otherwise null.
    pub fn claim_templates(&self) -> Value {
        if let Facts::StatefulSet(facts) = &self.facts { facts.claim_templates.unpack() } else { Value::Null }
    }

    /// The names of the claim templates of a StatefulSet.
    pub fn claim_template_names(&self) -> Vec<String> {
        let templates = self.claim_templates();
        let names = templates.as_array().into_iter().flatten();
        names.filter_map(|template| template.pointer("/metadata/name")?.as_str().map(str::to_owned)).collect()
    }

    /// The status of a TEndpoint; otherwise null.
    pub fn endpoint_status(&self) -> Value {
        if let Facts::Endpoint { status } = &self.facts { status.unpack() } else { Value::Null }
    }

    /// The content of a TExitedRecord; otherwise null.
    pub fn record(&self) -> Value {
        if let Facts::ExitedRecord { content } = &self.facts { content.unpack() } else { Value::Null }
    }
}
