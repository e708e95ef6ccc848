//! Writes logs to standard output, and sends traces to an OpenTelemetry collector if one is configured.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `RUST_LOG` | filter, syntax of `tracing_subscriber::EnvFilter` | `info` |
//! | `LOG_LEVEL_FILE` | file with a filter that counts instead of `RUST_LOG`; its changes count without a restart | `/etc/tars/log-level/SERVICE` |
//! | `LOG_FORMAT` | `json` for one JSON object on each line, any other value for text | text |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | gRPC address of a collector | no spans are exported |

mod filter;

use filter::{Follower, parse};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::path::{Path, PathBuf};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, layer::SubscriberExt, reload, util::SubscriberInitExt};

pub use filter::FilterError;

/// The folder into which the charts mount the ConfigMap with the filters. The name of a file is that of its service.
const FOLDER: &str = "/etc/tars/log-level";

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter in `RUST_LOG` cannot be used.
    #[error("RUST_LOG is not a valid filter")]
    Filter(#[source] FilterError),
    /// The exporter cannot use its configuration.
    #[error("spans cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT, check that address")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Another subscriber is installed already.
    #[error("telemetry was started twice in one process")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Keeps telemetry alive. When it is dropped, the spans that are still in the queue are sent, and the filter of the log stays as it is.
#[must_use = "spans are lost when the guard is dropped early"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    _following: DropGuard,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take()
            && let Err(error) = provider.shutdown()
        {
            eprintln!("the last spans were not exported: {error}");
        }
    }
}

/// Starts logs and, if a collector is configured, traces for the service called `service`.
///
/// Call this function once, inside the tokio runtime, which the exporter needs. The first line of the log names the service and its
/// version, which is that of the workspace. The filter counts for spans, too.
pub fn init(service: &'static str) -> Result<Telemetry, TelemetryError> {
    let fallback = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "info".to_owned());
    let (filter, handle) = reload::Layer::new(parse(&fallback).map_err(TelemetryError::Filter)?);
    let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = if json {
        tracing_subscriber::fmt::layer().json().flatten_event(true).boxed()
    } else {
        tracing_subscriber::fmt::layer().with_ansi(false).boxed()
    };
    let provider = build_exporter(service)?;
    let spans = provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service)));
    tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init().map_err(TelemetryError::Twice)?;
    let file = std::env::var_os("LOG_LEVEL_FILE").map_or_else(|| Path::new(FOLDER).join(service), PathBuf::from);
    let follower = Follower::start(handle, file, fallback);
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
    let stop = CancellationToken::new();
    tokio::spawn(follower.follow(stop.clone()));
    Ok(Telemetry { provider, _following: stop.drop_guard() })
}

/// The id of the trace that `span` belongs to, if the trace is exported.
pub fn find_trace(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_sampled().then(|| context.trace_id().to_string())
}

fn build_exporter(service: &'static str) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build().map_err(TelemetryError::Exporter)?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_sdk::trace::Sampler;

    fn trace_with(sampler: Sampler) -> Option<String> {
        let tracer = SdkTracerProvider::builder().with_sampler(sampler).build().tracer("test");
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(subscriber, || find_trace(&tracing::info_span!("work")))
    }

    #[test]
    fn only_a_trace_that_is_exported_has_an_id() {
        assert_eq!(find_trace(&tracing::info_span!("work")), None);
        assert_eq!(trace_with(Sampler::AlwaysOff), None);
        let trace = trace_with(Sampler::AlwaysOn).unwrap();
        assert!(trace.len() == 32 && trace.chars().all(|char| char.is_ascii_hexdigit()), "{trace}");
    }
}
