//! `NameService`: the lookup of `QueryObj` for gRPC clients (docs/reference/name-service.md#A15).

use crate::{
    index::{Index, Resolution, split_id},
    metrics::{Function, Metrics},
};
use tars::framework::endpoint::EndpointF;
use tars_kit::auth::Access;
use tars_proto::registry::v1::{
    Endpoint, Protocol, ResolveRequest, ResolveResponse, Source, Transport, name_service_server::NameService,
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// What a caller needs for each function. If reads are open, a lookup needs nothing, because Tars clients ask `QueryObj` for the same
/// without credentials (docs/reference/trust.md#3.8).
pub const fn list_access(open_reads: bool) -> [(&'static str, Access); 1] {
    [("/tars.registry.v1.NameService/Resolve", if open_reads { Access::Open } else { Access::Get })]
}

/// The implementation of `NameService`.
#[derive(Debug)]
pub struct Resolver {
    index: Index,
    metrics: Metrics,
    synced: watch::Receiver<bool>,
}

impl Resolver {
    /// Answers from `index`. As long as `synced` is false, the answer is `UNAVAILABLE`.
    pub fn new(index: Index, metrics: Metrics, synced: watch::Receiver<bool>) -> Self {
        Self { index, metrics, synced }
    }
}

#[tonic::async_trait]
impl NameService for Resolver {
    async fn resolve(&self, request: Request<ResolveRequest>) -> Result<Response<ResolveResponse>, Status> {
        if !*self.synced.borrow() {
            return Err(Status::unavailable("this instance has not read the cluster's state yet; ask again"));
        }
        let id = request.into_inner().servant;
        let snapshot = self.index.load();
        let resolution = snapshot.resolve(&id);
        self.metrics.count_lookup(Function::Resolve, resolution);
        let (source, protocol) = match resolution {
            Resolution::Registry(_) => (Source::Registry, Protocol::Tars),
            Resolution::Cluster(servant) if servant.is_tars => (Source::Cluster, Protocol::Tars),
            Resolution::Cluster(_) => (Source::Cluster, Protocol::Other),
            Resolution::UpChain(_) => (Source::UpChain, Protocol::Unspecified),
            Resolution::NoServant => return Err(refuse_unknown_servant(&id)),
            Resolution::Unknown => {
                let text = format!("server of {id:?} does not exist here, and the up-chain does not know it");
                return Err(Status::not_found(text));
            }
            Resolution::Malformed => {
                return Err(Status::invalid_argument(format!("servant {id:?} does not have the form App.Server.ServantObj")));
            }
        };
        let (active, inactive) = resolution.answer().endpoints().map_err(|error| Status::internal(error.to_string()))?;
        let endpoints = |list: Vec<EndpointF>| list.into_iter().map(|endpoint| convert_endpoint(endpoint, protocol)).collect();
        Ok(Response::new(ResolveResponse {
            active: endpoints(active),
            inactive: endpoints(inactive),
            revision: snapshot.revision(),
            source: source.into(),
        }))
    }
}

fn refuse_unknown_servant(id: &str) -> Status {
    let text = split_id(id).map_or_else(
        || format!("servant {id:?} does not exist"),
        |(app, server, servant)| format!("server {app}.{server} has no servant {servant:?}; its name is compared with case"),
    );
    Status::not_found(text)
}

fn convert_endpoint(endpoint: EndpointF, protocol: Protocol) -> Endpoint {
    let transport = if endpoint.istcp == 0 { Transport::Udp } else { Transport::Tcp };
    Endpoint {
        host: endpoint.host,
        port: endpoint.port.try_into().unwrap_or_default(),
        transport: transport.into(),
        protocol: protocol.into(),
        timeout_ms: endpoint.timeout.try_into().unwrap_or_default(),
        weight: if endpoint.weight_type == 0 { 0 } else { endpoint.weight.try_into().unwrap_or_default() },
    }
}
