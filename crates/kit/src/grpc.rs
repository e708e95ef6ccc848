//! Serves gRPC over TLS with health and reflection. A service adds its own contracts.
//!
//! ```text
//! TLS ─► span of the caller's trace ─► deadline of the caller ─► auth::Guard ─► the function
//! ```

use crate::{
    auth::{Access, Guard, Rights, TableError},
    connections::{Http, Limits},
    health::Health,
    tls::{self, ServingCertificate},
};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Status, server::NamedService, service::Routes};
use tracing::Instrument;

mod deadline;
mod trace;

/// What the callers of a gRPC port may use. A client keeps its connection although it has nothing to ask for a while.
const LIMITS: Limits = Limits {
    connections: 2048,
    handshake: Duration::from_secs(5),
    first_request: Duration::from_mins(1),
    idle: Duration::from_hours(1),
    linger: Duration::ZERO,
};

/// Why the functions of a port cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The reflection service could not be built.
    #[error("the descriptors of the gRPC contracts do not decode, rebuild the binary")]
    Descriptors(#[source] tonic_reflection::server::Error),
    /// The table of rights does not fit the contracts.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// The functions of one gRPC port, and the right that each of them needs.
pub struct Offer {
    routes: Routes,
    rights: Rights,
}

impl Offer {
    /// Offers health and reflection. `contracts` are the encoded file descriptor sets of the services that [`Offer::add_service`] will add, and
    /// `access` has an entry for each of their functions, under its path such as `/tars.registry.v1.NameService/Resolve`.
    pub fn new(health: &Health, contracts: &[&'static [u8]], access: &[(&'static str, Access)]) -> Result<Self, OfferError> {
        let rights = Rights::list(contracts, access)?;
        let mut reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        for contract in contracts {
            reflection = reflection.register_encoded_file_descriptor_set(contract);
        }
        let reflection = reflection.build_v1().map_err(OfferError::Descriptors)?;
        Ok(Self { routes: Routes::new(health.service()).add_service(reflection), rights })
    }

    /// Adds a service of one of the contracts.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: tower::Service<http::Request<tonic::body::Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self
    }
}

/// Serves `offer` over TLS 1.2 or 1.3 with `certificate` on `listener` until `stop` is cancelled, to the callers that `guard` admits. Calls
/// that are under way at the stop are still answered. As long as there is no certificate, handshakes are refused.
pub async fn serve(
    listener: TcpListener,
    offer: Offer,
    certificate: ServingCertificate,
    guard: Guard,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let door = Arc::new(Door { guard, rights: offer.rights });
    let router: Router = offer.routes.prepare().into_axum_router().layer(middleware::from_fn_with_state(door, answer));
    tls::serve_versions(Http::Two, LIMITS, listener, router, certificate, stop).await
}

struct Door {
    guard: Guard,
    rights: Rights,
}

async fn answer(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let (span, deadline) = (trace::open_span(&request), deadline::read_timeout(request.headers()));
    let work = async {
        let path = request.uri().path();
        if let Some(caller) = door.guard.admit(&door.rights, path, request.headers()).await? {
            tracing::Span::current().record("user", caller.name());
            request.extensions_mut().insert(caller);
        }
        Ok(next.run(request).await)
    };
    let result = match deadline {
        Ok(None) => work.instrument(span).await,
        Ok(Some(limit)) => {
            let late = |_| Err(Status::deadline_exceeded("the call took longer than its grpc-timeout"));
            tokio::time::timeout(limit, work.instrument(span)).await.unwrap_or_else(late)
        }
        Err(status) => Err(status),
    };
    result.unwrap_or_else(Status::into_http)
}

#[cfg(test)]
mod tests;
