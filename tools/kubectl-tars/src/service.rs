//! Calls gRPC of a component through the API server, so it needs no network path to the pod (docs/reference/kubectl-tars.md#1.3).
//!
//! ```text
//! ConfigMap tars-ca ─► whom to trust ─┐
//! TokenRequest ─► a token for us ─────┼─► gRPC over TLS over port-forward ─► pod
//! a running pod of the component ─────┘
//! ```

use hyper_util::rt::TokioIo;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Pod, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};
use std::{io, time::Duration};
use tars_kit::auth::AUDIENCE;
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tower::service_fn;

/// The ConfigMap with the authorities of an installation, and its key.
const AUTHORITIES: (&str, &str) = ("tars-ca", "ca.crt");
/// Seconds that a token lives. The API server gives no shorter ones.
const TOKEN_SECONDS: i64 = 600;
/// The limit for the connection through the API server with its TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The limit for the answer to one call. The service gives up earlier.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// Why a component cannot be called.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The API server refused a request.
    #[error("cannot {action}{}", advise(source))]
    Api {
        /// What was asked.
        action: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// The authorities are not published.
    #[error(
        "configmap {namespace}/tars-ca has no certificates yet, so nobody knows whom to trust; is the chart installed in that namespace, \
         and has it become ready?"
    )]
    NoAuthorities {
        /// The namespace of the installation.
        namespace: String,
    },
    /// No pod of the component is ready.
    #[error("namespace {namespace} has no ready pod with the labels {labels}; look at `kubectl -n {namespace} get pods`")]
    NoPod {
        /// The namespace of the installation.
        namespace: String,
        /// The labels of the component.
        labels: String,
    },
    /// The connection failed.
    #[error("cannot connect to port {port} of pod {namespace}/{pod}")]
    Connect {
        /// The namespace of the pod.
        namespace: String,
        /// The name of the pod.
        pod: String,
        /// The number of the port.
        port: u16,
        /// The failure.
        source: tonic::transport::Error,
    },
    /// The account does not exist.
    #[error(
        "namespace {namespace} has no serviceaccount {account}, which the charts make; make one that may do this, or name another one \
         (docs/reference/kubectl-tars.md#6.2)"
    )]
    NoAccount {
        /// The namespace of the account.
        namespace: String,
        /// The name of the account.
        account: String,
    },
    /// The API server gave no token.
    #[error("the API server gave no token of serviceaccount {namespace}/{account}")]
    NoToken {
        /// The namespace of the account.
        namespace: String,
        /// The name of the account.
        account: String,
    },
}

/// What a client must know to trust a server.
pub struct Trust<'a> {
    /// PEM certificates of the authorities.
    pub authorities: &'a str,
    /// The name in the certificate of the server.
    pub name: &'a str,
}

impl Trust<'_> {
    /// The settings of a client that trusts these authorities and this name.
    pub fn to_config(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.authorities)).domain_name(self.name)
    }
}

/// A component of an installation.
#[derive(Clone, Debug)]
pub struct Component {
    /// The namespace of the installation.
    pub namespace: String,
    /// The labels of its pods.
    pub labels: &'static str,
    /// The name of its Service, which is in its certificate.
    pub service: &'static str,
    /// The port of gRPC.
    pub port: u16,
}

