//! The blocks that the versions share but for a few fields: each macro holds the common fields, a version adds its own.

/// Defines `TServerSpec` of a version; it adds `normal` and `release`, and has `TServerK8s` in scope.
macro_rules! spec {
    ({ $($own:tt)* }) => {
        /// Desired state of a server: exactly one of `tars` and `normal`, and always `k8s`.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("oneOf" = [{"required": ["tars", "k8s"]}, {"required": ["normal", "k8s"]}]))]
        pub struct TServerSpec {
            /// Tars application name; never changes.
            #[schemars(regex(pattern = $crate::rules::IDENT), length(max = 63))]
            pub app: String,
            /// Tars server name inside of the application; never changes.
            #[schemars(regex(pattern = $crate::rules::IDENT), length(max = 63))]
            pub server: String,
            /// Grade of importance for front ends and alarms, 1 to 20; 3 when absent.
            #[serde(default = "crate::lenient::int::<3>")]
            #[schemars(range(min = 1, max = 20))]
            pub important: i32,
            /// Whether tarsnode supervises the process; never changes.
            pub sub_type: $crate::kinds::tserver::SubType,
            /// What a Tars server serves.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tars: Option<$crate::kinds::tserver::TServerTars>,
            /// How the server runs. Always there in an object the API server has accepted.
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

/// Defines `TServerK8s` of a version; it has `Mount` in scope.
macro_rules! k8s {
    ({ $($own:tt)* }) => {
        /// How a server runs on Kubernetes.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct TServerK8s {
            /// How the node labels `tars.io/ability.*` decide; `AppOrServerPreferred` when absent.
            #[serde(default)]
            pub ability_affinity: $crate::kinds::tserver::AbilityAffinity,
            /// A DaemonSet instead of a StatefulSet, and no Service; false when absent.
            #[serde(default)]
            pub daemon_set: bool,
            /// Environment of the main container.
            #[serde(default, deserialize_with = "crate::lenient::null_default", skip_serializing_if = "Vec::is_empty")]
            pub env: Vec<$crate::kinds::tserver::EnvVar>,
            /// ConfigMaps and Secrets as environment of the main container.
            #[serde(default, deserialize_with = "crate::lenient::null_default", skip_serializing_if = "Vec::is_empty")]
            pub env_from: Vec<$crate::kinds::tserver::EnvFromSource>,
            /// Share the node's IPC namespace, which makes notStacked true; false when absent.
            #[serde(rename = "hostIPC", default)]
            pub host_ipc: bool,
            /// Share the node's network; false when absent.
            #[serde(default)]
            pub host_network: bool,
            /// Ports published on the node; with one of them notStacked is true.
            #[serde(default, deserialize_with = "crate::lenient::null_default", skip_serializing_if = "Vec::is_empty")]
            pub host_ports: Vec<$crate::kinds::tserver::HostPort>,
            /// Volumes and their places in the main container.
            #[serde(default, deserialize_with = "crate::lenient::null_default", skip_serializing_if = "Vec::is_empty")]
            pub mounts: Vec<Mount>,
            /// Further conditions on nodes, all of which must hold; none when absent.
            #[serde(default, deserialize_with = "crate::lenient::null_default")]
            pub node_selector: Vec<$crate::kinds::tserver::NodeSelectorRule>,
            /// At most one pod of this server per node; false when absent, but true with hostPorts or hostIPC.
            #[serde(default)]
            pub not_stacked: bool,
            /// In which order a StatefulSet starts its pods; Parallel when absent. Counts only when it is made.
            #[serde(default)]
            pub pod_management_policy: $crate::kinds::tserver::PodManagementPolicy,
            /// Number of pods, 0 to 99; 0 when absent, and stored as 0 while there is no release. The annotations tars.io/MinReplicas
            /// and tars.io/MaxReplicas bound it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 99))]
            pub replicas: Option<i32>,
            /// Service account of the pods; the namespace's default when absent.
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
        /// Which build runs; absent on a server that was never released.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct TServerRelease {
            /// Release id, the pod label `tars.io/ServerID`.
            #[schemars(regex(pattern = $crate::rules::RELID), length(max = 63))]
            pub id: String,
            /// Image of the server.
            #[schemars(regex(pattern = $crate::rules::IMAGE), length(max = 500))]
            pub image: String,
            /// Name of the image's pull secret, or empty.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = $crate::rules::SECRET0), length(max = 253))]
            pub secret: Option<String>,
            /// When it was released; the time of the request when absent.
            #[serde(default, deserialize_with = "crate::lenient::time", skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "crate::rules::time")]
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
            /// A server of the Tars framework, or another one that lives beside it.
            pub struct TServer {
                /// What is wanted.
                pub spec: TServerSpec,
                /// What is there.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub status: Option<$crate::kinds::tserver::TServerStatus>,
            }
        }
    };
}

pub(super) use {k8s, object, release, spec};
