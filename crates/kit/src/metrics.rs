//! Prometheus metrics over plain HTTP at `/metrics`, in the OpenMetrics text format.

use axum::{Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use prometheus_client::{encoding::text::encode, metrics::info::Info, registry::Registry};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A registry whose metrics are all called `PREFIX_…`, with `PREFIX_build_info` in it.
///
/// Register everything before [`serve`]: the set of metrics of a process does not change while it runs. Label values come from
/// closed sets (a kind, a verb, an outcome), never from names of objects.
pub fn registry(prefix: &'static str, version: &'static str) -> Registry {
    let mut registry = Registry::with_prefix(prefix);
    registry.register("build", "The version that runs", Info::new(vec![("version", version)]));
    registry
}

/// Serves `registry` on `listener` until `stop` is cancelled.
///
/// # Errors
/// Those of accepting connections.
pub async fn serve(listener: TcpListener, registry: Arc<Registry>, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(render)).with_state(registry);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn render(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => (StatusCode::OK, [(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], error.to_string()),
    }
}
