//! A build of an image that takes too long has failed (docs/reference/controller.md#7.12).

use crate::{
    cache::{Key, View},
    context::Context,
};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use std::time::Duration;
use tars_common::{
    names::{self, fallback},
    v1beta3::TImage,
};

/// A build under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// `build.running`.
    pub state: Value,
    /// When it began: its `createTime`, or when it was seen first if it has none.
    pub began: Timestamp,
}

/// What is known of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageView {
    /// The resourceVersion that was seen.
    pub version: String,
    /// The build of a server image that is under way.
    pub running: Option<Build>,
}

impl View for ImageView {
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let is_server = object.data.get("imageType").is_some_and(|kind| kind == "server");
        let running = object.data.pointer("/build/running").filter(|state| is_server && state.is_object());
        let running = running.map(|state| {
            let stated = state.get("createTime").and_then(Value::as_str).and_then(|text| text.parse().ok());
            Build { state: state.clone(), began: stated.unwrap_or_else(Timestamp::now) }
        });
        Ok(Self { version: object.metadata.resource_version.unwrap_or_default(), running })
    }
}

/// How long `build` may still take, `None` if it is over time.
fn left(build: &Build, limit: Duration, now: Timestamp) -> Option<Duration> {
    // A start in the future is a clock that disagrees; the build then has its full time from now.
    let taken = Duration::try_from(now.duration_since(build.began)).unwrap_or_default();
    limit.checked_sub(taken).filter(|left| !left.is_zero())
}

/// `build` as the last one, which failed.
fn failed(build: &Build) -> Value {
    let mut last = build.state.clone();
    if let Some(fields) = last.as_object_mut() {
        fields.insert("phase".to_owned(), "Failed".into());
        fields.insert("message".to_owned(), "task overtime".into());
        fields.insert("handler".to_owned(), "".into());
    }
    json!({"last": last})
}

/// Ends a build of image `key` that is over time. Gives back when to look again.
pub async fn reconcile(context: &Context, key: &Key) -> Result<Option<Duration>, kube::Error> {
    let Some(image) = context.caches.images.get(key) else { return Ok(None) };
    let Some(build) = &image.running else { return Ok(None) };
    let framework = context.caches.frameworks.get(&Key::new(&key.namespace, names::FRAMEWORK_CONFIG));
    let limit = framework.and_then(|framework| framework.max_build_seconds);
    let limit = Duration::from_secs(limit.unwrap_or(u64::from(fallback::BUILD_SECONDS.unsigned_abs())));
    if let Some(left) = left(build, limit, Timestamp::now()) {
        return Ok(Some(left));
    }
    let operations = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": image.version},
        {"op": "add", "path": "/build", "value": failed(build)},
    ]);
    let answer = context.writer.patch(&resource(), key, operations).await?;
    tracing::info!(?limit, "a build took too long");
    context.caches.images.observe(answer);
    Ok(None)
}

/// The resource of `TImage`.
pub fn resource() -> ApiResource {
    ApiResource::erase::<TImage>(&())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(value: &Value) -> ImageView {
        let mut object = json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TImage", "metadata": {"name": "audit"}});
        object.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        ImageView::of(serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn only_builds_of_server_images_are_timed() {
        let running = json!({"running": {"id": "v7", "createTime": "2030-01-01T00:00:00Z"}});
        assert!(image(&json!({"imageType": "base", "build": running})).running.is_none());
        assert!(image(&json!({"imageType": "server", "build": {"last": {"id": "v7"}}})).running.is_none());
        assert!(image(&json!({"imageType": "server", "build": running})).running.is_some());
    }

    #[test]
    fn a_build_has_its_time_from_its_start_and_then_is_the_last_one_that_failed() {
        let running = json!({"running": {"id": "v7", "createTime": "2030-01-01T00:00:00Z", "handler": "pod"}});
        let build = image(&json!({"imageType": "server", "build": running})).running.unwrap();
        let limit = Duration::from_mins(5);
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(left(&build, limit, at("2030-01-01T00:01:40Z")), Some(Duration::from_secs(200)));
        assert_eq!(left(&build, limit, at("2030-01-01T00:05:00Z")), None);
        assert_eq!(left(&build, limit, at("2029-12-31T00:00:00Z")), Some(limit));
        let last = &failed(&build)["last"];
        assert_eq!(
            (&last["phase"], &last["message"], &last["handler"], &last["id"]),
            (&json!("Failed"), &json!("task overtime"), &json!(""), &json!("v7"))
        );
    }
}
