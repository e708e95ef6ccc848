//! The objects that follow the TServers of the benchmark, by watches.

use super::cluster::Space;
use futures::{StreamExt, stream::SelectAll};
use kube::{
    api::DynamicObject,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tars_bench::Result;
use tokio::time::timeout;

/// The longest wait for one event.
const LIMIT: Duration = Duration::from_mins(2);
/// Group, version and kind of what follows a TServer.
pub const DERIVED: [(&str, &str, &str); 4] = [
    ("", "v1", "Service"),
    ("apps", "v1", "StatefulSet"),
    ("k8s.tars.io", "v1beta3", "TEndpoint"),
    ("k8s.tars.io", "v1beta3", "TExitedRecord"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Every object exists, and the status tells the present generation.
    Created,
    /// Workload and TEndpoint have the second release, and the status tells the present generation.
    Changed,
    /// Nothing is left.
    Deleted,
}

type Events =
    SelectAll<std::pin::Pin<Box<dyn futures::Stream<Item = (usize, watcher::Result<watcher::Event<DynamicObject>>)> + Send>>>;

pub struct Followers {
    events: Events,
    /// For each server, the TServer and then its derived objects.
    objects: HashMap<String, [Option<Value>; DERIVED.len() + 1]>,
}

impl Followers {
    /// Watches every kind. Returns when the first lists are there.
    pub async fn watch(space: &Space) -> Result<Self> {
        let mut events = Events::new();
        let apis = [space.servers()].into_iter().chain(DERIVED.map(|kind| space.api(kind)));
        for (index, api) in apis.enumerate() {
            let stream = watcher(api, watcher::Config::default()).default_backoff();
            events.push(stream.map(move |event| (index, event)).boxed());
        }
        let mut followers = Self { events, objects: HashMap::new() };
        let mut lists = 0;
        while lists <= DERIVED.len() {
            let (index, event) = followers.next().await?;
            lists += usize::from(matches!(event, watcher::Event::InitDone));
            followers.note(index, event);
        }
        Ok(followers)
    }

    async fn next(&mut self) -> Result<(usize, watcher::Event<DynamicObject>)> {
        let (index, event) = timeout(LIMIT, self.events.next()).await?.ok_or("the watches ended")?;
        Ok((index, event?))
    }

    /// Returns the name of the server whose objects changed.
    fn note(&mut self, index: usize, event: watcher::Event<DynamicObject>) -> Option<String> {
        let (object, gone) = match event {
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => (object, false),
            watcher::Event::Delete(object) => (object, true),
            watcher::Event::Init | watcher::Event::InitDone => return None,
        };
        let name = object.metadata.name.clone()?;
        let value = serde_json::to_value(object).ok().filter(|_| !gone);
        self.objects.entry(name.clone()).or_default()[index] = value;
        Some(name)
    }

    fn has_reached(&self, name: &str, stage: Stage) -> bool {
        let Some(objects) = self.objects.get(name) else { return stage == Stage::Deleted };
        if stage == Stage::Deleted {
            return objects.iter().all(Option::is_none);
        }
        let [Some(server), Some(_), Some(set), Some(endpoint), Some(_)] = objects else { return false };
        let told = server["status"]["observedGeneration"] == server["metadata"]["generation"];
        let image = &server["spec"]["release"]["image"];
        let second = image.as_str().is_some_and(|image| image.ends_with(":2"));
        told && *image == set["spec"]["template"]["spec"]["containers"][0]["image"]
            && *image == endpoint["spec"]["release"]["image"]
            && (stage == Stage::Created || second)
    }

    /// Waits until `count` servers have reached `stage`. Returns the times since `begun`, sorted, in milliseconds.
    pub async fn wait_for(&mut self, count: usize, stage: Stage, begun: Instant) -> Result<Vec<f64>> {
        let mut times: HashMap<String, f64> = HashMap::new();
        for name in self.objects.keys().filter(|name| stage != Stage::Deleted && self.has_reached(name, stage)) {
            times.insert(name.clone(), 0.0);
        }
        while times.len() < count {
            let (index, event) = self.next().await?;
            if let Some(name) = self.note(index, event)
                && self.has_reached(&name, stage)
            {
                times.entry(name).or_insert_with(|| begun.elapsed().as_secs_f64() * 1e3);
            }
        }
        let mut times: Vec<f64> = times.into_values().collect();
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Waits until one server has reached `stage`. Returns its time.
    pub async fn wait_for_one(&mut self, number: usize, stage: Stage, begun: Instant) -> Result<Option<f64>> {
        let name = format!("bench-s{number}");
        while !self.has_reached(&name, stage) {
            let (index, event) = self.next().await?;
            self.note(index, event);
        }
        Ok(Some(begun.elapsed().as_secs_f64() * 1e3))
    }
}
