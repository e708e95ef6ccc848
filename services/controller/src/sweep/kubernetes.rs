//! Plays the controllers of Kubernetes in a [`World`]: workloads, nodes, volumes and the garbage collector. They do one thing at a time.

use crate::engine::fake::{Shared, World, owners};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

/// The pause between two things that Kubernetes does.
const PACE: Duration = Duration::from_millis(10);

/// An image of which no container can start.
pub const BROKEN_IMAGE: &str = "registry/broken:1";

/// Acts after each change, as long as the task lives.
pub async fn run(world: Shared) {
    let mut changed = world.lock().unwrap().subscribe();
    loop {
        changed.mark_unchanged();
        while act(&mut world.lock().unwrap()) {
            tokio::time::sleep(PACE).await;
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Does the next thing that is to be done. Returns whether there was one.
fn act(world: &mut World) -> bool {
    collect_garbage(world) || end_pods(world) || start_pods(world) || bind_claims(world) || run_workloads(world)
}

fn find(world: &World, plural: &str, wanted: impl Fn(&Value) -> bool) -> Vec<(String, Value)> {
    let part = format!("/{plural}/");
    let all = world.all().iter().filter(|(path, object)| path.contains(&part) && wanted(object));
    all.map(|(path, object)| (path.clone(), object.clone())).collect()
}

fn collect_garbage(world: &mut World) -> bool {
    let uids: BTreeSet<&str> = world.all().values().filter_map(|object| object["metadata"]["uid"].as_str()).collect();
    let lost = |object: &Value| {
        let mut owners = owners(object).iter().peekable();
        owners.peek().is_some() && owners.all(|owner| !owner["uid"].as_str().is_some_and(|uid| uids.contains(uid)))
    };
    let found = world.all().iter().find(|(_, object)| lost(object) && object["metadata"]["deletionTimestamp"].is_null());
    let Some(path) = found.map(|(path, _)| path.clone()) else { return false };
    world.remove(&path);
    true
}

fn end_pods(world: &mut World) -> bool {
    let ending = find(world, "pods", |pod| !pod["metadata"]["deletionTimestamp"].is_null());
    let Some((path, _)) = ending.first() else { return false };
    world.forget(path);
    true
}

fn start_pods(world: &mut World) -> bool {
    let new = find(world, "pods", |pod| pod["status"].is_null());
    let Some((path, pod)) = new.into_iter().next() else { return false };
    let container = &pod["spec"]["containers"][0];
    let broken = container["image"] == BROKEN_IMAGE || container["image"] == " ";
    let mut gates: Vec<Value> = Vec::new();
    for gate in pod["spec"]["readinessGates"].as_array().into_iter().flatten() {
        gates.push(json!({"type": gate["conditionType"], "status": "True"}));
    }
    let ready = if broken { "False" } else { "True" };
    gates.extend(["PodScheduled", "Initialized"].map(|kind| json!({"type": kind, "status": "True"})));
    gates.extend(["ContainersReady", "Ready"].map(|kind| json!({"type": kind, "status": ready})));
    let state = if broken {
        json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}})
    } else {
        json!({"running": {"startedAt": "2030-01-01T00:00:00Z"}})
    };
    let status = json!({"name": container["name"], "image": container["image"], "imageID": "", "ready": !broken, "restartCount": 0, "state": state});
    world.edit(&path, |pod| {
        pod["status"] = json!({"phase": "Running", "podIP": "10.0.0.9", "hostIP": "10.0.0.1", "conditions": gates, "containerStatuses": [status]});
    });
    true
}

fn bind_claims(world: &mut World) -> bool {
    let pending = find(world, "persistentvolumeclaims", |claim| claim["status"]["phase"] != "Bound");
    let Some((path, _)) = pending.first() else { return false };
    world.edit(path, |claim| claim["status"] = json!({"phase": "Bound"}));
    true
}

fn run_workloads(world: &mut World) -> bool {
    let workloads = [find(world, "statefulsets", |_| true), find(world, "daemonsets", |_| true)];
    workloads.into_iter().flatten().any(|(path, object)| Workload::of(&path, object).act(world))
}

/// A StatefulSet or DaemonSet.
struct Workload {
    path: String,
    object: Value,
    namespace: String,
    name: String,
    revision: String,
    is_set: bool,
}

impl Workload {
    fn of(path: &str, object: Value) -> Self {
        let mut template = object["spec"]["template"].clone();
        template.sort_all_objects();
        let mut hasher = DefaultHasher::new();
        template.to_string().hash(&mut hasher);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        Self {
            path: path.to_owned(),
            namespace: object["metadata"]["namespace"].as_str().unwrap().to_owned(),
            revision: format!("{name}-{:x}", hasher.finish()),
            is_set: path.contains("/statefulsets/"),
            name,
            object,
        }
    }

    fn uid(&self) -> &Value {
        &self.object["metadata"]["uid"]
    }

    fn pods(&self, world: &World) -> Vec<(String, Value)> {
        find(world, "pods", |pod| owners(pod).iter().any(|owner| owner["uid"] == *self.uid()))
    }

    fn is_current(&self, pod: &Value) -> bool {
        pod["metadata"]["labels"]["controller-revision-hash"] == self.revision.as_str()
    }

    fn act(&self, world: &mut World) -> bool {
        self.adopt(world) || self.report(world) || self.scale(world) || self.make_claims(world) || self.replace(world)
    }

