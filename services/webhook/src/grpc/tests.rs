use super::*;
use kube::{Client, client::Body};
use serde_json::json;
use std::convert::Infallible;
use tars_kit::keeper::plan;
use tars_proto::webhook::v1::Manifest;
use tokio_util::sync::CancellationToken;
use tonic::Code;

/// A cluster that has the template `base`, or that does not answer. Watches end at once.
fn start_service(alive: bool) -> Admission {
    let answer = move |request: axum::http::Request<Body>| async move {
        let path = request.uri().path().to_owned();
        let (status, body) = if path.ends_with("/ttemplates/base") && alive {
            let metadata = json!({"name": "base", "namespace": "ledger"});
            (200, json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata}))
        } else {
            let (code, reason) = if alive { (404, "NotFound") } else { (500, "InternalError") };
            (
                code,
                json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "message": "no", "reason": reason, "code": code}),
            )
        };
        let response = axum::http::Response::builder().status(status).body(Body::from(body.to_string().into_bytes()));
        Ok::<_, Infallible>(response.unwrap())
    };
    let client = Client::new(tower::service_fn(answer), "default");
    Admission::new(Lookup::start(client, &CancellationToken::new()), watch::channel(None).1)
}

fn template(name: &str, parent: &str) -> String {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": {"name": name},
        "spec": {"content": "", "parent": parent},
    })
    .to_string()
}

fn request(objects: &[String]) -> Request<LintRequest> {
    let manifests = objects.iter().map(|object| Manifest { object: object.clone(), live: String::new() }).collect();
    Request::new(LintRequest { namespace: "ledger".to_owned(), manifests })
}

#[tokio::test]
async fn manifests_are_judged_with_the_cluster_and_with_each_other() {
    let service = start_service(true);
    let answer = service.lint(request(&[template("leaf", "own"), template("own", "base")])).await.unwrap();
    assert_eq!(answer.into_inner().findings, []);
    let answer = service.lint(request(&[template("own", "base"), template("leaf", "gone")])).await.unwrap().into_inner();
    let [finding] = answer.findings.as_slice() else { panic!("{answer:?}") };
    assert_eq!((finding.manifest, finding.severity(), finding.rule.as_str()), (1, Severity::Error, "6.4.2"));
    assert_eq!((finding.field.as_str(), finding.problem.as_str()), ("spec.parent", "ttemplate ledger/gone not exists"));
    assert!(finding.remedy.contains("create it first"), "{finding:?}");
}

#[tokio::test]
async fn what_cannot_be_judged_is_refused_with_a_sentence() {
    let service = start_service(true);
    let code = |objects: Vec<String>| {
        let service = &service;
        async move { service.lint(request(&objects)).await.unwrap_err().code() }
    };
    for broken in ["", "no JSON", "[]", "null"] {
        assert_eq!(code(vec![broken.to_owned()]).await, Code::InvalidArgument, "{broken}");
    }
    assert_eq!(code(vec![template("a", "a"); MOST_MANIFESTS + 1]).await, Code::InvalidArgument);
    assert!(service.lint(request(&vec![template("a", "a"); MOST_MANIFESTS])).await.is_ok());
    for namespace in ["", "a/b", "../x"] {
        let refused = service.lint(Request::new(LintRequest { namespace: namespace.to_owned(), manifests: vec![] })).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument, "{namespace}");
    }
    let away = start_service(false);
    assert_eq!(away.lint(request(&[template("leaf", "gone")])).await.unwrap_err().code(), Code::Unavailable);
    let _places = service.lints.acquire_many(u32::try_from(LINTS).unwrap()).await.unwrap();
    assert_eq!(service.lint(request(&[])).await.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn certificates_are_reported_after_the_first_check() {
    let (sender, receiver) = watch::channel(None);
    let service = Admission { reports: receiver, ..start_service(true) };
    let ask = || service.certificate_status(Request::new(CertificateStatusRequest {}));
    assert_eq!(ask().await.unwrap_err().code(), Code::Unavailable);
    let now = Timestamp::now();
    let material = plan(None, &["webhook.tars-system.svc".to_owned()], false, now).unwrap().unwrap();
    let carriers =
        vec![("one".to_owned(), State::Trusting, None), ("two".to_owned(), State::Failing, Some("cannot read it".to_owned()))];
    let served = material.to_served().leaf().0.to_owned();
    sender.send_replace(Some(Report { served, authorities: material.bundle(), carriers, checked: now }));
    let status = ask().await.unwrap().into_inner();
    let served = status.served.unwrap();
    assert_eq!((served.names.as_slice(), served.fingerprint.len()), (["webhook.tars-system.svc".to_owned()].as_slice(), 64));
    assert_eq!(served.not_after.unwrap().seconds, material.to_served().leaf_ends().as_second());
    assert!(
        status.authorities.len() == 1 && status.authorities[0].subject.starts_with("CN=tars-ca "),
        "{:?}",
        status.authorities
    );
    assert_eq!(status.carriers[1].failure, "cannot read it");
    assert_eq!((status.carriers[0].state(), status.carriers[1].state()), (CarrierState::Trusting, CarrierState::Failing));
    assert_eq!(status.checked.unwrap().seconds, now.as_second());
}
