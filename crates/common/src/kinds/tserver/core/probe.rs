//! Converts probes. Values that the API server does not store (0 seconds of delay, empty texts and lists) are left out.

use super::{
    super::{ExecProbe, GrpcProbe, HttpProbe, Probe, ReadinessProbe, TcpProbe, UriScheme},
    drop_empty,
};
use k8s_openapi::api::core::v1 as core;

impl From<&Probe> for core::Probe {
    fn from(probe: &Probe) -> Self {
        Self {
            exec: probe.exec.as_ref().map(Into::into),
            grpc: probe.grpc.as_ref().map(Into::into),
            http_get: probe.http_get.as_ref().map(Into::into),
            tcp_socket: probe.tcp_socket.as_ref().map(Into::into),
            initial_delay_seconds: probe.initial_delay_seconds.filter(|seconds| *seconds != 0),
            period_seconds: probe.period_seconds,
            timeout_seconds: probe.timeout_seconds,
            failure_threshold: probe.failure_threshold,
            success_threshold: probe.success_threshold,
            termination_grace_period_seconds: probe.termination_grace_period_seconds,
        }
    }
}

impl From<&ReadinessProbe> for core::Probe {
    fn from(probe: &ReadinessProbe) -> Self {
        let ReadinessProbe {
            exec,
            grpc,
            http_get,
            tcp_socket,
            initial_delay_seconds,
            period_seconds,
            timeout_seconds,
            failure_threshold,
            success_threshold,
        } = probe.clone();
        Self::from(&Probe {
            exec,
            grpc,
            http_get,
            tcp_socket,
            initial_delay_seconds,
            period_seconds,
            timeout_seconds,
            failure_threshold,
            success_threshold,
            termination_grace_period_seconds: None,
        })
    }
}

impl From<&ExecProbe> for core::ExecAction {
    fn from(exec: &ExecProbe) -> Self {
        Self { command: (!exec.command.is_empty()).then(|| exec.command.clone()) }
    }
}

impl From<&GrpcProbe> for core::GRPCAction {
    fn from(grpc: &GrpcProbe) -> Self {
        Self { port: grpc.port, service: grpc.service.clone() }
    }
}

impl From<&HttpProbe> for core::HTTPGetAction {
    fn from(http: &HttpProbe) -> Self {
        let header =
            |header: &super::super::HttpHeader| core::HTTPHeader { name: header.name.clone(), value: header.value.clone() };
        Self {
            port: http.port.clone(),
            path: drop_empty(http.path.as_ref()),
            host: drop_empty(http.host.as_ref()),
            scheme: http.scheme.map(UriScheme::as_str).map(str::to_owned),
            http_headers: (!http.http_headers.is_empty()).then(|| http.http_headers.iter().map(header).collect()),
        }
    }
}

impl From<&TcpProbe> for core::TCPSocketAction {
    fn from(tcp: &TcpProbe) -> Self {
        Self { port: tcp.port.clone(), host: drop_empty(tcp.host.as_ref()) }
    }
}
