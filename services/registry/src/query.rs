//! `QueryObj`: the name service of the Tars protocol (docs/reference/name-service.md#A7).
//!
//! All six functions are the same lookup; the station, set and group of the caller have no effect. A request of version 1 is answered
//! in place with bytes from the index. All other requests (other versions, odd arguments, other functions) take the generated path,
//! which decodes the arguments and encodes the answer.

use crate::{
    index::{Index, Resolution},
    metrics::{Function, Metrics},
};
use tars::{
    codec::Decoder,
    framework::{
        endpoint::EndpointF,
        query::{QueryF, QueryFDispatch},
    },
    packet::version,
    server::{AnswerFuture, Call, Dispatch, Request, Response, ServantError},
};

/// The servant, with both paths.
#[derive(Debug)]
pub struct QueryObj {
    index: Index,
    metrics: Metrics,
    generated: QueryFDispatch<Lookup>,
}

impl QueryObj {
    /// Answers from `index` and counts the lookups in `metrics`.
    pub fn new(index: Index, metrics: Metrics) -> Self {
        let lookup = Lookup { index: index.clone(), metrics: metrics.clone() };
        Self { index, metrics, generated: QueryFDispatch(lookup) }
    }
}

impl Dispatch for QueryObj {
    fn answer_now(&self, call: &Call<'_>) -> Option<Response> {
        if call.version() != version::TARS {
            return None;
        }
        let function = Function::query(call.func())?;
        let mut arguments = Decoder::new(call.buffer());
        let code = arguments.find(1).ok()??;
        let id = arguments.read_string(code).ok()?;
        if function.has_place() {
            let code = arguments.find(2).ok()??;
            arguments.read_string_bytes(code).ok()?;
        }
        let snapshot = self.index.load();
        let resolution = snapshot.resolve(&id);
        self.metrics.count_lookup(function, resolution);
        tracing::debug!(function = function.name(), id = &*id, peer = %call.peer().addr(), "lookup");
        let answer = resolution.answer();
        Some(Response::ok(match function {
            Function::ById => answer.active_only(),
            _ if function.has_place() => answer.both_one_later(),
            _ => answer.both(),
        }))
    }

    fn call(&self, request: Request) -> AnswerFuture<'_> {
        self.generated.call(request)
    }
}

/// The functions of the interface definition, for the generated path.
#[derive(Debug)]
struct Lookup {
    index: Index,
    metrics: Metrics,
}

type Endpoints = (Vec<EndpointF>, Vec<EndpointF>);

impl Lookup {
    fn find(&self, function: Function, id: &str) -> Result<Endpoints, ServantError> {
        let snapshot = self.index.load();
        let resolution: Resolution<'_> = snapshot.resolve(id);
        self.metrics.count_lookup(function, resolution);
        resolution.answer().endpoints().map_err(ServantError::unknown)
    }

    fn find_both(&self, function: Function, id: &str) -> Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError> {
        self.find(function, id).map(|(active, inactive)| (0, active, inactive))
    }
}

impl QueryF for Lookup {
    async fn find_object_by_id(&self, _: &Request, id: String) -> Result<Vec<EndpointF>, ServantError> {
        self.find(Function::ById, &id).map(|(active, _)| active)
    }

    async fn find_object_by_id_4_any(
        &self,
        _: &Request,
        id: String,
    ) -> Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError> {
        self.find_both(Function::Any, &id)
    }

    async fn find_object_by_id_4_all(
        &self,
        _: &Request,
        id: String,
    ) -> Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError> {
        self.find_both(Function::All, &id)
    }

    async fn find_object_by_id_in_same_group(
        &self,
        _: &Request,
        id: String,
    ) -> Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError> {
        self.find_both(Function::SameGroup, &id)
    }

    async fn find_object_by_id_in_same_station(
        &self,
        _: &Request,
        id: String,
        _station: String,
    ) -> Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError> {
        self.find_both(Function::SameStation, &id)
    }

    async fn find_object_by_id_in_same_set(
        &self,
        _: &Request,
        id: String,
        _set: String,
    ) -> Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError> {
        self.find_both(Function::SameSet, &id)
    }
}
