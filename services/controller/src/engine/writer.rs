//! Every write of the controller except Events and the Lease. Each write is counted and names the field manager of the controller.

use super::{cache::Key, metrics::Metrics};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy},
};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};
use tars_common::names::CONTROLLER_FIELD_MANAGER;
use tars_kit::lease::Fence;

/// Writes to the API server. A write whose answer does not come within the limit of [`tars_kit::cluster`] counts as failed, although it may
/// have happened.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    metrics: Arc<Metrics>,
    fence: Fence,
}

/// The Lease of this instance ended before a write could begin. Another instance may lead by now.
#[derive(Debug, thiserror::Error)]
#[error("the lease of this instance has ended, so it begins no write")]
struct Fenced;

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

type Result<T> = std::result::Result<T, kube::Error>;

impl Writer {
    /// Nothing is written while `fence` is closed.
    pub fn new(client: Client, metrics: Arc<Metrics>, fence: Fence) -> Self {
        Self { client, metrics, fence }
    }

    fn check_fence(&self) -> Result<()> {
        if self.fence.holds() { Ok(()) } else { Err(kube::Error::Service(Box::new(Fenced))) }
    }

    fn api(&self, resource: &ApiResource, key: &Key) -> Api<DynamicObject> {
        if key.namespace.is_empty() {
            return Api::all_with(self.client.clone(), resource);
        }
        Api::namespaced_with(self.client.clone(), &key.namespace, resource)
    }

    fn count<T>(&self, verb: &'static str, resource: &ApiResource, result: Result<T>) -> Result<T> {
        let outcome = match &result {
            Ok(_) => "ok",
            Err(kube::Error::Api(status)) if status.code == 409 => "conflict",
            Err(kube::Error::Api(status)) if (400..500).contains(&status.code) => "refused",
            Err(_) => "failed",
        };
        self.metrics.count_write(verb, &resource.kind, outcome);
        result
    }

    /// Reads one object from the API server and not from a cache.
    pub async fn get(&self, resource: &ApiResource, key: &Key) -> Result<Option<DynamicObject>> {
        self.api(resource, key).get_opt(&key.name).await
    }

