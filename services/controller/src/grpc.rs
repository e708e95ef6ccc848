//! `ControlService`: explains servers, and compares them with the API server at once (docs/reference/controller.md#11).

use crate::{
    engine::{Engine, cache::Key},
    tserver::ServerControl,
};
use futures::FutureExt as _;
use std::{sync::Arc, time::Duration};
use tars_common::{
    kube_syntax::{is_dns_label, is_dns_subdomain},
    names::GROUP,
};
use tars_kit::{
    auth::{Access, Caller, ObjectRight},
    lease::{Fence, Holder},
};
use tars_proto::controller::v1::{
    ExplainRequest, ExplainResponse, ResyncRequest, ResyncResponse, control_service_server::ControlService,
};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Request, Response, Status};

/// What a caller needs for each function, besides the right to the TServers.
pub const ACCESS: [(&str, Access); 2] =
    [("/tars.controller.v1.ControlService/Explain", Access::Get), ("/tars.controller.v1.ControlService/Resync", Access::Update)];

/// Explanations at the same time. Each may ask the API server for Events; the work on servers comes first.
const EXPLANATIONS: usize = 4;
/// The servers in one answer. The contract promises it.
const MOST_SERVERS: usize = 500;
/// How long the API server may take to say who leads.
const HOLDER_LIMIT: Duration = Duration::from_secs(3);

/// The implementation of `ControlService`.
pub struct Control {
    engine: Arc<Engine>,
    servers: ServerControl,
    fence: Fence,
    holder: Holder,
    explanations: Semaphore,
}

impl Control {
    /// Answers from the caches of `engine`. This instance leads while `fence` is open; otherwise `holder` tells who does.
    pub const fn new(engine: Arc<Engine>, servers: ServerControl, fence: Fence, holder: Holder) -> Self {
        Self { engine, servers, fence, holder, explanations: Semaphore::const_new(EXPLANATIONS) }
    }

    /// Refuses an answer from caches that are not full, in which a server that exists may be missing.
    fn check_caches(&self) -> Result<(), Status> {
        let full = self.engine.synced().now_or_never().is_some();
        full.then_some(()).ok_or_else(|| Status::unavailable("this instance has not read the cluster's state yet; call again"))
    }

    async fn check_leading(&self) -> Result<(), Status> {
        if self.fence.holds() {
            return Ok(());
        }
        let holder = match timeout(HOLDER_LIMIT, self.holder.read()).await {
            Ok(Ok(Some(holder))) => format!("{holder:?} does"),
            Ok(Ok(None)) => "nobody does at present".to_owned(),
            Ok(Err(_)) | Err(_) => "the API server does not say who does".to_owned(),
        };
        Err(Status::failed_precondition(format!("{:?} does not lead, {holder}; call that one", tars_kit::instance_name())))
    }
}

#[tonic::async_trait]
impl ControlService for Control {
    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let caller = read_caller(&request)?;
        let ExplainRequest { namespace, name } = request.into_inner();
        let key = read_key(namespace, name)?;
        caller.check(&name_right(if key.name.is_empty() { "list" } else { "get" }, &key)).await?;
        let busy = |_| Status::resource_exhausted("this replica is explaining other servers; call again");
        let _place = self.explanations.try_acquire().map_err(busy)?;
        self.check_caches()?;
        let mut servers = if key.name.is_empty() {
            self.servers.explain_all(&key.namespace).await
        } else {
            vec![self.servers.explain(&key).await.ok_or_else(|| refuse_unknown(&key))?]
        };
        let left_out = servers.len().saturating_sub(MOST_SERVERS);
        servers.truncate(MOST_SERVERS);
        Ok(Response::new(ExplainResponse {
            servers,
            left_out: convert_count(left_out),
            instance: tars_kit::instance_name(),
            leads: self.fence.holds(),
        }))
    }

    async fn resync(&self, request: Request<ResyncRequest>) -> Result<Response<ResyncResponse>, Status> {
        let caller = read_caller(&request)?;
        let ResyncRequest { namespace, name } = request.into_inner();
        let key = read_key(namespace, name)?;
        caller.check(&name_right("update", &key)).await?;
        self.check_leading().await?;
        self.check_caches()?;
        let queued = if key.name.is_empty() {
            self.servers.resync_all(&key.namespace)
        } else if !self.servers.knows(&key) {
            return Err(refuse_unknown(&key));
        } else {
            self.servers.resync(&key).then_some(1)
        };
        let busy = || Status::resource_exhausted("servers of an earlier call still wait for their comparison; call again");
        let queued = queued.ok_or_else(busy)?;
        tracing::info!(caller = caller.name(), server = %key, queued, "comparing servers on demand");
        Ok(Response::new(ResyncResponse { queued: convert_count(queued), instance: tars_kit::instance_name() }))
    }
}

/// The caller whom the guard has admitted. Without one nobody knows which servers the answer may tell.
fn read_caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get().cloned().ok_or_else(|| Status::internal("the call passed no guard"))
}

fn read_key(namespace: String, name: String) -> Result<Key, Status> {
    if !is_dns_label(&namespace) {
        return Err(Status::invalid_argument(format!("{namespace:?} is no name of a namespace; send one")));
    }
    if !name.is_empty() && !is_dns_subdomain(&name) {
        return Err(Status::invalid_argument(format!("{name:?} is no name of a TServer; send one, or none for all")));
    }
    Ok(Key { namespace, name })
}

fn name_right(verb: &'static str, key: &Key) -> ObjectRight {
    let Key { namespace, name } = key.clone();
    ObjectRight { verb, group: GROUP, resource: "tservers", namespace, name }
}

fn refuse_unknown(key: &Key) -> Status {
    Status::not_found(format!("namespace {} has no TServer {:?}; kubectl get tservers lists them", key.namespace, key.name))
}

fn convert_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
