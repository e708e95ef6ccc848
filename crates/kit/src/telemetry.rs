//! Writes logs to standard output, and sends traces to an OpenTelemetry collector if one is configured.
//!
//! | variable | meaning | default |
//! | --- | --- | --- |
//! | `RUST_LOG` | filter, syntax of `tracing_subscriber::EnvFilter` | `info` |
//! | `LOG_FORMAT` | `json` for one JSON object on each line, any other value for text | text |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | gRPC address of a collector | no spans are exported |

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter in `RUST_LOG` does not parse.
    #[error("RUST_LOG is not a valid filter, use for example `info` or `info,kube=debug`")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// The exporter cannot use its configuration.
    #[error("spans cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT, check that address")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Another subscriber is installed already.
    #[error("telemetry was started twice in one process")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Keeps telemetry alive. When it is dropped, the spans that are still in the queue are sent.
#[must_use = "spans are lost when the guard is dropped early"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
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
/// version, which is that of the workspace.
pub fn init(service: &'static str) -> Result<Telemetry, TelemetryError> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text).map_err(TelemetryError::Filter)?,
        _ => EnvFilter::new("info"),
    };
    let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = if json {
        tracing_subscriber::fmt::layer().json().flatten_event(true).boxed()
    } else {
        tracing_subscriber::fmt::layer().with_ansi(false).boxed()
    };
    let provider = build_exporter(service)?;
    let spans = provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service)));
    tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init().map_err(TelemetryError::Twice)?;
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
    Ok(Telemetry { provider })
}

fn build_exporter(service: &'static str) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build().map_err(TelemetryError::Exporter)?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}
