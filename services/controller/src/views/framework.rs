//! The `tars-framework` configuration of a namespace, as far as the controller needs it.

use crate::engine::cache::View;
use kube::api::{ApiResource, DynamicObject};
use serde_json::Value;
use tars_common::v1beta3::TFrameworkConfig;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameworkView {
    /// The default image of tarsnode.
    pub node_image: String,
    /// The pull secret of `node_image`; may be empty.
    pub node_secret: String,
    /// `hostTimezone`.
    pub host_timezone: Option<bool>,
    /// `recordLimit.texitedPod`.
    pub exited_pods: Option<usize>,
    /// `recordLimit.tconfigHistory`.
    pub config_history: Option<usize>,
    /// `imageBuild.maxBuildTime` in seconds.
    pub max_build_seconds: Option<u64>,
}

impl View for FrameworkView {}

impl FrameworkView {
    #[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "every decoder has this signature")]
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let text = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_u64);
        let count = |pointer: &str| number(pointer).and_then(|value| usize::try_from(value).ok());
        Ok(Self {
            node_image: text("/nodeImage/image"),
            node_secret: text("/nodeImage/secret"),
            host_timezone: object.data.pointer("/hostTimezone").and_then(Value::as_bool),
            exited_pods: count("/recordLimit/texitedPod"),
            config_history: count("/recordLimit/tconfigHistory"),
            max_build_seconds: number("/imageBuild/maxBuildTime"),
        })
    }
}

pub fn resource() -> ApiResource {
    ApiResource::erase::<TFrameworkConfig>(&())
}