impl Component {
    /// The webhook of the installation in `namespace`.
    pub fn webhook(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), labels: "tars.io/Webhook=true", service: "tars-webhook-service", port: 9444 }
    }

    /// The controller of the installation in `namespace`.
    pub fn controller(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), labels: "tars.io/Controller=true", service: "tars-controller", port: 9444 }
    }

    /// Lists the names of its pods that are ready, sorted.
    pub async fn list_pods(&self, client: &Client) -> Result<Vec<String>, ServiceError> {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &self.namespace);
        let action = format!("list the pods of namespace {}", self.namespace);
        let list = pods.list(&ListParams::default().labels(self.labels)).await.map_err(api_error(action))?;
        let mut names: Vec<String> = list.iter().filter(|pod| is_ready(pod)).map(ResourceExt::name_any).collect();
        names.sort();
        if names.is_empty() {
            return Err(self.refuse_no_pod());
        }
        Ok(names)
    }

    /// The error that says that no pod is ready.
    pub fn refuse_no_pod(&self) -> ServiceError {
        ServiceError::NoPod { namespace: self.namespace.clone(), labels: self.labels.to_owned() }
    }

    /// Reads whom to trust.
    pub async fn read_authorities(&self, client: &Client) -> Result<String, ServiceError> {
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &self.namespace);
        let (name, key) = AUTHORITIES;
        let action = format!("read configmap {}/{name}", self.namespace);
        let map = maps.get_opt(name).await.map_err(api_error(action))?;
        let text = map.and_then(|map| map.data?.remove(key)).filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| ServiceError::NoAuthorities { namespace: self.namespace.clone() })
    }

    /// Connects to a pod and verifies that it belongs to the installation.
    pub async fn connect(&self, client: &Client, pod: &str, authorities: &str) -> Result<Channel, ServiceError> {
        let name = format!("{}.{}.svc", self.service, self.namespace);
        let pods = Api::namespaced(client.clone(), &self.namespace);
        let connected = connect_to_pod(pods, pod.to_owned(), self.port, Some(Trust { authorities, name: &name })).await;
        connected.map_err(|source| ServiceError::Connect {
            namespace: self.namespace.clone(),
            pod: pod.to_owned(),
            port: self.port,
            source,
        })
    }
}

/// Advice when the API server did not answer at all.
fn advise(error: &kube::Error) -> &'static str {
    if matches!(error, kube::Error::Api(_)) { "" } else { " (does kubectl cluster-info answer with the same options?)" }
}

fn api_error(action: String) -> impl FnOnce(kube::Error) -> ServiceError {
    move |source| ServiceError::Api { action, source: Box::new(source) }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none() && conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// Connects to a port of a pod. With `trust` the connection is TLS and the server is verified, without it is plain text.
pub async fn connect_to_pod(
    pods: Api<Pod>,
    pod: String,
    port: u16,
    trust: Option<Trust<'_>>,
) -> Result<Channel, tonic::transport::Error> {
    let Some(trust) = trust else { return forward(Endpoint::from_static("http://a.pod"), pods, pod, port).await };
    forward(Endpoint::from_static("https://a.pod").tls_config(trust.to_config())?, pods, pod, port).await
}

/// Connects to `endpoint` by a port of a pod that the API server forwards.
pub async fn forward(endpoint: Endpoint, pods: Api<Pod>, pod: String, port: u16) -> Result<Channel, tonic::transport::Error> {
    let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT);
    let connector = service_fn(move |_| {
        let (pods, pod) = (pods.clone(), pod.clone());
        async move {
            let mut forwarder = pods.portforward(&pod, &[port]).await.map_err(io::Error::other)?;
            let stream = forwarder.take_stream(port).ok_or_else(|| io::Error::other("the port is not forwarded"))?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    endpoint.connect_with_connector(connector).await
}

/// Asks for a token of a `ServiceAccount` for `audience` that lives for ten minutes.
pub async fn request_token(client: &Client, namespace: &str, account: &str, audience: &str) -> Result<String, ServiceError> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let spec = TokenRequestSpec {
        audiences: vec![audience.to_owned()],
        expiration_seconds: Some(TOKEN_SECONDS),
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let action = format!("get a token of serviceaccount {namespace}/{account} (verb create on serviceaccounts/token)");
    let refuse = |error| match error {
        kube::Error::Api(status) if status.code == 404 => {
            ServiceError::NoAccount { namespace: namespace.to_owned(), account: account.to_owned() }
        }
        other => api_error(action)(other),
    };
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await.map_err(refuse)?;
    let missing = || ServiceError::NoToken { namespace: namespace.to_owned(), account: account.to_owned() };
    answer.status.map(|status| status.token).filter(|token| !token.is_empty()).ok_or_else(missing)
}

/// A token in the form in which a call carries it.
#[derive(Clone)]
pub struct Token(MetadataValue<Ascii>);

impl Token {
    /// Asks for a token of the chart's account `account` for our services.
    pub async fn request(client: &Client, namespace: &str, account: &str) -> Result<Self, ServiceError> {
        let token = request_token(client, namespace, account, AUDIENCE).await?;
        let missing = |_| ServiceError::NoToken { namespace: namespace.to_owned(), account: account.to_owned() };
        format!("Bearer {token}").parse().map(Self).map_err(missing)
    }

    /// Makes a request with the token.
    pub fn carry<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.0.clone());
        request
    }
}
