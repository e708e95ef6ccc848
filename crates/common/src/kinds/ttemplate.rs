//! TTemplate: text that the configurations of many servers start from (docs/reference/resources.md#4.3).

use crate::{kind::kind, rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "ttemplates";
    {
        /// A template of server configurations.
        pub struct TTemplate {
            /// The template. The schema lets it be absent; admission refuses the empty parent that results.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub spec: TTemplateSpec,
        }
    }
}

/// Text and parent of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TTemplateSpec {
    /// Text in the syntax of Tars configurations.
    #[schemars(length(max = rules::CONTENT_LIMIT))]
    pub content: String,
    /// Name of the template this one extends; its own name for none.
    #[schemars(regex(pattern = rules::DNSSUB), length(max = 253))]
    pub parent: String,
}
