//! Objects of which a line is enough.

use crate::cache::View;
use kube::api::DynamicObject;
use serde::Deserialize as _;
use serde_json::Value;
use std::collections::BTreeMap;

/// A node: where pods may go depends on its labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeView {
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

impl View for NodeView {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        Ok(Self { deleting: object.metadata.deletion_timestamp.is_some(), labels: object.metadata.labels.unwrap_or_default() })
    }
}

/// A TTemplate: only the chain of parents matters here. Contents, up to 1.5 MB each, are the registry's business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateView {
    /// `spec.parent`; the template's own name says that it has none.
    pub parent: String,
}

impl View for TemplateView {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        Ok(Self { parent: text(&object.data, "/spec/parent") })
    }
}

/// The `tars-framework` configuration of a namespace, as far as it concerns the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameworkView {
    /// Default image of tarsnode.
    pub node_image: String,
    /// Its pull secret; may be empty.
    pub node_secret: String,
    /// `recordLimit.texitedPod`.
    pub exited_pods: Option<usize>,
    /// `recordLimit.tconfigHistory`.
    pub config_history: Option<usize>,
    /// `imageBuild.maxBuildTime` in seconds.
    pub max_build_seconds: Option<u64>,
}

impl View for FrameworkView {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let number = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_u64);
        let count = |pointer: &str| number(pointer).and_then(|value| usize::try_from(value).ok());
        Ok(Self {
            node_image: text(&object.data, "/nodeImage/image"),
            node_secret: text(&object.data, "/nodeImage/secret"),
            exited_pods: count("/recordLimit/texitedPod"),
            config_history: count("/recordLimit/tconfigHistory"),
            max_build_seconds: number("/imageBuild/maxBuildTime"),
        })
    }
}

/// The TTree of a namespace: which applications it lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeView {
    /// The names in `apps`.
    pub apps: Vec<String>,
    /// The version that was seen.
    pub version: String,
}

impl View for TreeView {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let version = object.metadata.resource_version.unwrap_or_default();
        let Some(apps) = object.data.get("apps") else { return Ok(Self { version, ..Self::default() }) };
        let apps = Vec::<Value>::deserialize(apps)?;
        Ok(Self { apps: apps.iter().map(|app| text(app, "/name")).collect(), version })
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