    /// Server-side apply. It takes over fields that other managers own.
    pub async fn apply(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<DynamicObject> {
        self.check_fence()?;
        let params = PatchParams::apply(CONTROLLER_FIELD_MANAGER).force();
        let api = self.api(resource, key);
        let result = api.patch(&key.name, &params, &Patch::Apply(body)).await;
        self.count("apply", resource, result)
    }

    /// Server-side apply of the status.
    pub async fn apply_status(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<DynamicObject> {
        self.check_fence()?;
        let params = PatchParams::apply(CONTROLLER_FIELD_MANAGER).force();
        let api = self.api(resource, key);
        let result = api.patch_status(&key.name, &params, &Patch::Apply(body)).await;
        self.count("apply_status", resource, result)
    }

    /// Merge patch.
    pub async fn merge(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<DynamicObject> {
        self.check_fence()?;
        let params = PatchParams { field_manager: Some(CONTROLLER_FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let api = self.api(resource, key);
        let result = api.patch(&key.name, &params, &Patch::Merge(body)).await;
        self.count("merge", resource, result)
    }

    /// JSON patch of the object with this resourceVersion. After another change the API server answers 409: it compares a stated version,
    /// as in every update. (A `test` of the version would fail with 422, like an invalid object.)
    pub async fn patch(&self, resource: &ApiResource, key: &Key, version: &str, operations: Vec<Value>) -> Result<DynamicObject> {
        self.check_fence()?;
        let params = PatchParams { field_manager: Some(CONTROLLER_FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        // This program builds the operations, so they decode; if one does not, nothing is written.
        let mut all = vec![json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version})];
        all.extend(operations);
        let operations = serde_json::from_value(Value::Array(all)).map_err(kube::Error::SerdeError)?;
        let api = self.api(resource, key);
        let result = api.patch(&key.name, &params, &Patch::<()>::Json(operations)).await;
        self.count("patch", resource, result)
    }

    /// Creates an object. It fails if the object exists.
    pub async fn create(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<DynamicObject> {
        self.check_fence()?;
        let params = PostParams { field_manager: Some(CONTROLLER_FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let object: DynamicObject = serde_json::from_value(body.clone()).map_err(kube::Error::SerdeError)?;
        let api = self.api(resource, key);
        let result = api.create(&params, &object).await;
        self.count("create", resource, result)
    }

    /// Deletes the object only if it has this uid. It succeeds if the object is gone already.
    pub async fn delete(&self, resource: &ApiResource, key: &Key, uid: &str, propagation: PropagationPolicy) -> Result<()> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        self.delete_if(resource, key, preconditions, propagation).await
    }

    /// Deletes the object only if it has this uid and this resourceVersion. It succeeds if the object is gone already.
    pub async fn delete_unchanged(&self, resource: &ApiResource, key: &Key, uid: &str, version: &str) -> Result<()> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: Some(version.to_owned()) };
        self.delete_if(resource, key, preconditions, PropagationPolicy::Background).await
    }

    async fn delete_if(
        &self,
        resource: &ApiResource,
        key: &Key,
        preconditions: Preconditions,
        propagation: PropagationPolicy,
    ) -> Result<()> {
        self.check_fence()?;
        let params =
            DeleteParams { preconditions: Some(preconditions), propagation_policy: Some(propagation), ..DeleteParams::default() };
        let api = self.api(resource, key);
        let result = match api.delete(&key.name, &params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(|_| ()),
        };
        self.count("delete", resource, result)
    }
}

/// The message of the API server, without the text that the client library puts around it.
pub fn api_message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::{
        Shared, client,
        wire::{Sent, record},
    };
    use k8s_openapi::api::core::v1::Service;
    use tars_kit::lease::{Elector, Timing};

    /// Tries every kind of write. Returns the requests, and whether one of them began.
    async fn write_all(fence: Option<Fence>) -> Vec<Sent> {
        let world = Shared::default();
        let (client, log) = record(client(&world));
        let closed = || Elector::new(client.clone(), "tars", "lead", "me".to_owned(), Timing::default()).fence();
        let writer = Writer::new(client.clone(), Arc::new(Metrics::default()), fence.unwrap_or_else(closed));
        let (resource, key) = (ApiResource::erase::<Service>(&()), Key::new("bank", "one"));
        let body = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one", "namespace": "bank"}});
        let answers = [
            writer.create(&resource, &key, &body).await.map(drop),
            writer.apply(&resource, &key, &body).await.map(drop),
            writer.apply_status(&resource, &key, &body).await.map(drop),
            writer.merge(&resource, &key, &body).await.map(drop),
            writer.patch(&resource, &key, "7", Vec::new()).await.map(drop),
            writer.delete(&resource, &key, "uid", PropagationPolicy::Background).await,
            writer.delete_unchanged(&resource, &key, "uid", "7").await,
        ];
        let sent = log.lock().unwrap().clone();
        if sent.is_empty() {
            let fenced = |answer: &Result<()>| {
                answer.as_ref().is_err_and(|error| error.to_string().contains("lease of this instance has ended"))
            };
            assert!(answers.iter().all(fenced), "{answers:?}");
        }
        sent
    }

    #[tokio::test]
    async fn no_write_begins_while_the_fence_is_closed() {
        assert_eq!(write_all(None).await.len(), 0);
        assert_eq!(write_all(Some(Fence::open())).await.len(), 7);
    }

    #[tokio::test]
    async fn objects_and_statuses_are_applied_by_force_under_the_name_of_the_controller() {
        let sent = write_all(Some(Fence::open())).await;
        let applied: Vec<_> = sent.iter().filter(|sent| sent.kind == "application/apply-patch+yaml").collect();
        let paths: Vec<_> = applied.iter().map(|sent| sent.path.rsplit('/').next().unwrap()).collect();
        assert_eq!(paths, ["one", "status"]);
        assert!(applied.iter().all(|sent| sent.query.contains("force=true")), "{applied:?}");
        let named = |sent: &&Sent| sent.query.contains("fieldManager=tars-controller");
        assert_eq!(sent.iter().filter(named).count(), 5, "every write that is no deletion");
    }
}
