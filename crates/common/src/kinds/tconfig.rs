//! TConfig: one version of one configuration file (docs/reference/resources.md#4.2). The fields sit at the root.

use crate::{kind::kind, lenient, rules};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

kind! {
    [v1beta1, v1beta2, v1beta3] "tconfigs";
    {
        /// One version of a configuration file. `app`, `server`, `configName` and `podSeq` together say which file; at most one
        /// of its versions is meant to be activated.
        pub struct TConfig {
            /// Application.
            #[schemars(regex(pattern = rules::IDENT), length(max = 63))]
            pub app: String,
            /// Server; empty for a configuration of the whole application.
            #[serde(default)]
            #[schemars(regex(pattern = rules::IDENT0), length(max = 63))]
            pub server: String,
            /// Name of the file.
            #[schemars(regex(pattern = rules::CFGNAME), length(max = 63))]
            pub config_name: String,
            /// Content of the file.
            #[schemars(length(max = rules::CONTENT_LIMIT))]
            pub config_content: String,
            /// `m` for the master configuration; a number for the pod of that ordinal, 0 to 99.
            #[serde(default = "master")]
            #[schemars(regex(pattern = rules::PODSEQ))]
            pub pod_seq: String,
            /// When it was made; the webhook fills it in.
            #[serde(default, deserialize_with = "lenient::time", skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "rules::time")]
            pub update_time: Option<Time>,
            /// Who made it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 100))]
            pub update_person: Option<String>,
            /// Why it was made.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 1600))]
            pub update_reason: Option<String>,
            /// Whether this version is the live one.
            #[serde(default = "lenient::yes")]
            pub activated: bool,
            /// Name of the version; the webhook fills it in.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = rules::LOWERNAME), length(max = 63))]
            pub version: Option<String>,
        }
    }
}

fn master() -> String {
    "m".to_owned()
}
