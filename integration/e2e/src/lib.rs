//! Helpers of the end-to-end tests: a client, a namespace for each test, and functions that wait.
//!
//! The tests need a cluster with both charts (`integration/deploy.sh`), which `KUBECONFIG` names. A test works in a namespace of its
//! own, unless it needs the registry of the framework. That one runs in [`FRAMEWORK`].

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use k8s_openapi::{
    api::core::v1::{Namespace, Node},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, Config, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use std::{fmt::Debug, future::Future, time::Duration};
use tars_common::v1beta3::{TServer, TTemplate};

pub mod grpc;
pub mod plugin;

/// The namespace into which `integration/deploy.sh` installs the framework chart.
pub const FRAMEWORK: &str = "tars";

/// Every namespace that a test makes has this label. `integration/deploy.sh` uses it to remove the namespaces of failed runs.
pub const TEST_LABEL: &str = "tars.io/e2e";

/// The time after which [`wait_for`] gives up. The cluster needs a second or two, but only a test that fails waits this long.
pub const WAIT_LIMIT: Duration = Duration::from_mins(2);

/// Connects to the cluster of `KUBECONFIG`.
///
/// # Panics
/// When there is no cluster: an end-to-end test without one must fail, not pass.
pub async fn connect() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config::infer().await.expect("KUBECONFIG must name a reachable cluster, see `make cluster-up`");
    Client::try_from(config).expect("the configuration gives a client")
}

/// A namespace that belongs to one test.
pub struct Space {
    pub client: Client,
    pub name: String,
}

impl Space {
    /// Makes a namespace. Its name begins with `e2e-` and `purpose`.
    pub async fn create(purpose: &str) -> Self {
        let client = connect().await;
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("e2e-{purpose}-")),
                labels: Some([(TEST_LABEL.to_owned(), "true".to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let made = Api::all(client.clone()).create(&PostParams::default(), &namespace).await.expect("a namespace");
        Self { client, name: made.name_any() }
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Applies an object, given as YAML, in this namespace. Returns the object as the API server stored it.
    ///
    /// # Errors
    /// The refusal of the API server or of admission.
    pub async fn apply<K>(&self, yaml: &str) -> kube::Result<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
        K::DynamicType: Default,
    {
        apply(&self.api::<K>(), yaml).await
    }

    /// Applies a template without text. A template that is its own parent has none.
    ///
    /// # Errors
    /// The refusal of the API server or of admission.
    pub async fn apply_template(&self, name: &str, parent: &str) -> kube::Result<TTemplate> {
        let spec = json!({"content": "", "parent": parent});
        let object = json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": {"name": name}, "spec": spec});
        self.apply(&object.to_string()).await
    }

    /// Labels every node, so that it may run servers of this namespace, also with local volumes. [`Space::delete`] removes the label.
    pub async fn admit_nodes(&self) {
        self.label_nodes(&json!({self.node_label(): "", "tars.io/SupportLocalVolume": ""})).await;
    }

    fn node_label(&self) -> String {
        format!("tars.io/node.{}", self.name)
    }

    async fn label_nodes(&self, labels: &serde_json::Value) {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let labels = Patch::Merge(json!({"metadata": {"labels": labels}}));
        for node in nodes.list(&ListParams::default()).await.expect("the nodes") {
            nodes.patch_metadata(&node.name_any(), &PatchParams::default(), &labels).await.expect("a labelled node");
        }
    }

    /// Finds the condition `kind` of a TServer. `None` until the controller has seen the present generation of the server.
    pub async fn find_condition(&self, server: &str, kind: &str) -> Option<Condition> {
        let server = self.api::<TServer>().get_opt(server).await.expect("an answer")?;
        let fresh = server.status.as_ref()?.observed_generation == server.metadata.generation;
        server.status?.conditions.into_iter().find(|condition| fresh && condition.type_ == kind)
    }

    /// Waits until a TServer has the condition `kind` with `status`.
    pub async fn wait_for_condition(&self, server: &str, kind: &str, status: &str) {
        wait_for(&format!("{server} to have {kind} {status}"), || async {
            self.find_condition(server, kind).await.filter(|condition| condition.status == status)
        })
        .await;
    }

    /// Deletes the namespace, and does not wait for its end. A test that fails does not come here, so its namespace can be inspected.
    pub async fn delete(self) {
        self.label_nodes(&json!({self.node_label(): null})).await;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.name, &DeleteParams::background()).await.expect("the namespace can be deleted");
    }
}

/// Applies an object, given as YAML, under the field manager `e2e`.
///
/// # Errors
/// The refusal of the API server or of admission.
pub async fn apply<K>(api: &Api<K>, yaml: &str) -> kube::Result<K>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let object: serde_json::Value = serde_saphyr::from_str(yaml).expect("the test's YAML");
    let name = object["metadata"]["name"].as_str().expect("metadata.name").to_owned();
    api.patch(&name, &PatchParams::apply("e2e").force(), &Patch::Apply(&object)).await
}

/// Calls `look` every 100 ms until it returns a value, and returns that value.
///
/// # Panics
/// After [`WAIT_LIMIT`]. The message contains `what` the test waited for.
pub async fn wait_for<T, F, L>(what: &str, mut look: L) -> T
where
    F: Future<Output = Option<T>>,
    L: FnMut() -> F,
{
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    match tokio::time::timeout(WAIT_LIMIT, waiting).await {
        Ok(found) => found,
        Err(elapsed) => panic!("waited {WAIT_LIMIT:?} in vain for {what}: {elapsed}"),
    }
}

/// Returns the message with which the API server or admission refused a request.
///
/// # Panics
/// When the request was accepted, or failed in another way.
pub fn expect_refusal<T: Debug>(result: kube::Result<T>) -> String {
    match result {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The answer of the API server to a creation that is a dry run.
#[derive(Debug)]
pub struct DryRun {
    /// The object as it would be stored, or the refusal.
    pub body: serde_json::Value,
    /// The warnings, without quotation marks around them.
    pub warnings: Vec<String>,
}

impl DryRun {
    /// Whether the object would be stored.
    pub fn is_accepted(&self) -> bool {
        self.body["kind"] != "Status"
    }
}

/// Creates an object of our group in a namespace by a dry run, and keeps the warnings, which a client drops.
///
/// # Panics
/// When the API server does not answer.
pub async fn dry_run(client: &Client, namespace: &str, object: &serde_json::Value) -> DryRun {
    let text = |pointer: &str| object.pointer(pointer).and_then(serde_json::Value::as_str).expect("a type");
    let (version, plural) = (text("/apiVersion"), format!("{}s", text("/kind").to_lowercase()));
    let path = format!("/apis/{version}/namespaces/{namespace}/{plural}?dryRun=All");
    let body = serde_json::to_vec(object).expect("JSON");
    let request = http::Request::post(path).header("content-type", "application/json").body(kube::client::Body::from(body));
    let response = client.send(request.expect("a request")).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = body.collect_bytes().await.expect("a body");
    let warnings = parts.headers.get_all("warning").iter().map(|header| {
        // The form is `299 - "TEXT"`, with a backslash before quotation marks.
        let text = String::from_utf8_lossy(header.as_bytes());
        let text = text.trim_start_matches("299 - \"").trim_end_matches('"');
        text.replace("\\\"", "\"")
    });
    DryRun { warnings: warnings.collect(), body: serde_json::from_slice(&bytes).expect("JSON") }
}
