//! Runs single passes of the keeper against an API server in memory.

mod cert_manager;
mod rotation;

use super::*;
use axum::http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tars_kit::keeper::Material;

const NAMESPACE: &str = "tars-system";
const SERVICE: &str = "tars-webhook-service";

/// The stored objects by their path, and the requests that are refused with 403.
#[derive(Default)]
struct World {
    objects: BTreeMap<String, Value>,
    forbidden: BTreeSet<(Method, String)>,
}

type Shared = Arc<Mutex<World>>;

impl World {
    fn serve(&mut self, method: &Method, path: &str, body: Value) -> (StatusCode, Value) {
        let failure = |code: StatusCode, reason: &str| {
            let body =
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(), "reason": reason});
            (code, body)
        };
        if self.forbidden.iter().any(|(verb, end)| verb == method && path.ends_with(end)) {
            return failure(StatusCode::FORBIDDEN, "Forbidden");
        }
        let mut path = path.to_owned();
        if method == Method::POST {
            path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
        } else if !self.objects.contains_key(&path) {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        }
        if method == Method::PATCH {
            merge(self.objects.get_mut(&path).unwrap(), &body);
        } else if method != Method::GET {
            self.objects.insert(path.clone(), body);
        }
        (StatusCode::OK, self.objects[&path].clone())
    }

    fn forbid(&mut self, method: Method, end: &str) {
        self.forbidden.insert((method, end.to_owned()));
    }
}

/// Merges as the API server does it; the items of lists are found by their names.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(target), Value::Array(patch)) => {
            for item in patch {
                for found in target.iter_mut().filter(|found| found["name"] == item["name"]) {
                    merge(found, item);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn connect(world: &Shared) -> Client {
    let world = world.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let world = world.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap_or(Value::Null);
            let (code, answer) = world.lock().unwrap().serve(&parts.method, parts.uri.path(), body);
            let response = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, std::io::Error>(response.unwrap())
        }
    });
    Client::new(service, NAMESPACE)
}

fn path(carrier: Carrier) -> String {
    let resource = match carrier {
        Carrier::Mutating => "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        Carrier::Validating => "admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        Carrier::Definition(_) => "apiextensions.k8s.io/v1/customresourcedefinitions",
    };
    format!("/apis/{resource}/{}", carrier.name())
}

fn secret_path() -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/secrets/{}", source::OWN_SECRET)
}

/// Builds a carrier that calls `service` and has no bundle yet.
fn build_carrier(carrier: Carrier, service: &str) -> Value {
    let config = json!({"service": {"name": service, "namespace": NAMESPACE}});
    let metadata = json!({"name": carrier.name()});
    match carrier {
        Carrier::Definition(_) => json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": metadata, "spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": config}}}}),
        _ => json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "Configuration",
            "metadata": metadata, "webhooks": [{"name": "ours", "clientConfig": config}]}),
    }
}

/// Makes a world with `carriers`, none of which has a bundle.
fn make_world(carriers: &[Carrier]) -> Shared {
    let objects = carriers.iter().map(|carrier| (path(*carrier), build_carrier(*carrier, SERVICE)));
    Arc::new(Mutex::new(World { objects: objects.collect(), ..World::default() }))
}

async fn make_keeper(world: &Shared) -> Keeper {
    Keeper {
        client: connect(world),
        namespace: NAMESPACE.to_owned(),
        service: SERVICE.to_owned(),
        issuer: Issuer::Keeper,
        certificate: ServingCertificate::default(),
        health: Health::new(&[CHECK_CERTIFICATE, CHECK_BUNDLES]).await,
        metrics: Metrics::register().0,
        reports: watch::channel(None).0,
    }
}

/// The bundles of `carrier`, one for each clause that calls our Service.
fn bundles(world: &Shared, carrier: Carrier) -> Vec<String> {
    let clauses = read_clauses(&world.lock().unwrap().objects[&path(carrier)], NAMESPACE, SERVICE);
    clauses.into_iter().map(|clause| clause.bundle).collect()
}

fn stored(world: &Shared) -> Served {
    let secret: Secret = serde_json::from_value(world.lock().unwrap().objects[&secret_path()].clone()).unwrap();
    Material::from_secret(&secret.data.unwrap()).unwrap().to_served()
}

