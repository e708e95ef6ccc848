//! What the end-to-end tests share: a client, namespaces of their own, and waiting for conditions.
//!
//! The tests need a cluster with both charts installed (`integration/deploy.sh`), reached through `KUBECONFIG`. A test works in a
//! namespace of its own unless it needs the framework's registry, which lives in [`FRAMEWORK`].

#![allow(clippy::expect_used, clippy::panic, reason = "a failed expectation is how a test fails, in its helpers too")]

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
use tars_common::v1beta3::TServer;

/// The namespace into which `integration/deploy.sh` installs the framework chart.
pub const FRAMEWORK: &str = "tars";

/// The label of every namespace that a test made; `integration/deploy.sh` removes left-overs of failed runs by it.
pub const TEST_LABEL: &str = "tars.io/e2e";

/// How long a test waits for something that the cluster does in a second or two. Generous, since it bounds failures only.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A client for the cluster of `KUBECONFIG`.
///
/// # Panics
/// When there is none: an end-to-end test without a cluster must fail, not pass.
pub async fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config::infer().await.expect("KUBECONFIG must name a reachable cluster, see `make cluster-up`");
    Client::try_from(config).expect("a client")
}

/// A namespace that belongs to one test.
pub struct Space {
    /// The client of the test.
    pub client: Client,
    /// The namespace's name.
    pub name: String,
}

impl Space {
    /// Makes a namespace whose name begins with `e2e-` and `purpose`.
    pub async fn create(purpose: &str) -> Self {
        let client = client().await;
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

    /// The objects of one kind in this namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Applies an object given as YAML, in this namespace, and returns what the API server made of it.
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

    /// Lets every node run servers of this namespace, local volumes included. The label of the namespace goes with it.
    pub async fn admit(&self) {
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

    /// The condition `kind` of a TServer, once the controller has seen the server as it is now.
    pub async fn condition(&self, server: &str, kind: &str) -> Option<Condition> {
        let server = self.api::<TServer>().get_opt(server).await.expect("an answer")?;
        let fresh = server.status.as_ref()?.observed_generation == server.metadata.generation;
        server.status?.conditions.into_iter().find(|condition| fresh && condition.type_ == kind)
    }

    /// Waits until a TServer has the condition `kind` with `status`.
    pub async fn until(&self, server: &str, kind: &str, status: &str) {
        eventually(&format!("{server} to have {kind} {status}"), || async {
            self.condition(server, kind).await.filter(|condition| condition.status == status)
        })
        .await;
    }

    /// Deletes the namespace and does not wait for its end. A test that fails leaves it behind for inspection.
    pub async fn delete(self) {
        self.label_nodes(&json!({self.node_label(): null})).await;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.name, &DeleteParams::background()).await.expect("the namespace can be deleted");
    }
}

/// Applies an object given as YAML under the field manager `e2e`.
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

/// Looks every 100 ms until `look` gives a value, and gives it back.
///
/// # Panics
/// When [`PATIENCE`] is over; the message names `what` was awaited.
pub async fn eventually<T, F, L>(what: &str, mut look: L) -> T
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
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(found) => found,
        Err(elapsed) => panic!("waited {PATIENCE:?} in vain for {what}: {elapsed}"),
    }
}

/// The message with which the API server or admission refused a request.
///
/// # Panics
/// When the request was accepted or failed in another way.
pub fn refusal<T: Debug>(result: kube::Result<T>) -> String {
    match result {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}
