//! Serves gRPC with health and reflection. A service adds its own contracts.

use crate::health::Health;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

/// How often an idle connection is probed. A peer that has vanished is noticed within twice this time.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

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

/// Serves `routes` on `listener` until `stop` is cancelled. Calls that are under way then are still answered.
pub async fn serve(listener: TcpListener, routes: Routes, stop: CancellationToken) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .tcp_nodelay(true)
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.cancelled_owned())
        .await
}
