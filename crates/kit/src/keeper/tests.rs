//! Runs single passes of the keeper against an API server in memory.

use super::*;
use http::{Method, Request, Response, StatusCode};
use jiff::SignedDuration;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::client::Body;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

type Shared = Arc<Mutex<BTreeMap<String, Value>>>;

fn connect(objects: &Shared) -> Client {
    let objects = objects.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let objects = objects.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body: Value = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap_or(Value::Null);
            let mut objects = objects.lock().unwrap();
            let mut path = parts.uri.path().to_owned();
            if parts.method == Method::POST {
                path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
            }
            if parts.method != Method::GET {
                objects.insert(path.clone(), body);
            }
            let missing = json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"});
            let (code, answer) = objects.get(&path).map_or((StatusCode::NOT_FOUND, &missing), |found| (StatusCode::OK, found));
            Ok::<_, Infallible>(Response::builder().status(code).body(Body::from(answer.to_string().into_bytes())).unwrap())
        }
    });
    Client::new(service, "tars")
}

fn make_keeper(objects: &Shared) -> Keeper {
    Keeper {
        client: connect(objects),
        namespace: "tars".to_owned(),
        authority: "tars-registry-ca",
        leaf: "tars-registry-tls",
        host: "tars-tarsregistry",
        lease: "tars-registry",
        issuer: Issuer::Keeper,
    }
}

async fn pass(keeper: &Keeper, now: Timestamp) {
    keeper.run_pass(&Store::new(keeper.client.clone(), "tars"), now).await.unwrap();
}

fn read_secret(objects: &Shared, name: &str) -> BTreeMap<String, ByteString> {
    let object = objects.lock().unwrap()[&format!("/api/v1/namespaces/tars/secrets/{name}")].clone();
    serde_json::from_value::<Secret>(object).unwrap().data.unwrap()
}

fn read_bundle(objects: &Shared) -> String {
    objects.lock().unwrap()["/api/v1/namespaces/tars/configmaps/tars-ca"]["data"]["ca.crt"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_fresh_installation_gets_an_authority_a_leaf_and_a_place_that_tells_whom_to_trust() {
    let objects = Shared::default();
    let (keeper, now) = (make_keeper(&objects), Timestamp::now());
    pass(&keeper, now).await;
    let material = Material::from_secret(&read_secret(&objects, "tars-registry-ca")).unwrap();
    assert!(material.to_served().is_trusted_by(&read_bundle(&objects)));
    let leaf = read_secret(&objects, "tars-registry-tls");
    assert_eq!(leaf.keys().collect::<Vec<_>>(), ["ca.crt", "tls.crt", "tls.key"], "the key of the authority is elsewhere");
    assert_eq!(leaf["tls.crt"].0, material.to_served().leaf().0.as_bytes());

    let before = objects.lock().unwrap().clone();
    pass(&keeper, now).await;
    assert_eq!(*objects.lock().unwrap(), before, "then nothing is written");

    objects.lock().unwrap().retain(|path, _| path.ends_with("tars-registry-ca"));
    pass(&keeper, now).await;
    assert_eq!(*objects.lock().unwrap(), before, "what is deleted comes back");
}

#[tokio::test]
async fn a_new_authority_is_published_long_before_it_signs() {
    let objects = Shared::default();
    let (keeper, mut now) = (make_keeper(&objects), Timestamp::now());
    pass(&keeper, now).await;
    let mut authorities = 0;
    // Two years, in which the authority is replaced at least twice.
    for _ in 0..730 {
        let trusted = read_bundle(&objects);
        now += SignedDuration::from_hours(24);
        pass(&keeper, now).await;
        let material = Material::from_secret(&read_secret(&objects, "tars-registry-ca")).unwrap();
        assert!(material.to_served().is_trusted_by(&trusted), "clients that read the authorities a day ago trust the leaf");
        assert!(material.to_served().leaf_ends() > now);
        authorities += usize::from(!trusted.contains(read_bundle(&objects).trim()));
    }
    assert!(authorities >= 2, "{authorities}");
}

#[tokio::test]
async fn the_authority_of_cert_manager_is_published_beside_the_one_before() {
    let objects = Shared::default();
    let (keeper, now) = (make_keeper(&objects), Timestamp::now());
    pass(&keeper, now).await;
    let ours = read_bundle(&objects);
    let keeper = Keeper { issuer: Issuer::CertManager, ..keeper };
    let names = ["tars-tarsregistry.tars.svc".to_owned()];
    let issued = plan(None, &names, false, now).unwrap().unwrap();
    let secret = json!({"metadata": {"name": "tars-registry-tls"}, "data": issued.to_leaf_secret()});
    objects.lock().unwrap().insert("/api/v1/namespaces/tars/secrets/tars-registry-tls".to_owned(), secret);
    let before = objects.lock().unwrap().len();
    for _ in 0..2 {
        pass(&keeper, now).await;
        assert_eq!(read_bundle(&objects), format!("{ours}{}", issued.bundle()));
    }
    assert_eq!(read_secret(&objects, "tars-registry-tls"), issued.to_leaf_secret(), "cert-manager alone writes it");
    assert_eq!(objects.lock().unwrap().len(), before);
    pass(&keeper, now + SignedDuration::from_hours(366 * 24)).await;
    assert_eq!(read_bundle(&objects), issued.bundle(), "an authority that has ended goes");

    objects.lock().unwrap().insert(
        "/api/v1/namespaces/tars/secrets/tars-registry-tls".to_owned(),
        json!({"metadata": {"name": "tars-registry-tls"}, "data": {"tls.crt": "", "tls.key": ""}}),
    );
    let error = keeper.run_pass(&Store::new(keeper.client.clone(), "tars"), now).await.unwrap_err().to_string();
    assert!(error.starts_with("the Secret tars-registry-tls is of no use: it has no usable ca.crt:"), "{error}");
}
