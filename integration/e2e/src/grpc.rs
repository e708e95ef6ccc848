//! Calls gRPC of pods through the API server, as tools do it.

use hyper_util::rt::TokioIo;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};
use std::io;
use tonic::{
    Request,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error},
};
use tower::service_fn;

/// What a client must know to trust a server.
pub struct Trust<'a> {
    /// PEM certificates of the authorities.
    pub authorities: &'a str,
    /// The name in the certificate of the server.
    pub name: &'a str,
}

/// Connects to a port of a pod. With `trust` the connection is TLS and the server is verified, without it is plain text.
///
/// # Errors
/// The pod cannot be reached, or the client does not trust it.
pub async fn connect_to_pod(pods: Api<Pod>, pod: String, port: u16, trust: Option<Trust<'_>>) -> Result<Channel, Error> {
    let mut endpoint = Endpoint::from_static(if trust.is_some() { "https://a.pod" } else { "http://a.pod" });
    if let Some(Trust { authorities, name }) = trust {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authorities)).domain_name(name);
        endpoint = endpoint.tls_config(tls)?;
    }
    let forward = service_fn(move |_| {
        let (pods, pod) = (pods.clone(), pod.clone());
        async move {
            let mut forwarder = pods.portforward(&pod, &[port]).await.map_err(io::Error::other)?;
            let stream = forwarder.take_stream(port).ok_or_else(|| io::Error::other("the port is not forwarded"))?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    endpoint.connect_with_connector(forward).await
}

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
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let spec =
        TokenRequestSpec { audiences: vec![audience.to_owned()], expiration_seconds: Some(600), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await.expect("a token");
    answer.status.expect("a status").token
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
