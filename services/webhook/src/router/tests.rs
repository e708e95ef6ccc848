//! Calls the service in memory and over real TLS, beside an API server that knows one template and one configuration.

mod fuzz;

use super::*;
use axum::{body::Body as RawBody, http::StatusCode};
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use k8s_openapi::ByteString;
use kube::Client;
use serde_json::{Value, json};
use std::sync::Mutex;
use tars_kit::{connections::Limits, keeper::plan};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Path and body of each write that the API server got.
type Writes = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers as an API server does that has the template `ledger/root` and the live configuration `ledger/live`.
async fn api_server(request: axum::http::Request<kube::client::Body>, writes: Writes) -> axum::http::Response<RawBody> {
    let meta = |name: &str, labels: Value| {
        json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": name, "namespace": "ledger", "labels": labels, "resourceVersion": "7"},
        })
    };
    let live = || {
        let mut live = meta("live", json!({"tars.io/PodSeq": "m", "tars.io/Activated": "true"}));
        live["metadata"]["annotations"] = json!({"tars.io/ActivatedAt": "2999-01-01T00:00:00.000000Z"});
        live
    };
    let list = |items: Vec<Value>| json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "7"}, "items": items});
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if parts.uri.query().is_some_and(|query| query.contains("watch=")) {
        return std::future::pending().await;
    }
    if path == "/apis/authorization.k8s.io/v1/subjectaccessreviews" {
        let body = body.collect().await.unwrap().to_bytes();
        return answer_access_review(serde_json::from_slice(&body).unwrap());
    }
    if parts.method != axum::http::Method::GET {
        let body = body.collect().await.unwrap().to_bytes();
        writes.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
        return respond(200, &live());
    }
    match path.as_str() {
        "/apis/k8s.tars.io/v1beta3/ttemplates"
        | "/apis/k8s.tars.io/v1beta3/tframeworkconfigs"
        | "/apis/k8s.tars.io/v1beta3/namespaces/ledger/tservers" => respond(200, &list(Vec::new())),
        "/apis/k8s.tars.io/v1beta3/namespaces/ledger/ttemplates/root" => respond(200, &meta("root", json!({}))),
        "/apis/k8s.tars.io/v1beta3/namespaces/ledger/tconfigs" => respond(200, &list(vec![live()])),
        "/apis/k8s.tars.io/v1beta3/namespaces/broken/ttemplates/root" => respond(
            500,
            &json!({"kind": "Status", "status": "Failure", "code": 500, "message": "etcd is away", "reason": "InternalError"}),
        ),
        _ => respond(
            404,
            &json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found", "reason": "NotFound"}),
        ),
    }
}

/// `mender` may repair servers, and `root` may do anything.
fn answer_access_review(mut review: Value) -> axum::http::Response<RawBody> {
    let (user, verb) = (review["spec"]["user"].as_str(), review["spec"]["resourceAttributes"]["verb"].as_str());
    let allowed = user == Some("root") || (user, verb) == (Some("mender"), Some("repair"));
    review["metadata"] = json!({});
    review["status"] = json!({"allowed": allowed});
    respond(201, &review)
}

fn respond(status: u16, body: &Value) -> axum::http::Response<RawBody> {
    axum::http::Response::builder().status(status).body(RawBody::from(body.to_string())).unwrap()
}

/// Whether the lists of the whole cluster, with which caches begin, are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caches {
    Fill,
    StayEmpty,
}

fn start_service() -> (Router, Writes) {
    start_service_with(Caches::Fill)
}

fn start_service_with(caches: Caches) -> (Router, Writes) {
    let writes = Writes::default();
    let seen = writes.clone();
    let client = Client::new(
        tower::service_fn(move |request: axum::http::Request<kube::client::Body>| {
            let writes = seen.clone();
            let path = request.uri().path();
            let fills_cache = path.starts_with("/apis/k8s.tars.io/") && !path.contains("/namespaces/");
            async move {
                if fills_cache && caches == Caches::StayEmpty {
                    return std::future::pending().await;
                }
                Ok::<_, std::convert::Infallible>(api_server(request, writes).await)
            }
        }),
        "default",
    );
    let lookup = Lookup::start(client, &CancellationToken::new());
    (build_router(App::new(lookup, Metrics::register().0)), writes)
}

