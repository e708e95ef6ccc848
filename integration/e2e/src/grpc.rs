//! Calls gRPC of pods through the API server, as tools do it.

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt, api::ListParams};
use kubectl_tars::service;
pub use kubectl_tars::service::{Trust, connect_to_pod};
use tonic::{Request, metadata::MetadataValue};

/// Finds a pod by its labels that is not being deleted.
///
/// # Panics
/// When there is none.
pub async fn find_pod(pods: &Api<Pod>, labels: &str) -> String {
    let list = pods.list(&ListParams::default().labels(labels)).await.expect("the pods");
    let alive = list.into_iter().find(|pod| pod.metadata.deletion_timestamp.is_none());
    alive.unwrap_or_else(|| panic!("a pod with {labels}")).name_any()
}

/// Asks for a token of a `ServiceAccount` that lives for ten minutes.
///
/// # Panics
/// When the API server gives none.
pub async fn request_token(client: &Client, namespace: &str, account: &str, audience: &str) -> String {
    service::request_token(client, namespace, account, audience).await.expect("a token")
}

/// Makes a request with a token; an empty token stands for none.
///
/// # Panics
/// When the token is no text for a header.
pub fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        let value: MetadataValue<_> = format!("Bearer {token}").parse().expect("a token is plain text");
        request.metadata_mut().insert("authorization", value);
    }
    request
}
