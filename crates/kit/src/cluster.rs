//! The client of the API server. All services use this one, so that every request of every service has a deadline.
//!
//! ```text
//! connect ── 10 s ──► request ── 30 s ──► head of the answer ── 75 s of silence ──► the body of a list, or the events of a watch
//! ```
//!
//! A connection that dies silently, for example because a firewall forgets it, never reports an end. Without deadlines it would blind a
//! watch, and hold a worker, for as long as the operating system tries.

use crate::process::Fatal;
use http::{Request, Response};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder, DynBody},
};
use std::time::Duration;
use tower::{
    BoxError,
    timeout::{Timeout, TimeoutLayer},
    util::BoxService,
};

/// How long a connection may take, with its TLS handshake.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the head of an answer may take, with the retries of the client. An API server ends a request after 60 s at the latest, but an
/// answer that late helps nobody.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long the body of an answer may pause. A watch is never silent for so long: an API server sends a bookmark about once a minute.
const SILENCE_LIMIT: Duration = Duration::from_secs(75);

/// The requests of a client to the API server, each with a deadline for the head of the answer.
pub type Requests = Timeout<BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>>;

/// Finds the cluster by the service account of the pod, or otherwise by a kubeconfig.
///
/// # Errors
/// Returns a [`Fatal::Configuration`] if there is neither.
pub async fn find() -> Result<Config, Fatal> {
    Config::infer().await.map_err(|error| {
        Fatal::Configuration(format!(
            "no cluster found by a service account or a kubeconfig ({error}); run in a pod, or set KUBECONFIG"
        ))
    })
}

/// Builds a client with deadlines for the cluster of [`find`].
///
/// # Errors
/// Returns a [`Fatal::Configuration`] if there is no cluster, or if its configuration cannot be used.
pub async fn connect() -> Result<Client, Fatal> {
    Ok(prepare(find().await?)?.build())
}

/// Begins a client with deadlines for the cluster of `config`. The caller may add layers of its own.
///
/// # Errors
/// Returns a [`Fatal::Configuration`] if the configuration cannot be used.
pub fn prepare(mut config: Config) -> Result<ClientBuilder<Requests>, Fatal> {
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.read_timeout = Some(SILENCE_LIMIT);
    // The time that a connection was idle before a request does not count.
    config.reset_reader_on_write = true;
    let builder = ClientBuilder::try_from(config).map_err(Fatal::configuration)?;
    Ok(builder.with_layer(&TimeoutLayer::new(ANSWER_LIMIT)))
}
