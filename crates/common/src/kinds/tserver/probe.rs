//! Probes of the main container.
//!
//! The structs are not those of core Kubernetes, because the schema here distinguishes the probes, and a port may have the name of a
//! servant.

use crate::{lenient::decode_or_default, rules};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines a probe with the fields that all probes have, and the fields `$own`. It is a macro because the rule of `successThreshold`
/// differs, and a rule is an attribute of the field.
macro_rules! probe {
    ($(#[$doc:meta])* pub struct $Probe:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("oneOf" = [
            {"required": ["exec"]}, {"required": ["grpc"]}, {"required": ["httpGet"]}, {"required": ["tcpSocket"]}
        ]))]
        pub struct $Probe {
            /// Command in the container, which must exit with 0.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub exec: Option<ExecProbe>,
            /// Call of grpc.health.v1.Health, which must answer SERVING.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub grpc: Option<GrpcProbe>,
            /// HTTP GET, which must be answered with a status from 200 to 399.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub http_get: Option<HttpProbe>,
            /// TCP connection, which must be accepted.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tcp_socket: Option<TcpProbe>,
            /// Seconds between the start of the container and the first attempt; 0 when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 0, max = 2_147_483_647))]
            pub initial_delay_seconds: Option<i32>,
            /// Seconds between attempts; 10 when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1, max = 2_147_483_647))]
            pub period_seconds: Option<i32>,
            /// Seconds that one attempt may take; 1 when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1, max = 2_147_483_647))]
            pub timeout_seconds: Option<i32>,
            /// Number of consecutive failures that make the probe fail; 3 when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1, max = 2_147_483_647))]
            pub failure_threshold: Option<i32>,
            $($own)*
        }
    };
}

probe! {
    /// A liveness or startup probe: exactly one of exec, grpc, httpGet and tcpSocket.
    pub struct Probe {
        /// Number of successes after which the probe succeeds: 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 1))]
        pub success_threshold: Option<i32>,
        /// Seconds that the container gets to stop after the probe has failed; the value of the pod when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub termination_grace_period_seconds: Option<i64>,
    }
}

probe! {
    /// A readiness probe: exactly one of exec, grpc, httpGet and tcpSocket.
    pub struct ReadinessProbe {
        /// Number of consecutive successes after which the probe succeeds again; 1 when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 2_147_483_647))]
        pub success_threshold: Option<i32>,
    }
}

/// A command in the container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecProbe {
    /// Program and arguments. The kubelet does not use a shell.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
}

/// A gRPC health check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcProbe {
    /// Port number.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Name of the service to check; the whole process when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpProbe {
    /// Port number, or name of a servant or port of this server. Upper and lower case count as equal.
    #[schemars(schema_with = "rules::build_port_or_name")]
    pub port: IntOrString,
    /// Path of the request; / when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Host to connect to; the IP address of the pod when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// HTTP or HTTPS; HTTP when absent. The kubelet does not verify certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<UriScheme>,
    /// Headers of the request; a name may occur more than once.
    #[serde(default, deserialize_with = "decode_or_default", skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<HttpHeader>,
}

/// A TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpProbe {
    /// Port number, or name of a servant or port of this server. Upper and lower case count as equal.
    #[schemars(schema_with = "rules::build_port_or_name")]
    pub port: IntOrString,
    /// Host to connect to; the IP address of the pod when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A header of an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpHeader {
    /// Name of the header.
    #[schemars(regex(pattern = rules::HEADER))]
    pub name: String,
    /// Value of the header.
    pub value: String,
}

/// The scheme of an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum UriScheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl UriScheme {
    /// The word in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }
}
