//! Ends a build of an image that takes too long: the build then counts as failed (docs/reference/controller.md#7.12).

use crate::{
    engine::{
        Engine,
        cache::{Cache, Change, Key, View},
        feed::Selection,
        queue::Queue,
        reconciler::{Outcome, Reconciler},
        writer::Writer,
    },
    views::Views,
};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tars_common::{names::fallback, v1beta3::TImage};

/// A build under way.
#[derive(Clone, Debug, PartialEq)]
struct Build {
    /// `build.running`.
    state: Value,
    /// `build.running.createTime`, if the build states it.
    created: Option<Timestamp>,
}

/// A build without `createTime`, and the time at which this process saw it first.
#[derive(Debug)]
struct Sighting {
    /// The uid of the image and the id of the build.
    build: (String, Value),
    at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ImageView {
    uid: String,
    /// The resourceVersion that was seen.
    version: String,
    /// The build of a server image that is under way.
    running: Option<Build>,
}

impl View for ImageView {}

impl ImageView {
    #[allow(clippy::unnecessary_wraps, reason = "every decoder has this signature")]
    fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let is_server = object.data.get("imageType").is_some_and(|kind| kind == "server");
        let running = object.data.pointer("/build/running").filter(|state| is_server && state.is_object());
        let running = running.map(|state| {
            let created = state.get("createTime").and_then(Value::as_str).and_then(|text| text.parse().ok());
            Build { state: state.clone(), created }
        });
        Ok(Self {
            uid: object.metadata.uid.unwrap_or_default(),
            version: object.metadata.resource_version.unwrap_or_default(),
            running,
        })
    }
}

pub struct TImageReconciler {
    queue: Queue<Key>,
    images: Cache<ImageView>,
    views: Views,
    writer: Writer,
    first_seen: Mutex<HashMap<Key, Sighting>>,
}

impl TImageReconciler {
    pub fn open(engine: &mut Engine, views: &Views) -> Arc<Self> {
        let reconciler = Arc::new(Self {
            queue: Queue::default(),
            images: engine.watch(Selection::every(resource()), ImageView::of),
            views: views.clone(),
            writer: engine.writer(),
            first_seen: Mutex::default(),
        });
        reconciler.images.listen(&reconciler, Self::on_image_change);
        reconciler
    }

    fn on_image_change(&self, change: &Change<ImageView>) {
        if change.new.as_ref().is_some_and(|image| image.running.is_some()) {
            self.queue.add(change.key.clone());
        } else {
            self.sightings().remove(&change.key);
        }
    }

    fn sightings(&self) -> MutexGuard<'_, HashMap<Key, Sighting>> {
        self.first_seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When `build` began: its `createTime`, or when it was seen first if it has none.
    fn find_start(&self, key: &Key, uid: &str, build: &Build, now: Timestamp) -> Timestamp {
        build.created.unwrap_or_else(|| {
            let id = (uid.to_owned(), build.state.get("id").cloned().unwrap_or_default());
            let mut sightings = self.sightings();
            let seen = sightings.entry(key.clone()).or_insert_with(|| Sighting { build: id.clone(), at: now });
            if seen.build != id {
                *seen = Sighting { build: id, at: now };
            }
            seen.at
        })
    }
}

impl Reconciler for TImageReconciler {
    const NAME: &'static str = "timage";

    fn queue(&self) -> &Queue<Key> {
        &self.queue
    }

    /// Ends a build that is over time. Otherwise asks for another run when the time is up.
    async fn reconcile(&self, key: &Key) -> Outcome {
        let Some(image) = self.images.get(key) else { return Ok(None) };
        let Some(build) = &image.running else { return Ok(None) };
        let limit = self.views.framework(&key.namespace).and_then(|framework| framework.max_build_seconds);
        let limit = Duration::from_secs(limit.unwrap_or(u64::from(fallback::BUILD_SECONDS.unsigned_abs())));
        let now = Timestamp::now();
        if let Some(left) = compute_time_left(self.find_start(key, &image.uid, build, now), limit, now) {
            return Ok(Some(left));
        }
        let operations = vec![json!({"op": "add", "path": "/build", "value": describe_failure(build)})];
        let answer = self.writer.patch(&resource(), key, &image.version, operations).await?;
        tracing::info!(?limit, "ended a build that took too long");
        self.images.observe(answer);
        Ok(None)
    }
}

/// How long a build that began at `start` may still take; `None` if it is over time.
fn compute_time_left(start: Timestamp, limit: Duration, now: Timestamp) -> Option<Duration> {
    // A start in the future comes from a clock that disagrees. The build then has its full time from now.
    let taken = Duration::try_from(now.duration_since(start)).unwrap_or_default();
    limit.checked_sub(taken).filter(|left| !left.is_zero())
}

