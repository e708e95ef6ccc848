//! Probes of the main container.
//!
//! Own structs rather than those of core Kubernetes: what differs between the probes is in the schema here, and a port may be
//! called by the name of a servant.

use crate::{lenient::null_default, rules};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines a probe: how the container is asked, and how often, are common to all.
macro_rules! probe {
    ($(#[$doc:meta])* pub struct $Probe:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("oneOf" = [
            {"required": ["exec"]}, {"required": ["grpc"]}, {"required": ["httpGet"]}, {"required": ["tcpSocket"]}
        ]))]
        pub struct $Probe {
            /// A command in the container that must exit with 0.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub exec: Option<ExecProbe>,
            /// A call of grpc.health.v1.Health that must say SERVING.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub grpc: Option<GrpcProbe>,
            /// A GET that must be answered with a status from 200 to 399.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub http_get: Option<HttpProbe>,
            /// A TCP connection that must be accepted.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tcp_socket: Option<TcpProbe>,
            /// Seconds before the first attempt.
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
            /// Failures in a row that count; 3 when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = 1, max = 2_147_483_647))]
            pub failure_threshold: Option<i32>,
            $($own)*
        }
    };
}

probe! {
    /// Asks whether the container must be restarted, or whether it has started: exactly one of exec, grpc, httpGet and tcpSocket.
    pub struct Probe {
        /// Successes in a row that count: 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 1))]
        pub success_threshold: Option<i32>,
        /// Seconds that the container gets to end when the probe has failed; those of the pod when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub termination_grace_period_seconds: Option<i64>,
    }
}

probe! {
    /// Asks whether the container may be sent traffic: exactly one of exec, grpc, httpGet and tcpSocket.
    pub struct ReadinessProbe {
        /// Successes in a row that count after a failure; 1 when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 2_147_483_647))]
        pub success_threshold: Option<i32>,
    }
}

/// A command in the container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecProbe {
    /// Program and arguments; no shell is involved.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
}

/// A gRPC health check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcProbe {
    /// Port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Service to ask about; the process as a whole when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpProbe {
    /// Number of a port, or name of a servant or port of this server, compared without regard to case.
    #[schemars(schema_with = "rules::port_or_name")]
    pub port: IntOrString,
    /// Path; / when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Host; the pod when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Scheme; HTTP when absent. Certificates are not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<UriScheme>,
    /// Headers, which may repeat.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<HttpHeader>,
}

/// A TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpProbe {
    /// Number of a port, or name of a servant or port of this server, compared without regard to case.
    #[schemars(schema_with = "rules::port_or_name")]
    pub port: IntOrString,
    /// Host; the pod when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A header of an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpHeader {
    /// Name.
    #[schemars(regex(pattern = rules::HEADER))]
    pub name: String,
    /// Value.
    pub value: String,
}

/// Schemes of HTTP requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum UriScheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl UriScheme {
    /// The word in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }
}