fn review(namespace: &str, resource: &str, operation: &str, object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "kind": {"group": "k8s.tars.io", "version": "v1beta3", "kind": "X"},
            "resource": {"group": "k8s.tars.io", "version": "v1beta3", "resource": resource},
            "name": object["metadata"]["name"], "namespace": namespace, "operation": operation,
            "userInfo": {"username": "somebody"}, "object": object, "oldObject": null, "dryRun": false,
        },
    })
}

fn template(parent: &str) -> Value {
    json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": {"name": "leaf"}, "spec": {"content": "", "parent": parent}})
}

fn config(name: &str) -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": name}, "app": "Ledger", "server": "Audit",
        "configName": "audit.conf", "configContent": "", "podSeq": "m", "activated": true,
    })
}

fn post(path: &str, body: impl Into<RawBody>) -> axum::http::Request<RawBody> {
    axum::http::Request::post(path).header("content-type", "application/json").body(body.into()).unwrap()
}

async fn call(router: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let response = router.clone().oneshot(post(path, body.to_string())).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn what_the_cache_does_not_know_is_asked_before_it_is_refused() {
    let (router, _) = start_service();
    let (status, answer) = call(&router, "/validating", &review("ledger", "ttemplates", "CREATE", &template("root"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    assert_eq!(answer["response"]["uid"], "u-1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let (_, answer) = call(&router, "/validating", &review("ledger", "ttemplates", "CREATE", &template("gone"))).await;
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert_eq!(answer["response"]["allowed"], false);
    assert!(message.starts_with("ttemplate ledger/gone not exists; .spec.parent names it"), "{message}");
}

/// A replica that has just started, or whose watches fail, asks the API server about single objects (docs/reference/admission.md#4.3).
#[tokio::test]
async fn a_replica_without_caches_refuses_nobody_for_what_it_does_not_know() {
    let (router, _) = start_service_with(Caches::StayEmpty);
    for (parent, allowed) in [("root", true), ("gone", false)] {
        for path in ["/mutating", "/validating"] {
            let (status, answer) = call(&router, path, &review("ledger", "ttemplates", "CREATE", &template(parent))).await;
            let expected = allowed || path == "/mutating";
            assert_eq!((status, &answer["response"]["allowed"]), (StatusCode::OK, &json!(expected)), "{path} {parent}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_question_without_answer_is_a_refusal_that_says_so() {
    let (router, _) = start_service();
    let (status, answer) = call(&router, "/validating", &review("broken", "ttemplates", "CREATE", &template("root"))).await;
    assert_eq!(status, StatusCode::OK);
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("cannot look up ttemplate in namespace broken: ") && message.contains("etcd is away"),
        "{message}"
    );
}

#[tokio::test]
async fn a_new_live_configuration_is_stamped_and_no_review_writes_anything() {
    let (router, writes) = start_service();
    let body = review("ledger", "tconfigs", "CREATE", &config("next"));
    let (_, answer) = call(&router, "/mutating", &body).await;
    let patch: ByteString = serde_json::from_value(answer["response"]["patch"].clone()).unwrap();
    let patch: Vec<Value> = serde_json::from_slice(&patch.0).unwrap();
    let added = |path: &str| patch.iter().find(|operation| operation["path"] == path).map(|operation| &operation["value"]);
    // The version before claims to have been activated in the year 2999.
    assert_eq!(added("/metadata/annotations").unwrap()["tars.io/ActivatedAt"], "2999-01-01T00:00:00.000001Z");
    assert_eq!(added("/metadata/finalizers"), Some(&json!(["tars.io/activation"])));
    let mut deletion = review("ledger", "tconfigs", "DELETE", &config("live"));
    deletion["request"]["oldObject"] = deletion["request"]["object"].take();
    deletion["request"]["name"] = json!("live");
    for body in [body, deletion] {
        let (_, answer) = call(&router, "/validating", &body).await;
        assert_eq!(answer["response"]["allowed"], true, "{answer}");
    }
    assert!(writes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_the_verb_repair_permits_to_change_objects_of_servers_by_hand() {
    let (router, _) = start_service();
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ledger-audit"}, "spec": {}});
    let mut body = review("ledger", "services", "CREATE", &service);
    body["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "services"});
    for user in ["somebody", "root"] {
        body["request"]["userInfo"]["username"] = json!(user);
        let (_, answer) = call(&router, "/validating", &body).await;
        assert_eq!(answer["response"]["allowed"], false, "{user}");
    }
    body["request"]["userInfo"]["username"] = json!("mender");
    let (_, answer) = call(&router, "/validating", &body).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let note = "mender changed service ledger/ledger-audit past its tserver, by the verb repair on tservers";
    assert_eq!(answer["response"]["auditAnnotations"]["repaired"], note);
    assert_eq!(
        answer["response"]["warnings"],
        json!(["service ledger/ledger-audit: the controller undoes what contradicts tserver ledger-audit"])
    );
}

/// Sends a body that is no review, and returns the status and the text.
async fn refuse(router: &Router, path: &str, body: impl Into<RawBody>) -> (StatusCode, String) {
    let response = router.clone().oneshot(post(path, body)).await.unwrap();
    let status = response.status();
    (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn what_is_no_review_is_answered_by_http() {
    let (router, _) = start_service();
    let mut older = review("ledger", "ttemplates", "CREATE", &template("root"));
    older["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let conversion =
        |request: Value| json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request});
    for (path, body, problem) in [
        ("/mutating", "{".to_owned(), "EOF"),
        ("/mutating", "{}".to_owned(), "missing field"),
        ("/mutating", "[".repeat(100_000), "invalid type"),
        ("/mutating", format!("{{\"request\":{{\"object\":{}", "{\"a\":".repeat(100_000)), "recursion limit"),
        ("/mutating", older.to_string(), "it is AdmissionReview of admission.k8s.io/v1beta1"),
        ("/validating", json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).to_string(), "it has no request"),
        ("/validating", conversion(json!({"uid": "u"})).to_string(), "missing field"),
        ("/validating", conversion(Value::Null).to_string(), "it is ConversionReview"),
        ("/conversion", json!({"kind": "ConversionReview"}).to_string(), "missing field"),
        ("/conversion", conversion(Value::Null).to_string(), "it has no request"),
        ("/conversion", conversion(json!({"uid": "u", "desiredAPIVersion": "v", "objects": 7})).to_string(), "invalid type"),
        ("/conversion", review("ledger", "ttemplates", "CREATE", &template("root")).to_string(), "missing field"),
    ] {
        let (status, text) = refuse(&router, path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}: {text}");
        assert!(text.starts_with("the body is not ") && text.contains(problem), "{problem}: {text}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_a_large_conversion_is_not() {
    let (router, _) = start_service();
    for (path, limit) in [("/mutating", ADMISSION_BODY), ("/conversion", CONVERSION_BODY)] {
        let (status, text) = refuse(&router, path, vec![b' '; limit + 1]).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(text, format!("the body is longer than {limit} bytes; send fewer or smaller objects"));
    }
    let object = json!({
        "apiVersion": "k8s.tars.io/v1beta2", "kind": "TServer", "metadata": {"name": "a", "annotations": {"big": "x".repeat(1 << 20)}},
    });
    let body = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "request": {"uid": "u-2", "desiredAPIVersion": "k8s.tars.io/v1beta3", "objects": vec![object; 10]},
    });
    let (status, answer) = call(&router, "/conversion", &body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["response"]["convertedObjects"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn half_sent_bodies_keep_nobody_out() {
    let (router, _) = start_service();
    let hostile: Vec<_> = (0..4 * ADMISSIONS)
        .map(|_| {
            let begun = stream::once(async { Ok::<_, std::convert::Infallible>(vec![b' '; 1 << 20]) });
            let body = RawBody::from_stream(begun.chain(stream::pending()));
            tokio::spawn(router.clone().oneshot(post("/mutating", body)))
        })
        .collect();
    tokio::task::yield_now().await;
    let body = review("ledger", "ttemplates", "CREATE", &template("root"));
    assert_eq!(call(&router, "/validating", &body).await.0, StatusCode::OK);
    for request in hostile {
        request.abort();
    }
}

#[tokio::test]
async fn the_audit_log_hears_which_rule_refused() {
    let (router, _) = start_service();
    for (namespace, resource, rule) in
        [("ledger", "ttemplates", "6.4.2"), ("broken", "ttemplates", "4.4"), ("ledger", "tgateways", "3.8")]
    {
        let parent = if namespace == "broken" { "root" } else { "gone" };
        let (_, answer) = call(&router, "/validating", &review(namespace, resource, "CREATE", &template(parent))).await;
        assert_eq!(answer["response"]["auditAnnotations"]["refused-by-rule"], rule, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_the_answer_is_not_now() {
    let writes = Writes::default();
    let client = Client::new(
        tower::service_fn(move |request| {
            let writes = writes.clone();
            async move { Ok::<_, std::convert::Infallible>(api_server(request, writes).await) }
        }),
        "default",
    );
    let app = App::new(Lookup::start(client, &CancellationToken::new()), Metrics::register().0);
    let router = build_router(app.clone());
    let places = app.admissions.acquire_many(u32::try_from(ADMISSIONS).unwrap()).await.unwrap();
    let body = review("ledger", "ttemplates", "CREATE", &template("root"));
    let response = router.clone().oneshot(post("/validating", body.to_string())).await.unwrap();
    assert_eq!((response.status(), &response.headers()["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap()));
    let conversion = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "request": {"uid": "u-2", "desiredAPIVersion": "k8s.tars.io/v1beta3", "objects": []},
    });
    assert_eq!(call(&router, "/conversion", &conversion).await.0, StatusCode::OK, "conversions have places of their own");
    drop(places);
    assert_eq!(call(&router, "/validating", &body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn reviews_are_answered_over_tls_to_those_who_trust_the_bundle() {
    tars_kit::crypto::install();
    let names = vec!["tars-webhook-service.tars-system.svc".to_owned()];
    let material = plan(None, &names, false, Timestamp::now()).unwrap().unwrap();
    let certificate = tars_kit::tls::ServingCertificate::default();
    let shown = material.to_served();
    let (cert, key) = shown.leaf();
    certificate.replace(cert.as_bytes(), key.as_bytes()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, router) = (CancellationToken::new(), start_service().0);
    let limits = Limits { linger: Duration::ZERO, ..Limits::default() };
    let server = tokio::spawn(tars_kit::tls::serve_within(limits, listener, router, certificate, stop.clone()));

    let stream = connect(address, &material.bundle()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = post("/validating", review("ledger", "ttemplates", "CREATE", &template("root")).to_string());
    request.headers_mut().insert("host", names[0].parse().unwrap());
    let answer = sender.send_request(request).await.unwrap();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    drop(sender);

    let other = plan(None, &names, false, Timestamp::now()).unwrap().unwrap();
    assert!(connect(address, &other.bundle()).await.is_err(), "another installation's authority is not trusted");
    stop.cancel();
    server.await.unwrap().unwrap();
}

/// Connects as an API server does: to an address, for the name of the Service. It trusts only `bundle`.
async fn connect(
    address: std::net::SocketAddr,
    bundle: &str,
) -> std::io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(cert.unwrap()).unwrap();
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("tars-webhook-service.tars-system.svc").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await?;
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
