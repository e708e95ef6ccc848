//! Asks the name service where objects are served.

use super::{
    directory::{Resolve, Resolved},
    error::CallError,
    options::{CallOptions, ClientOptions},
    proxy::Proxy,
};
use crate::{
    endpoint::Endpoint,
    framework::{endpoint::EndpointF, query::QueryFClient},
    packet::header,
};
use futures::future::BoxFuture;

/// Asks the name service of a client.
#[derive(Debug)]
pub(super) struct Locator {
    query: QueryFClient,
    /// The set in which endpoints are asked for; `None` asks in the group of the caller.
    set: Option<String>,
}

impl Locator {
    pub(super) fn new(proxy: Proxy, options: &ClientOptions) -> Self {
        let mut call = CallOptions::default();
        if let Some(node_name) = &options.node_name {
            call = call.context(header::NODE_NAME, node_name);
        }
        Self { query: QueryFClient::new(proxy).with_options(call), set: options.set.clone() }
    }
}

impl Resolve for Locator {
    fn resolve<'a>(&'a self, object: &'a str) -> BoxFuture<'a, Result<Resolved, CallError>> {
        Box::pin(async move {
            let answer = match &self.set {
                Some(set) => self.query.find_object_by_id_in_same_set(object, set).await,
                None => self.query.find_object_by_id_in_same_group(object).await,
            };
            let failed = |reason: String| CallError::Resolve { object: object.to_owned(), reason };
            match answer {
                Ok((0, active, inactive)) => {
                    Ok(Resolved { active: keep_valid(object, &active), inactive: keep_valid(object, &inactive) })
                }
                Ok((code, ..)) => Err(failed(format!("it answered {code}"))),
                Err(error) => Err(failed(error.to_string())),
            }
        })
    }
}

/// Returns each endpoint once, and leaves out those that do not exist.
fn keep_valid(object: &str, endpoints: &[EndpointF]) -> Vec<Endpoint> {
    let mut valid = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        match Endpoint::try_from(endpoint) {
            Ok(endpoint) if valid.contains(&endpoint) => {}
            Ok(endpoint) => valid.push(endpoint),
            Err(error) => tracing::warn!(object, %error, "an endpoint that the name service answered is left out"),
        }
    }
    valid
}
