//! The ConfigMaps and Secrets without which the pods of a server run all the same.
//!
//! If such an object is absent, the kubelet starts the container without a word. The controller cannot look, either: whoever may ask
//! whether a Secret exists may read it. So the condition Running names the objects (docs/reference/controller.md#7.5.10).

use super::input::Input;
use tars_common::v1beta3::TServerK8s;

/// How many objects a message names.
const SHOWN: usize = 3;

/// An optional object, as `KIND`, name, and the first field that refers to it.
type Reference<'a> = (&'static str, &'a str, String);

/// Says which objects may be absent; empty if there are none.
pub fn describe_optional_objects(input: &Input<'_>) -> String {
    let references = list_references(&input.spec.k8s);
    if references.is_empty() {
        return String::new();
    }
    let namespace = &input.key.namespace;
    let shown = references.iter().take(SHOWN).map(|(kind, name, field)| format!("{kind} {namespace}/{name} ({field})"));
    let mut shown: Vec<String> = shown.collect();
    if let Some(more) = references.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        shown.push(format!("{more} more"));
    }
    format!(
        "; if {} {} absent, they run without, because optional is true; optional: false makes them wait",
        shown.join(" or "),
        if shown.len() == 1 { "is" } else { "are" }
    )
}

fn list_references(k8s: &TServerK8s) -> Vec<Reference<'_>> {
    let mut all: Vec<Reference<'_>> = Vec::new();
    let mut add = |kind, name, optional: bool, field: String| {
        if optional && !all.iter().any(|(other, known, _)| (*other, *known) == (kind, name)) {
            all.push((kind, name, field));
        }
    };
    for (index, source) in k8s.env.iter().enumerate().filter_map(|(index, one)| Some((index, one.value_from.as_ref()?))) {
        let field = || format!("spec.k8s.env[{index}]");
        source.config_map_key_ref.iter().for_each(|map| add("ConfigMap", &map.name, map.optional, field()));
        source.secret_key_ref.iter().for_each(|secret| add("Secret", &secret.name, secret.optional, field()));
    }
    for (index, source) in k8s.env_from.iter().enumerate() {
        let field = || format!("spec.k8s.envFrom[{index}]");
        source.config_map_ref.iter().for_each(|map| add("ConfigMap", &map.name, map.optional, field()));
        source.secret_ref.iter().for_each(|secret| add("Secret", &secret.name, secret.optional, field()));
    }
    for (index, source) in k8s.mounts.iter().enumerate().filter_map(|(index, one)| Some((index, one.source.as_ref()?))) {
        let field = || format!("spec.k8s.mounts[{index}]");
        source.config_map.iter().for_each(|map| add("ConfigMap", &map.name, map.optional, field()));
        source.secret.iter().for_each(|secret| add("Secret", &secret.secret_name, secret.optional, field()));
    }
    all
}
