//! The structs that the versions share except for a few fields. Each macro declares the common fields, and a version adds its own.
//!
//! They are macros because a Rust struct cannot inherit fields. `#[serde(flatten)]` would put the common fields into a second struct, and
//! every reader of a TServer would have to know which fields are common.

/// Defines `TServerSpec` of a version. The version adds `normal` and `release`, and has `TServerK8s` in scope.
macro_rules! spec {
    ({ $($own:tt)* }) => {
        /// Desired state of a server: `k8s`, and exactly one of `tars` and `normal`.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("oneOf" = [{"required": ["tars", "k8s"]}, {"required": ["normal", "k8s"]}]))]
        #[schemars(extend("x-kubernetes-validations" = $crate::rules::forbid_other_block()))]
        pub struct TServerSpec {
            /// Name of the Tars application. It cannot change.
            #[schemars(regex(pattern = $crate::rules::IDENT), length(max = 63))]
            #[schemars(extend("x-kubernetes-validations" = $crate::rules::forbid_change("tserver", ".spec.app")))]
            pub app: String,
            /// Name of the Tars server in the application. It cannot change.
            #[schemars(regex(pattern = $crate::rules::IDENT), length(max = 63))]
            #[schemars(extend("x-kubernetes-validations" = $crate::rules::forbid_change("tserver", ".spec.server")))]
            pub server: String,
            /// Grade of importance for front ends and alarms, 1 to 20; 3 when absent.
            #[serde(default = "crate::lenient::int::<3>")]
            #[schemars(range(min = 1, max = 20))]
            pub important: i32,
            /// tars for a server under tarsnode, normal for any other process. It cannot change.
            #[schemars(extend("x-kubernetes-validations" = $crate::rules::forbid_change("tserver", ".spec.subType")))]
            pub sub_type: $crate::kinds::tserver::SubType,
            /// Servants and template of a Tars server.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tars: Option<$crate::kinds::tserver::TServerTars>,
            /// Workload of the server. It is present in every object that the API server has accepted.
            #[serde(default)]
            #[schemars(extend("x-tars-default" = null))]
            pub k8s: TServerK8s,
            $($own)*
        }

        impl Default for TServerSpec {
            fn default() -> Self {
                Self {
                    app: String::new(),
                    server: String::new(),
                    important: $crate::lenient::int::<3>(),
                    sub_type: $crate::kinds::tserver::SubType::default(),
                    tars: None,
                    k8s: TServerK8s::default(),
                    normal: None,
                    release: None,
                }
            }
        }
    };
}

/// Defines `TServerK8s` of a version, which has `Mount` in scope.
macro_rules! k8s {
    ({ $($own:tt)* }) => {
        /// Workload of a server: placement, environment, volumes, resources.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct TServerK8s {
            /// Effect of the node labels `tars.io/ability.*` on the placement of pods; `AppOrServerPreferred` when absent.
            #[serde(default)]
            pub ability_affinity: $crate::kinds::tserver::AbilityAffinity,
            /// Whether the server runs as a DaemonSet without a Service, instead of a StatefulSet; false when absent.
            #[serde(default)]
            pub daemon_set: bool,
            /// Environment variables of the main container.
            #[serde(default, deserialize_with = "crate::lenient::decode_or_default", skip_serializing_if = "Vec::is_empty")]
            pub env: Vec<$crate::kinds::tserver::EnvVar>,
            /// ConfigMaps and Secrets whose keys become environment variables of the main container.
            #[serde(default, deserialize_with = "crate::lenient::decode_or_default", skip_serializing_if = "Vec::is_empty")]
            pub env_from: Vec<$crate::kinds::tserver::EnvFromSource>,
            /// Whether pods share the IPC namespace of the node; false when absent. If true, notStacked is true, too.
            #[serde(rename = "hostIPC", default)]
            pub host_ipc: bool,
            /// Whether pods share the network of the node; false when absent.
            #[serde(default)]
            pub host_network: bool,
            /// Ports that are published on the node. If there is one, notStacked is true.
            #[serde(default, deserialize_with = "crate::lenient::decode_or_default", skip_serializing_if = "Vec::is_empty")]
            pub host_ports: Vec<$crate::kinds::tserver::HostPort>,
            /// Volumes and their paths in the main container.
            #[serde(default, deserialize_with = "crate::lenient::decode_or_default", skip_serializing_if = "Vec::is_empty")]
            pub mounts: Vec<Mount>,
            /// Further conditions that a node must fulfil, all of them; no conditions when absent.
            #[serde(default, deserialize_with = "crate::lenient::decode_or_default")]
            pub node_selector: Vec<$crate::kinds::tserver::NodeSelectorRule>,
            /// Whether a node runs at most one pod of this server; false when absent, but true with hostPorts or hostIPC.
            #[serde(default)]
            pub not_stacked: bool,
            /// Order in which a StatefulSet starts its pods; Parallel when absent. A later change has no effect.
            #[serde(default)]
            pub pod_management_policy: $crate::kinds::tserver::PodManagementPolicy,
            /// Number of pods, 0 to 99; 0 when absent. The webhook stores 0 while there is no release. The annotations
            /// tars.io/MinReplicas and tars.io/MaxReplicas limit it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 99))]
            pub replicas: Option<i32>,
            /// Service account of the pods; the default account of the namespace when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = $crate::rules::DASHNAME), length(max = 63))]
            pub service_account: Option<String>,
            $($own)*
        }
    };
}

/// Defines `TServerRelease` of a version.
macro_rules! release {
    ({ $($own:tt)* }) => {
        /// Build that runs. It is absent while the server has no release.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct TServerRelease {
            /// Id of the release. Pods have it as the label `tars.io/ServerID`.
            #[schemars(regex(pattern = $crate::rules::RELID), length(max = 63))]
            pub id: String,
            /// Image of the server.
            #[schemars(regex(pattern = $crate::rules::IMAGE), length(max = 500))]
            pub image: String,
            /// Name of the pull secret of the image, or empty.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = $crate::rules::SECRET0), length(max = 253))]
            pub secret: Option<String>,
            /// Time of the release; the webhook fills in the time of the request.
            #[serde(default, deserialize_with = "crate::lenient::decode_time", skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "crate::rules::build_time")]
            pub time: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
            $($own)*
        }
    };
}

/// Defines the object of a version.
macro_rules! object {
    ($version:ident) => {
        $crate::kind::root! {
            $version "tservers";
            /// A server of the Tars framework, or another server in the same namespace.
            #[schemars(extend("x-kubernetes-validations" = $crate::rules::demand_server_name()))]
            pub struct TServer {
                /// Desired state.
                pub spec: TServerSpec,
                /// Observed state.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub status: Option<$crate::kinds::tserver::TServerStatus>,
            }
        }
    };
}

pub(super) use {k8s, object, release, spec};
