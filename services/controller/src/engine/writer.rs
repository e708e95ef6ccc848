//! The only way in which the controller writes. Every write is counted, and carries what makes it safe: a field manager, and the
//! uid or resourceVersion of the object that it is meant for.

use crate::{cache::Key, fields::MANAGER, metrics::Metrics};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy},
};
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};

/// Writes to the API server.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    metrics: Arc<Metrics>,
    patience: Duration,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

type Result<T> = std::result::Result<T, kube::Error>;

impl Writer {
    /// Writes through `client`. An answer that takes longer than `patience` counts as a failure, after which the write may or
    /// may not have happened.
    pub fn new(client: Client, metrics: Arc<Metrics>, patience: Duration) -> Self {
        Self { client, metrics, patience }
    }

    async fn answer<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.patience, call).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(kube::Error::Service(Box::new(elapsed))),
        }
    }

    fn api(&self, resource: &ApiResource, key: &Key) -> Api<DynamicObject> {
        if key.namespace.is_empty() {
            return Api::all_with(self.client.clone(), resource);
        }
        Api::namespaced_with(self.client.clone(), &key.namespace, resource)
    }

    fn counted<T>(&self, verb: &'static str, resource: &ApiResource, result: Result<T>) -> Result<T> {
        let outcome = match &result {
            Ok(_) => "ok",
            Err(kube::Error::Api(status)) if status.code == 409 => "conflict",
            Err(kube::Error::Api(status)) if (400..500).contains(&status.code) => "refused",
            Err(_) => "failed",
        };
        self.metrics.write(verb, &resource.kind, outcome);
        result
    }

    /// Reads one object, past the cache.
    pub async fn get(&self, resource: &ApiResource, key: &Key) -> Result<Option<DynamicObject>> {
        self.answer(self.api(resource, key).get_opt(&key.name)).await
    }

    /// Server-side apply. With `force`, fields that others own become ours.
    pub async fn apply(&self, resource: &ApiResource, key: &Key, body: &Value, force: bool) -> Result<DynamicObject> {
        let params = PatchParams { force, ..PatchParams::apply(MANAGER) };
        let api = self.api(resource, key);
        let result = self.answer(api.patch(&key.name, &params, &Patch::Apply(body))).await;
        self.counted("apply", resource, result)
    }

    /// Server-side apply of the status.
    pub async fn apply_status(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<DynamicObject> {
        let params = PatchParams::apply(MANAGER).force();
        let api = self.api(resource, key);
        let result = self.answer(api.patch_status(&key.name, &params, &Patch::Apply(body))).await;
        self.counted("apply_status", resource, result)
    }

    /// Merge patch.
    pub async fn merge(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<DynamicObject> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let api = self.api(resource, key);
        let result = self.answer(api.patch(&key.name, &params, &Patch::Merge(body))).await;
        self.counted("merge", resource, result)
    }

    /// JSON patch. Put a `test` of the resourceVersion first.
    pub async fn patch(&self, resource: &ApiResource, key: &Key, operations: Value) -> Result<DynamicObject> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        // The operations are built here in the code, so decoding them does not fail; if it did, nothing would be written.
        let operations = serde_json::from_value(operations).map_err(kube::Error::SerdeError)?;
        let api = self.api(resource, key);
        let result = self.answer(api.patch(&key.name, &params, &Patch::<()>::Json(operations))).await;
        self.counted("patch", resource, result)
    }

    /// Creates an object, which must not exist.
    pub async fn create(&self, resource: &ApiResource, key: &Key, body: &Value) -> Result<DynamicObject> {
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let object: DynamicObject = serde_json::from_value(body.clone()).map_err(kube::Error::SerdeError)?;
        let api = self.api(resource, key);
        let result = self.answer(api.create(&params, &object)).await;
        self.counted("create", resource, result)
    }

    /// Deletes the object with this uid and no other. That it is gone already is success.
    pub async fn delete(&self, resource: &ApiResource, key: &Key, uid: &str, propagation: PropagationPolicy) -> Result<()> {
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            propagation_policy: Some(propagation),
            ..DeleteParams::default()
        };
        let api = self.api(resource, key);
        let result = match self.answer(api.delete(&key.name, &params)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(|_| ()),
        };
        self.counted("delete", resource, result)
    }
}
