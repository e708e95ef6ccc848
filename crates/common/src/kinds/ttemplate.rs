//! TTemplate: the common text of the configurations of many servers (docs/reference/resources.md#4.3).

use crate::{kind::kind, rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind! {
    [v1beta1, v1beta2, v1beta3] "ttemplates";
    {
        /// A template of server configurations.
        pub struct TTemplate {
            /// Text and parent of the template. The schema lets it be absent; admission then refuses the empty parent.
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
    /// Name of the parent template. A template without a parent names itself.
    #[schemars(regex(pattern = rules::DNSSUB), length(max = 253))]
    pub parent: String,
}
