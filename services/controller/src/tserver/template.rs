//! Templates: only the chain of parents matters here. The registry reads their contents, of up to 1.5 MB each.

use crate::engine::cache::{Cache, Key, View};
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;
use tars_common::{
    templates::{ChainError, walk_parents},
    v1beta3::TTemplate,
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateView {
    /// `spec.parent`; a template that names itself has no parent.
    pub parent: String,
}

impl View for TemplateView {}

impl TemplateView {
    #[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "every decoder has this signature")]
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let parent = object.data.pointer("/spec/parent").and_then(Value::as_str);
        Ok(Self { parent: parent.unwrap_or_default().to_owned() })
    }
}

/// Follows the parents of the template `first`. Returns an error if they do not end at a template without parent.
pub fn find_chain_error(templates: &Cache<TemplateView>, namespace: &str, first: &str) -> Option<ChainError> {
    let find = |name: &str| templates.get(&Key::new(namespace, name));
    walk_parents(first, find, |template| &template.parent).err()
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<TTemplate>(&())
}
