//! TConfig: one version of one configuration file (docs/reference/resources.md#4.2). The object has no `spec`; its fields are at the root.

use crate::{kind::kind, lenient, rules};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The optional members that never change, each with the spelling of the kind in its message.
const OPTIONAL: [(&str, &str); 4] =
    [("version", "tconfig"), ("updateTime", "TConfig"), ("updatePerson", "TConfig"), ("updateReason", "TConfig")];

kind! {
    [v1beta1, v1beta2, v1beta3] "tconfigs";
    {
        /// One version of a configuration file. `app`, `server`, `configName` and `podSeq` together identify the file. At most one
        /// version of a file is active.
        #[schemars(extend("x-kubernetes-validations" = rules::forbid_changes(&OPTIONAL)))]
        pub struct TConfig {
            /// Tars application that the file belongs to.
            #[schemars(regex(pattern = rules::IDENT), length(max = 63))]
            #[schemars(extend("x-kubernetes-validations" = rules::forbid_change("tconfig", "/app")))]
            pub app: String,
            /// Tars server that the file belongs to; empty for a configuration of the whole application.
            #[serde(default)]
            #[schemars(regex(pattern = rules::IDENT0), length(max = 63))]
            #[schemars(extend("x-kubernetes-validations" = rules::forbid_change("tconfig", "/server")))]
            pub server: String,
            /// Name of the file.
            #[schemars(regex(pattern = rules::CFGNAME), length(max = 63))]
            #[schemars(extend("x-kubernetes-validations" = rules::forbid_change("tconfig", "/configName")))]
            pub config_name: String,
            /// Content of the file.
            #[schemars(length(max = rules::CONTENT_LIMIT))]
            #[schemars(extend("x-kubernetes-validations" = rules::forbid_change("tconfig", "/configContent")))]
            pub config_content: String,
            /// `m` for the configuration of all pods, or the ordinal of the only pod that gets this configuration, 0 to 99; m when absent.
            #[serde(default = "master")]
            #[schemars(regex(pattern = rules::PODSEQ))]
            #[schemars(extend("x-kubernetes-validations" = rules::forbid_change("tconfig", "/podSeq")))]
            pub pod_seq: String,
            /// Time of creation. The webhook fills it in.
            #[serde(default, deserialize_with = "lenient::decode_time", skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "rules::build_time")]
            pub update_time: Option<Time>,
            /// Person who made this version.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 100))]
            pub update_person: Option<String>,
            /// Reason for this version.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 1600))]
            pub update_reason: Option<String>,
            /// Whether this version is the active one; true when absent.
            #[serde(default = "lenient::yes")]
            pub activated: bool,
            /// Name of the version. The webhook fills it in.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = rules::LOWERNAME), length(max = 63))]
            pub version: Option<String>,
        }
    }
}

fn master() -> String {
    "m".to_owned()
}