/// Builds the field `build` of an image whose last build is `build` and failed.
fn describe_failure(build: &Build) -> Value {
    let mut last = build.state.clone();
    if let Some(fields) = last.as_object_mut() {
        fields.insert("phase".to_owned(), "Failed".into());
        fields.insert("message".to_owned(), "task overtime".into());
        fields.insert("handler".to_owned(), "".into());
    }
    json!({"last": last})
}

fn resource() -> ApiResource {
    ApiResource::erase::<TImage>(&())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        fake::{Shared, client},
        metrics::Metrics,
    };
    use tars_kit::lease::Fence;

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
    fn a_build_that_is_over_time_becomes_the_last_build_and_failed() {
        let running = json!({"running": {"id": "v7", "createTime": "2030-01-01T00:00:00Z", "handler": "pod"}});
        let build = image(&json!({"imageType": "server", "build": running})).running.unwrap();
        let limit = Duration::from_mins(5);
        let at = |text: &str| text.parse().unwrap();
        let start = build.created.unwrap();
        assert_eq!(compute_time_left(start, limit, at("2030-01-01T00:01:40Z")), Some(Duration::from_secs(200)));
        assert_eq!(compute_time_left(start, limit, at("2030-01-01T00:05:00Z")), None);
        assert_eq!(compute_time_left(start, limit, at("2029-12-31T00:00:00Z")), Some(limit));
        let last = &describe_failure(&build)["last"];
        assert_eq!(
            (&last["phase"], &last["message"], &last["handler"], &last["id"]),
            (&json!("Failed"), &json!("task overtime"), &json!(""), &json!("v7"))
        );
    }

    const IMAGE: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/timages/audit";

    #[tokio::test]
    async fn the_time_of_a_build_without_create_time_begins_when_it_is_first_seen() {
        let world = Shared::default();
        let mut engine = Engine::new(client(&world), Arc::new(Metrics::default()), Fence::open());
        let views = Views::watch(&mut engine);
        let reconciler = TImageReconciler::open(&mut engine, &views);
        let key = Key::new("bank", "audit");
        let time_left = async || {
            world.lock().unwrap().tell(&engine);
            let left = reconciler.reconcile(&key).await.unwrap().unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
            left
        };
        let image = json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TImage", "metadata": {"name": "audit", "namespace": "bank"},
            "imageType": "server", "build": {"running": {"id": "v7"}},
        });
        world.lock().unwrap().put(IMAGE, image.clone());
        let first = time_left().await;
        world.lock().unwrap().edit(IMAGE, |image| image["build"]["running"]["phase"] = json!("Pushing"));
        let second = time_left().await;
        assert!(
            second + Duration::from_millis(30) <= first,
            "a change of the object does not restart the time: {first:?} {second:?}"
        );

        world.lock().unwrap().edit(IMAGE, |image| image["build"]["running"]["id"] = json!("v8"));
        let other = time_left().await;
        assert!(other > second, "another build has its own time");
        world.lock().unwrap().edit(IMAGE, |image| image["metadata"]["uid"] = json!("uid-of-successor"));
        assert!(time_left().await + Duration::from_millis(30) > other, "so has a build of another image of this name");
    }

    #[tokio::test]
    async fn a_build_may_take_as_long_as_the_framework_says_or_eight_minutes_and_releases_are_left_alone() {
        const FRAMEWORK: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tframeworkconfigs/tars-framework";
        let world = Shared::default();
        let mut engine = Engine::new(client(&world), Arc::new(Metrics::default()), Fence::open());
        let views = Views::watch(&mut engine);
        let reconciler = TImageReconciler::open(&mut engine, &views);
        let key = Key::new("bank", "audit");
        let started = |seconds: i64| Timestamp::from_second(Timestamp::now().as_second() - seconds).unwrap().to_string();
        let run = async |seconds: i64| {
            let image = json!({
                "metadata": {"name": "audit", "namespace": "bank"}, "imageType": "server", "releases": [{"id": "v1", "image": "a"}],
                "build": {"running": {"id": "v7", "createTime": started(seconds)}},
            });
            world.lock().unwrap().put(IMAGE, image);
            world.lock().unwrap().tell(&engine);
            let left = reconciler.reconcile(&key).await.unwrap();
            let stored = world.lock().unwrap().get(IMAGE).unwrap().clone();
            assert_eq!(stored["releases"], json!([{"id": "v1", "image": "a"}]));
            (left.is_some(), stored["build"].get("running").is_some(), stored["build"]["last"]["message"].clone())
        };
        let over = (false, false, json!("task overtime"));
        assert_eq!(run(470).await, (true, true, Value::Null));
        assert_eq!(run(490).await, over);
        let limit = json!({"metadata": {"name": "tars-framework", "namespace": "bank"}, "imageBuild": {"maxBuildTime": 60}});
        world.lock().unwrap().put(FRAMEWORK, limit);
        assert_eq!(run(50).await, (true, true, Value::Null));
        assert_eq!(run(70).await, over);
    }
}
