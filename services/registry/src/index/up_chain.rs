//! The endpoints of other Tars clusters, from the TFrameworkConfig `tars-framework`.

use super::answer::Answer;
use crate::objects::{FrameworkObject, UpChainEndpoint};
use std::collections::HashMap;
use tars::framework::endpoint::EndpointF;
use tars_common::lenient::{FieldError, Lenient};

/// How many milliseconds a request may wait if the object does not say it.
const UP_CHAIN_TIMEOUT: i32 = 6_000;
/// The key of the endpoints for all ids that have no key.
const FALLBACK: &str = "default";

/// The answers for servers that this cluster does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpChain {
    by_id: HashMap<Box<str>, Answer>,
    fallback: Option<Answer>,
}

impl UpChain {
    /// Reads `upChain` of the object.
    pub fn read(object: FrameworkObject) -> Result<Self, FieldError> {
        let mut chain = Self::default();
        for (id, endpoints) in object.up_chain.optional("upChain")?.unwrap_or_default() {
            let endpoints = endpoints.required("upChain.*")?;
            let endpoints = endpoints.into_iter().map(read_endpoint).collect::<Result<Vec<_>, _>>()?;
            let empty = endpoints.is_empty();
            let answer = Answer::new(endpoints.into_iter(), std::iter::empty());
            if id == FALLBACK {
                chain.fallback = (!empty).then_some(answer);
            } else {
                chain.by_id.insert(id.into(), answer);
            }
        }
        Ok(chain)
    }

    /// Finds the endpoints for exactly this id, or otherwise those for all ids.
    pub fn answer(&self, id: &str) -> Option<&Answer> {
        self.by_id.get(id).or(self.fallback.as_ref())
    }

    /// The number of ids that have a key.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no id has a key.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

fn read_endpoint(object: Lenient<UpChainEndpoint>) -> Result<EndpointF, FieldError> {
    let UpChainEndpoint { host, port, timeout, is_tcp } = object.required("upChain.*[]")?;
    Ok(EndpointF {
        host: host.required("upChain.*[].host")?,
        port: port.required("upChain.*[].port")?,
        timeout: timeout.optional("upChain.*[].timeout")?.unwrap_or(UP_CHAIN_TIMEOUT),
        istcp: is_tcp.optional("upChain.*[].isTcp")?.unwrap_or(true).into(),
        ..EndpointF::default()
    })
}
