//! Templates: only the chain of parents matters here. The registry reads their contents, of up to 1.5 MB each.

use crate::engine::cache::{Cache, Key, View};
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;
use tars_common::v1beta3::TTemplate;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateView {
    /// `spec.parent`; a template that names itself has no parent.
    pub parent: String,
}

impl View for TemplateView {}

impl TemplateView {
    #[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "the shape of a decoder")]
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let parent = object.data.pointer("/spec/parent").and_then(Value::as_str);
        Ok(Self { parent: parent.unwrap_or_default().to_owned() })
    }
}

/// The result of the search for a template and its parents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// The server has no `tars` block.
    #[default]
    NotNeeded,
    /// The template and all its parents exist.
    Complete,
    Missing {
        name: String,
        /// The template that names it as parent; `None` if the server itself names it.
        child: Option<String>,
    },
    /// These templates name each other as parents, in this order. The first is also the last.
    Cycle(Vec<String>),
}

/// Follows the parents from `name` to the template that has none.
pub fn find_template(templates: &Cache<TemplateView>, namespace: &str, name: &str) -> Template {
    let mut chain: Vec<String> = vec![name.to_owned()];
    loop {
        // The chain begins with `name` and only grows.
        let Some(current) = chain.last().cloned() else { return Template::Complete };
        let Some(found) = templates.get(&Key::new(namespace, &current)) else {
            let child = chain.len().checked_sub(2).and_then(|index| chain.get(index)).cloned();
            return Template::Missing { name: current, child };
        };
        if found.parent == current || found.parent.is_empty() {
            return Template::Complete;
        }
        if let Some(start) = chain.iter().position(|earlier| *earlier == found.parent) {
            chain.push(found.parent.clone());
            return Template::Cycle(chain.split_off(start));
        }
        chain.push(found.parent.clone());
    }
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<TTemplate>(&())
}
