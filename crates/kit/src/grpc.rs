//! Serves gRPC over TLS with health and reflection. A service adds its own contracts.

use crate::{
    connections::{self, Http, Limits},
    health::Health,
    tls::{self, ServingCertificate},
};
use axum::middleware;
use std::{convert::Infallible, future, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

mod deadline;

/// What the callers of a gRPC port may use. A client keeps its connection although it has nothing to ask for a while.
const LIMITS: Limits = Limits {
    connections: 2048,
    handshake: Duration::from_secs(5),
    first_request: Duration::from_mins(1),
    idle: Duration::from_hours(1),
};

/// The reflection service could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the descriptors of the gRPC contracts do not decode, rebuild the binary")]
pub struct DescriptorError(#[source] tonic_reflection::server::Error);

/// Builds routes with health and reflection. `descriptors` are the encoded file descriptor sets of the contracts that the service will
/// add to the routes.
pub fn build_routes(health: &Health, descriptors: &[&'static [u8]]) -> Result<Routes, DescriptorError> {
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    for descriptor in descriptors {
        reflection = reflection.register_encoded_file_descriptor_set(descriptor);
    }
    let reflection = reflection.build_v1().map_err(DescriptorError)?;
    Ok(Routes::new(health.service()).add_service(reflection))
}

/// Serves `routes` over TLS 1.2 or 1.3 with `certificate` on `listener` until `stop` is cancelled. Calls that are under way then are
/// still answered. As long as there is no certificate, handshakes are refused.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    certificate: ServingCertificate,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    tls::serve_versions(Http::Two, LIMITS, listener, build_router(routes), certificate, stop).await
}

/// Does what [`serve`] does, in plain text. Only the registry does that, until its certificate is kept in its namespace.
pub async fn serve_in_plain_text(listener: TcpListener, routes: Routes, stop: CancellationToken) -> Result<(), Infallible> {
    connections::serve(LIMITS, Http::Two, listener, build_router(routes), |stream| future::ready(Ok(stream)), stop).await;
    Ok(())
}

fn build_router(routes: Routes) -> axum::Router {
    routes.prepare().into_axum_router().layer(middleware::from_fn(deadline::keep_deadline))
}
