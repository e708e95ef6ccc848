//! The API server accepts no change of the claim templates of a StatefulSet. So other templates need another StatefulSet
//! (docs/reference/controller.md#7.3).

use super::{error::Error, task::Task};
use crate::{
    engine::fields,
    tserver::derived::{Facts, Live, digest},
};
use kube::api::PropagationPolicy;
use serde_json::{Value, json};
use tars_common::names::annotation;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// The templates are as wanted.
    Keep,
    /// Another StatefulSet is needed. It adopts the pods; those that lack a volume are replaced one after the other.
    Replace,
}

/// Compares templates by name. Their metadata must be equal, and their specs must have every value that is wanted.
fn plan(wanted: &Value, live: &Value) -> Plan {
    let (wanted, live) = (elements(wanted), elements(live));
    let find = |list: &[&Value], name: &Value| list.iter().copied().find(|template| name_of(template) == name).cloned();
    let all_same = wanted.iter().all(|template| find(&live, name_of(template)).is_some_and(|other| is_same(template, &other)));
    if all_same && wanted.len() == live.len() { Plan::Keep } else { Plan::Replace }
}

fn elements(list: &Value) -> Vec<&Value> {
    list.as_array().into_iter().flatten().collect()
}

fn name_of(template: &Value) -> &Value {
    template.pointer("/metadata/name").unwrap_or(&Value::Null)
}

fn is_same(wanted: &Value, live: &Value) -> bool {
    let part = |template: &Value, pointer: &str| {
        template.pointer(pointer).cloned().filter(|value| !is_empty(value)).unwrap_or(Value::Null)
    };
    let metadata = ["/metadata/labels", "/metadata/annotations", "/metadata/ownerReferences"];
    metadata.iter().all(|pointer| fields::same(&part(wanted, pointer), &part(live, pointer)))
        && fields::contains(&part(live, "/spec"), &part(wanted, "/spec"))
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn templates_of(wanted: &Value) -> Value {
    wanted.pointer("/spec/volumeClaimTemplates").cloned().unwrap_or_default()
}

/// `wanted` with the digest of its claim templates. Without templates it stays as it is.
fn with_digest(wanted: &Value, digest: &str) -> Value {
    let mut wanted = wanted.clone();
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations[annotation::CLAIM_TEMPLATES] = digest.into();
    }
    wanted
}

/// Makes a StatefulSet. Its claim templates are noted as they were meant: a cluster may store others, for example because a policy labels
/// them, and another StatefulSet would get the same.
pub async fn make(task: &Task<'_>, wanted: &Value) -> Result<(), Error> {
    let templates = templates_of(wanted);
    if elements(&templates).is_empty() {
        return task.make(wanted).await;
    }
    task.make(&with_digest(wanted, &digest(templates))).await
}

/// Updates a StatefulSet that exists, or deletes it if its claim templates differ from those that it was made with. The next run then
/// makes another one.
pub async fn update_or_replace(task: &Task<'_>, wanted: &Value, live: &Live) -> Result<(), Error> {
    let templates = templates_of(wanted);
    let made_with = live
        .owned()
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(annotation::CLAIM_TEMPLATES)?.as_str().map(str::to_owned));
    let wanted = &made_with.as_ref().map_or_else(|| wanted.clone(), |digest| with_digest(wanted, digest));
    let planned = if made_with.is_some_and(|made_with| made_with == digest(templates.clone())) {
        Plan::Keep
    } else {
        plan(&templates, &live.claim_templates())
    };
    if planned == Plan::Keep {
        return task.update(&with_fixed_fields(wanted, live), live).await;
    }
    tracing::info!(server = %task.key, "replacing the StatefulSet without its pods, because its claim templates changed");
    task.delete(live, PropagationPolicy::Orphan).await?;
    Err(Error::Replacing { key: task.key.clone() })
}

/// `wanted` with the claim templates and the pod management policy of `live`. The API server refuses even another spelling of them.
fn with_fixed_fields(wanted: &Value, live: &Live) -> Value {
    let mut wanted = wanted.clone();
    if let Some(spec) = wanted.get_mut("spec").and_then(Value::as_object_mut) {
        let templates = live.claim_templates();
        if !templates.is_null() {
            spec.insert("volumeClaimTemplates".to_owned(), templates);
        }
        if let Facts::StatefulSet(facts) = &live.facts
            && !facts.policy.is_empty()
        {
            spec.insert("podManagementPolicy".to_owned(), (*facts.policy).into());
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(name: &str, label: &str, size: &str) -> Value {
        json!({"metadata": {"name": name, "labels": {"shelf": label}}, "spec": {"resources": {"requests": {"storage": size}}}})
    }

    #[test]
    fn templates_as_the_api_server_stores_them_are_kept() {
        let live = json!([{
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"},
            "metadata": {"name": "data", "labels": {"shelf": "a"}, "creationTimestamp": null, "annotations": {}},
            "spec": {"resources": {"requests": {"storage": "1000M"}}, "volumeMode": "Filesystem"},
        }]);
        assert_eq!(plan(&json!([template("data", "a", "1G")]), &live), Plan::Keep);
        assert_eq!(plan(&Value::Null, &Value::Null), Plan::Keep);
        assert_eq!(plan(&Value::Null, &json!([])), Plan::Keep);
    }

    #[test]
    fn a_template_that_comes_or_goes_needs_another_statefulset() {
        let (a, b) = (template("data", "a", "1G"), template("logs", "a", "1G"));
        assert_eq!(plan(&json!([a]), &json!([a, b])), Plan::Replace, "one was removed");
        assert_eq!(plan(&Value::Null, &json!([b])), Plan::Replace, "the last was removed");
        assert_eq!(plan(&json!([a, b]), &json!([a])), Plan::Replace, "one was added to others");
        assert_eq!(plan(&json!([a]), &Value::Null), Plan::Replace, "the first was added");
    }

    #[test]
    fn a_change_of_labels_size_or_class_is_seen() {
        let live = json!([template("data", "a", "1G")]);
        assert_eq!(plan(&json!([template("data", "b", "1G")]), &live), Plan::Replace);
        assert_eq!(plan(&json!([template("data", "a", "2G")]), &live), Plan::Replace);
    }

    #[test]
    fn the_order_of_templates_does_not_matter() {
        let (a, b) = (template("data", "a", "1G"), template("logs", "a", "1G"));
        assert_eq!(plan(&json!([a, b]), &json!([b, a])), Plan::Keep);
    }
}