#[tokio::test]
async fn a_missing_or_foreign_carrier_does_not_count() {
    for absent in Carrier::ALL {
        let world = make_world(&Carrier::ALL);
        let keeper = make_keeper(&world).await;
        let mut memory = Memory::default();
        let _ = keeper.run_pass(true, &mut memory, Timestamp::now()).await;
        assert!(keeper.health.is_ready(), "all carriers exist");
        world.lock().unwrap().objects.remove(&path(absent));
        let _ = keeper.run_pass(true, &mut memory, Timestamp::now()).await;
        assert!(keeper.health.is_ready(), "{} is missing", absent.name());
        world.lock().unwrap().objects.insert(path(absent), build_carrier(absent, "other-service"));
        let _ = keeper.run_pass(true, &mut memory, Timestamp::now()).await;
        assert!(keeper.health.is_ready(), "{} calls another Service", absent.name());
        world.lock().unwrap().objects.insert(path(absent), build_carrier(absent, SERVICE));
        let _ = keeper.run_pass(true, &mut memory, Timestamp::now()).await;
        assert_eq!(bundles(&world, absent), [stored(&world).bundle()], "{} came back", absent.name());
        assert!(keeper.health.is_ready());
    }
}

#[tokio::test]
async fn a_replica_that_nobody_calls_is_ready() {
    let world = make_world(&[]);
    let keeper = make_keeper(&world).await;
    let _ = keeper.run_pass(false, &mut Memory::default(), Timestamp::now()).await;
    assert_eq!(keeper.health.failing(), [CHECK_BUNDLES, CHECK_CERTIFICATE], "a follower has no certificate to serve yet");
    let _ = keeper.run_pass(true, &mut Memory::default(), Timestamp::now()).await;
    assert!(keeper.health.is_ready());
}

#[tokio::test]
async fn a_fresh_leader_serves_and_keeps_the_other_carriers_when_one_fails() {
    for broken in Carrier::ALL {
        for verb in [Method::PATCH, Method::GET] {
            let world = make_world(&Carrier::ALL);
            world.lock().unwrap().forbid(verb.clone(), &broken.name());
            let keeper = make_keeper(&world).await;
            let _ = keeper.run_pass(true, &mut Memory::default(), Timestamp::now()).await;
            assert!(keeper.certificate.is_loaded(), "{verb} {}", broken.name());
            assert!(keeper.health.is_ready(), "{verb} {}", broken.name());
            let others = Carrier::ALL.into_iter().filter(|carrier| carrier.name() != broken.name());
            for other in others {
                assert_eq!(bundles(&world, other), [stored(&world).bundle()], "{}", other.name());
            }
            assert_eq!(bundles(&world, broken), [""]);
        }
    }
}

#[tokio::test]
async fn a_fresh_replica_serves_the_stored_leaf_although_no_carrier_can_be_read() {
    let world = make_world(&Carrier::ALL);
    let _ = make_keeper(&world).await.run_pass(true, &mut Memory::default(), Timestamp::now()).await;
    for carrier in Carrier::ALL {
        world.lock().unwrap().forbid(Method::GET, &carrier.name());
    }
    let keeper = make_keeper(&world).await;
    let _ = keeper.run_pass(false, &mut Memory::default(), Timestamp::now()).await;
    assert!(keeper.certificate.is_loaded());
}

#[tokio::test]
async fn a_trusted_leaf_is_served_until_the_bundles_trust_its_successor() {
    let world = make_world(&Carrier::ALL);
    let (leader, follower) = (make_keeper(&world).await, make_keeper(&world).await);
    let (mut by_leader, mut by_follower) = (Memory::default(), Memory::default());
    let _ = leader.run_pass(true, &mut by_leader, Timestamp::now()).await;
    let _ = follower.run_pass(false, &mut by_follower, Timestamp::now()).await;
    let old = stored(&world);
    // Somebody deletes the Secret, and the new leader cannot write one of the bundles.
    world.lock().unwrap().objects.remove(&secret_path());
    for carrier in Carrier::ALL {
        world.lock().unwrap().forbid(Method::PATCH, &carrier.name());
    }
    let _ = leader.run_pass(true, &mut by_leader, Timestamp::now()).await;
    let _ = follower.run_pass(false, &mut by_follower, Timestamp::now()).await;
    assert!(stored(&world) != old);
    for memory in [&by_leader, &by_follower] {
        assert!(memory.served.as_ref().is_some_and(|served| served.leaf() == old.leaf()), "nobody trusts the new leaf yet");
    }
    world.lock().unwrap().forbidden.clear();
    let _ = leader.run_pass(true, &mut by_leader, Timestamp::now()).await;
    let _ = follower.run_pass(false, &mut by_follower, Timestamp::now()).await;
    for memory in [&by_leader, &by_follower] {
        assert!(memory.served.as_ref().is_some_and(|served| served.leaf() == stored(&world).leaf()));
    }
    assert!(leader.health.is_ready() && follower.health.is_ready());
}

