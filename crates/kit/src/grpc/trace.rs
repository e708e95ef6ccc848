//! Continues the trace of a caller.

use axum::extract::Request;
use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Opens the span of a call. It belongs to the trace that the header `traceparent` names, if there is one.
pub(super) fn open_span(request: &Request) -> Span {
    let span = tracing::info_span!("grpc", otel.kind = "server", rpc.method = request.uri().path(), user = Empty);
    if request.headers().contains_key("traceparent") {
        let context = TraceContextPropagator::new().extract(&Headers(request.headers()));
        // The only error is that no spans are exported.
        let _ = span.set_parent(context);
    }
    span
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use opentelemetry::trace::{TraceContextExt, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn a_call_belongs_to_the_trace_of_its_caller() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        let read_trace = |parent: &str| {
            let request = Request::builder().uri("/a.B/C").header("traceparent", parent).body(Body::empty()).unwrap();
            open_span(&request).context().span().span_context().trace_id().to_string()
        };
        tracing::subscriber::with_default(subscriber, || {
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
            assert_eq!(read_trace(&format!("00-{trace}-00f067aa0ba902b7-01")), trace);
            assert_ne!(read_trace("nonsense"), trace);
        });
    }
}