    /// Takes pods of its labels that have no owner.
    fn adopt(&self, world: &mut World) -> bool {
        let labels = self.object["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let selected = |pod: &Value| labels.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value);
        let orphans = find(world, "pods", |pod| owners(pod).is_empty() && selected(pod));
        let Some((path, _)) = orphans.first() else { return false };
        world.edit(path, |pod| pod["metadata"]["ownerReferences"] = json!([self.owner()]));
        true
    }

    fn owner(&self) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Workload", "name": self.name, "uid": self.uid(), "controller": true})
    }

    fn report(&self, world: &mut World) -> bool {
        let pods = self.pods(world);
        let ready = pods.iter().filter(|(_, pod)| is_ready(pod)).count();
        let current = pods.iter().filter(|(_, pod)| self.is_current(pod)).count();
        // A new object has no generation here.
        let generation = self.object["metadata"]["generation"].as_u64().unwrap_or(0);
        let status = if self.is_set {
            json!({"observedGeneration": generation, "replicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready,
                "updatedReplicas": current, "currentRevision": self.revision, "updateRevision": self.revision})
        } else {
            json!({"observedGeneration": generation, "desiredNumberScheduled": self.wanted(world).len(),
                "currentNumberScheduled": pods.len(), "numberReady": ready, "numberAvailable": ready, "updatedNumberScheduled": current})
        };
        if self.object["status"] == status {
            return false;
        }
        world.edit(&self.path, |object| object["status"] = status);
        true
    }

    /// The names of the pods that it wants.
    fn wanted(&self, world: &World) -> Vec<String> {
        if self.is_set {
            let replicas = self.object["spec"]["replicas"].as_u64().unwrap_or(1);
            return (0..replicas).map(|ordinal| format!("{}-{ordinal}", self.name)).collect();
        }
        let label = format!("tars.io/node.{}", self.namespace);
        let nodes = find(world, "nodes", |node| node["metadata"]["labels"].get(&label).is_some());
        nodes.iter().map(|(_, node)| format!("{}-x{}", self.name, node["metadata"]["name"].as_str().unwrap())).collect()
    }

    fn scale(&self, world: &mut World) -> bool {
        let (wanted, pods) = (self.wanted(world), self.pods(world));
        if self.is_ordered() && pods.iter().any(|(_, pod)| !is_ready(pod)) {
            return false;
        }
        let exists = |name: &String| pods.iter().any(|(_, pod)| pod["metadata"]["name"] == name.as_str());
        if let Some(name) = wanted.iter().find(|name| !exists(name)) {
            world.put(&format!("/api/v1/namespaces/{}/pods/{name}", self.namespace), self.make_pod(name));
            return true;
        }
        let surplus = pods.iter().rev().find(|(_, pod)| !wanted.iter().any(|name| pod["metadata"]["name"] == name.as_str()));
        surplus.is_some_and(|(path, _)| {
            world.remove(path);
            true
        })
    }

    /// Whether it waits for each pod before it goes on with the next one.
    fn is_ordered(&self) -> bool {
        self.object["spec"]["podManagementPolicy"] == "OrderedReady"
    }

    fn templates(&self) -> impl Iterator<Item = &Value> {
        self.object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten()
    }

    fn make_pod(&self, name: &str) -> Value {
        let mut pod = self.object["spec"]["template"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["namespace"] = json!(self.namespace);
        pod["metadata"]["creationTimestamp"] = json!("2030-01-01T00:00:00Z");
        pod["metadata"]["labels"]["controller-revision-hash"] = json!(self.revision);
        pod["metadata"]["ownerReferences"] = json!([self.owner()]);
        let mut volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        for template in self.templates() {
            let volume = &template["metadata"]["name"];
            let claim = format!("{}-{name}", volume.as_str().unwrap());
            volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
        }
        pod["spec"]["volumes"] = volumes.into();
        pod
    }

    fn make_claims(&self, world: &mut World) -> bool {
        let wanted = self.wanted(world);
        let pairs = wanted.iter().flat_map(|pod| self.templates().map(move |template| (pod, template)));
        let claims = pairs.map(|(pod, template)| (format!("{}-{pod}", template["metadata"]["name"].as_str().unwrap()), template));
        for (name, template) in claims {
            let path = format!("/api/v1/namespaces/{}/persistentvolumeclaims/{name}", self.namespace);
            if world.get(&path).is_none() {
                let mut claim = template.clone();
                claim["metadata"]["name"] = json!(name);
                claim["metadata"]["namespace"] = json!(self.namespace);
                claim["metadata"].as_object_mut().unwrap().remove("creationTimestamp");
                world.put(&path, claim);
                return true;
            }
        }
        false
    }

    /// Replaces the last pod of an earlier revision, once those after it are Ready. It never gives up a pod that it could not make again: of a
    /// pod that lacks a volume the StatefulSet controller only says that it cannot update it.
    fn replace(&self, world: &mut World) -> bool {
        let pods = self.pods(world);
        let has = |pod: &Value, claim: &str| {
            let mut volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
            volumes.any(|volume| volume["persistentVolumeClaim"]["claimName"] == claim)
        };
        let lacks = |pod: &Value| {
            let name = pod["metadata"]["name"].as_str().unwrap();
            self.templates().any(|template| !has(pod, &format!("{}-{name}", template["metadata"]["name"].as_str().unwrap())))
        };
        if pods.iter().any(|(_, pod)| lacks(pod)) {
            return false;
        }
        let down = |(_, pod): &&(String, Value)| !is_ready(pod);
        if self.is_ordered() && pods.iter().any(|pod| down(&pod)) {
            return false;
        }
        let next = pods.iter().rev().find(|pod| !self.is_current(&pod.1) || down(pod));
        let Some((path, _)) = next.filter(|(_, pod)| !self.is_current(pod)) else { return false };
        world.remove(path);
        true
    }
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