#[tokio::test]
async fn a_leaf_that_has_ended_is_never_served() {
    let (world, mut now) = (make_world(&Carrier::ALL), Timestamp::now());
    let (leader, follower) = (make_keeper(&world).await, make_keeper(&world).await);
    let (mut by_leader, mut by_follower) = (Memory::default(), Memory::default());
    let _ = leader.run_pass(true, &mut by_leader, now).await;
    let first = world.lock().unwrap().objects[&secret_path()].clone();
    now += SignedDuration::from_hours(5 * 24);
    let _ = leader.run_pass(true, &mut by_leader, now).await;
    let _ = follower.run_pass(false, &mut by_follower, now).await;
    let renewed = stored(&world);

    // Somebody restores the Secret from a backup, and its leaf has ended by now.
    now += SignedDuration::from_hours(3 * 24);
    world.lock().unwrap().objects.insert(secret_path(), first);
    assert!(stored(&world).leaf_ends() < now && renewed.leaf_ends() > now);
    let _ = follower.run_pass(false, &mut by_follower, now).await;
    assert!(by_follower.served.as_ref().is_some_and(|served| served.leaf() == renewed.leaf()), "it serves the better one");
    let (fresh, mut by_fresh) = (make_keeper(&world).await, Memory::default());
    let _ = fresh.run_pass(false, &mut by_fresh, now).await;
    assert!(!fresh.health.is_ready() && !fresh.certificate.is_loaded(), "it waits for the leader");
    let _ = leader.run_pass(true, &mut by_leader, now).await;
    let _ = fresh.run_pass(false, &mut by_fresh, now).await;
    assert!(stored(&world).leaf_ends() > now && fresh.health.is_ready());
}

fn object(world: &Shared, kind: &str, name: &str) -> Option<Value> {
    world.lock().unwrap().objects.get(&format!("/api/v1/namespaces/{NAMESPACE}/{kind}/{name}")).cloned()
}

#[tokio::test]
async fn the_leader_keeps_the_leaves_of_the_other_components_and_publishes_the_authorities() {
    let world = make_world(&Carrier::ALL);
    let keeper = make_keeper(&world).await;
    let _ = keeper.run_pass(false, &mut Memory::default(), Timestamp::now()).await;
    assert_eq!(object(&world, "configmaps", "tars-ca"), None, "a follower writes nothing");
    assert!(keeper.run_pass(true, &mut Memory::default(), Timestamp::now()).await.unwrap());
    assert_eq!(object(&world, "configmaps", "tars-ca").unwrap()["data"], json!({"ca.crt": stored(&world).bundle()}));
    let leaves =
        || ["tars-controller-tls", "tars-agent-tls"].map(|name| object(&world, "secrets", name).unwrap()["data"].clone());
    let made = leaves();
    assert!(keeper.run_pass(true, &mut Memory::default(), Timestamp::now()).await.unwrap());
    assert_eq!(leaves(), made, "what is good stays");

    // With the authority, the leaves that it signed are of no use.
    world.lock().unwrap().objects.remove(&secret_path());
    assert!(keeper.run_pass(true, &mut Memory::default(), Timestamp::now()).await.unwrap());
    assert!(leaves().iter().zip(&made).all(|(new, old)| new["tls.crt"] != old["tls.crt"] && new["ca.crt"] != old["ca.crt"]));
}

#[tokio::test]
async fn a_leaf_that_cannot_be_stored_stops_nothing_else() {
    let world = make_world(&Carrier::ALL);
    world.lock().unwrap().forbid(Method::GET, "tars-controller-tls");
    let keeper = make_keeper(&world).await;
    assert!(!keeper.run_pass(true, &mut Memory::default(), Timestamp::now()).await.unwrap(), "the keeper tries again");
    assert!(keeper.health.is_ready());
    assert!(object(&world, "secrets", "tars-agent-tls").is_some() && object(&world, "configmaps", "tars-ca").is_some());
}
