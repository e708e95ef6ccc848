//! TFrameworkConfig v1beta2.

use super::ImageRegistry;
use crate::{lenient::int, rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

super::object!(v1beta2 {
    /// Settings of image builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_build: Option<ImageBuild>,
    /// Registry to which built images are pushed.
    pub image_registry: ImageRegistry,
});

/// Settings of image builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageBuild {
    /// Seconds after which a running build counts as failed, 180 to 900; 300 when absent.
    #[serde(default = "int::<300>")]
    #[schemars(range(min = 180, max = 900))]
    pub max_build_time: i32,
    /// Format of the release ids that builds get.
    #[serde(default)]
    pub id_format: String,
}

impl Default for ImageBuild {
    fn default() -> Self {
        Self { max_build_time: int::<300>(), id_format: String::new() }
    }
}

/// Image of tarsnode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeImage {
    /// Image reference.
    #[schemars(regex(pattern = rules::IMAGE), length(max = 500))]
    pub image: String,
    /// Name of the pull secret, or empty.
    #[serde(default)]
    #[schemars(regex(pattern = rules::SECRET0), length(max = 253))]
    pub secret: String,
}
