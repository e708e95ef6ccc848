use super::*;
use crate::{
    engine::{
        fake::{Shared, World, client},
        metrics::Metrics,
    },
    run::assemble,
    tserver::fixtures,
};
use http::{HeaderMap, Response as Answer, header::AUTHORIZATION};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Mutex};
use tars_kit::{
    auth::{Guard, Rights},
    lease::{Elector, Timing},
};
use tars_proto::controller::v1::{Cause, DESCRIPTORS, State};
use tonic::Code;

const SERVERS: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tservers";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/tars/leases/lead";

/// The rights to all servers of the namespace `bank`.
const ALL: &[(&str, &str, &str)] = &[("list", "bank", ""), ("get", "bank", ""), ("update", "bank", "")];

/// A namespace `bank` with two servers: `ledger-audit` is ready, and `ledger-books` has no template.
fn world() -> Shared {
    let mut world = World::default();
    for (server, kind) in [("Audit", "subType: normal, normal: {}"), ("Books", "tars: { template: gone }")] {
        let spec =
            format!("{{ server: {server}, {kind}, release: {{ id: a, image: b, nodeImage: c }}, k8s: {{ replicas: 1 }} }}");
        let mut object = serde_json::to_value(fixtures::server(&spec)).unwrap();
        let name = format!("ledger-{}", server.to_lowercase());
        object["metadata"]["name"] = json!(name);
        world.put(&format!("{SERVERS}/{name}"), object);
    }
    let conditions = ["PodScheduled", "ContainersReady", "Ready"].map(|kind| json!({"type": kind, "status": "True"}));
    let labels = json!({"tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit"});
    let pod = json!({
        "metadata": {"name": "ledger-audit-0", "namespace": "bank", "labels": labels},
        "status": {"phase": "Running", "conditions": conditions},
    });
    world.put("/api/v1/namespaces/bank/pods/ledger-audit-0", pod);
    world.put(LEASE, json!({"metadata": {"name": "lead"}, "spec": {"holderIdentity": "other-pod_1"}}));
    Arc::new(Mutex::new(world))
}

/// The service of an instance that leads or not, whose caches are full or not.
fn serve(world: &Shared, leads: bool, full: bool) -> Control {
    let client = client(world);
    let elector = Elector::new(client.clone(), "tars", "lead", "this-pod_2".to_owned(), Timing::default());
    let fence = if leads { Fence::open() } else { elector.fence() };
    let (engine, servers) = assemble(client.clone(), Arc::new(Metrics::default()), 1, fence.clone());
    if full {
        world.lock().unwrap().tell(&engine);
    }
    Control::new(Arc::new(engine), servers, fence, Holder::new(client, "tars", "lead"))
}

/// A request of a user who may call every function, and who has these rights on TServers: verb, namespace, name. An empty name stands for
/// all.
async fn ask<T>(message: T, rights: &'static [(&str, &str, &str)]) -> Request<T> {
    let api_server = tower::service_fn(move |request: http::Request<Body>| async move {
        let path = request.uri().path().to_owned();
        let mut review: Value = serde_json::from_slice(&request.into_body().collect_bytes().await.unwrap()).unwrap();
        let asked = &review["spec"]["resourceAttributes"];
        let text = |field: &str| asked[field].as_str().unwrap_or_default();
        review["status"] = match path.rsplit('/').next().unwrap() {
            "tokenreviews" => json!({"authenticated": true, "user": {"username": "ann"}, "audiences": ["tars.io"]}),
            "localsubjectaccessreviews" => json!({"allowed": true}),
            _ => {
                assert_eq!((text("group"), text("resource")), ("k8s.tars.io", "tservers"));
                let may = |(verb, namespace, name): &(&str, &str, &str)| {
                    *verb == text("verb") && *namespace == text("namespace") && (name.is_empty() || *name == text("name"))
                };
                json!({"allowed": rights.iter().any(may)})
            }
        };
        Ok::<_, Infallible>(Answer::new(Body::from(review.to_string().into_bytes())))
    });
    let guard = Guard::new(Client::new(api_server, "tars"), "tars", tars_kit::auth::Metrics::default());
    let table = Rights::list(&[DESCRIPTORS], &ACCESS).unwrap();
    let headers: HeaderMap = [(AUTHORIZATION, "Bearer token".parse().unwrap())].into_iter().collect();
    let caller = guard.admit(&table, ACCESS[0].0, &headers).await.unwrap().unwrap();
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller);
    request
}

fn explain(namespace: &str, name: &str) -> ExplainRequest {
    ExplainRequest { namespace: namespace.to_owned(), name: name.to_owned() }
}

fn resync(namespace: &str, name: &str) -> ResyncRequest {
    ResyncRequest { namespace: namespace.to_owned(), name: name.to_owned() }
}

#[tokio::test]
async fn a_server_is_explained_by_an_instance_that_leads_or_not() {
    let world = world();
    for leads in [true, false] {
        let request = ask(explain("bank", "ledger-books"), &[("get", "bank", "ledger-books")]).await;
        let answer = serve(&world, leads, true).explain(request).await.unwrap().into_inner();
        assert_eq!((answer.leads, answer.left_out, answer.instance.is_empty()), (leads, 0, false));
        let [server] = answer.servers.as_slice() else { panic!("{answer:?}") };
        assert_eq!((server.name.as_str(), server.reason.as_str()), ("ledger-books", "TemplateMissing"));
        assert_eq!(server.children[0].name, "TemplateResolved");
    }
    assert!(world.lock().unwrap().writes.is_empty());
}

#[tokio::test]
async fn all_servers_of_a_namespace_have_a_line_and_the_bad_ones_are_first() {
    let request = ask(explain("bank", ""), &[("list", "bank", "")]).await;
    let servers = serve(&world(), false, true).explain(request).await.unwrap().into_inner().servers;
    let lines: Vec<_> = servers.iter().map(|one| (one.name.as_str(), one.reason.as_str(), one.children.len())).collect();
    assert_eq!(lines, [("ledger-books", "TemplateMissing", 1), ("ledger-audit", "Ready", 0)]);
    assert_eq!(servers.iter().map(Cause::state).collect::<Vec<_>>(), [State::Problem, State::Ok]);
}

#[tokio::test]
async fn nobody_is_told_what_they_may_not_read() {
    let service = serve(&world(), true, true);
    for (namespace, name, rights) in [
        ("bank", "ledger-audit", &[][..]),
        ("bank", "ledger-audit", &[("get", "bank", "ledger-books")]),
        ("bank", "ledger-audit", &[("get", "attic", "")]),
        ("bank", "no-such", &[("get", "bank", "ledger-books")]),
        ("bank", "", &[("get", "bank", "")]),
        ("nowhere", "", &[("list", "bank", "")]),
    ] {
        let status = service.explain(ask(explain(namespace, name), rights).await).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{namespace}/{name} {rights:?}");
        assert!(status.message().contains("\"ann\" may not"), "{status:?}");
    }
    for rights in [&[("get", "bank", "")][..], &[("update", "bank", "ledger-books")], &[("update", "attic", "")]] {
        let status = service.resync(ask(resync("bank", "ledger-audit"), rights).await).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{rights:?}");
    }
    let status = service.resync(ask(resync("bank", ""), &[("update", "bank", "ledger-audit")]).await).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "the right to one server is none to all");
    let status = service.explain(Request::new(explain("bank", "ledger-audit"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "a call that no guard has seen");
}

#[tokio::test]
async fn unknown_names_and_texts_that_are_no_names_are_told_apart() {
    let service = serve(&world(), true, true);
    for (namespace, name, code) in [
        ("bank", "no-such", Code::NotFound),
        ("", "ledger-audit", Code::InvalidArgument),
        ("Bank", "ledger-audit", Code::InvalidArgument),
        ("bank", "Ledger_Audit", Code::InvalidArgument),
        ("bank", "../secrets", Code::InvalidArgument),
    ] {
        let (explained, compared) = (explain(namespace, name), resync(namespace, name));
        assert_eq!(service.explain(ask(explained, ALL).await).await.unwrap_err().code(), code, "{namespace}/{name}");
        assert_eq!(service.resync(ask(compared, ALL).await).await.unwrap_err().code(), code, "{namespace}/{name}");
    }
    let empty = serve(&world(), true, false);
    let status = empty.explain(ask(explain("bank", "ledger-audit"), ALL).await).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "a server that is not known yet is not unknown");
    assert_eq!(empty.resync(ask(resync("bank", ""), ALL).await).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_follower_names_the_leader_and_queues_nothing() {
    let service = serve(&world(), false, true);
    let status = service.resync(ask(resync("bank", ""), &[("update", "bank", "")]).await).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("\"other-pod_1\" does"), "{status:?}");
    assert!(service.engine.queue_of("tserver").is_empty());
}

#[tokio::test]
async fn the_leader_queues_each_server_and_accepts_one_namespace_at_a_time() {
    let service = serve(&world(), true, true);
    let answer = service.resync(ask(resync("bank", ""), ALL).await).await.unwrap().into_inner();
    assert_eq!(answer.queued, 2);
    assert_eq!(service.engine.queue_of("tserver").len(), 2);
    let again = service.resync(ask(resync("bank", ""), ALL).await).await.unwrap_err();
    assert_eq!(again.code(), Code::ResourceExhausted);
    let one = service.resync(ask(resync("bank", "ledger-audit"), ALL).await).await.unwrap().into_inner();
    assert_eq!(one.queued, 1, "one more by name is no load");
}

#[tokio::test]
async fn an_answer_has_a_bound_and_says_how_many_are_left_out() {
    let world = world();
    let spec = "{ server: Books, subType: normal, normal: {}, k8s: {} }";
    let mut object = serde_json::to_value(fixtures::server(spec)).unwrap();
    for number in 0..MOST_SERVERS {
        object["metadata"]["name"] = json!(format!("ledger-{number}"));
        world.lock().unwrap().put(&format!("{SERVERS}/ledger-{number}"), object.clone());
    }
    let answer = serve(&world, true, true).explain(ask(explain("bank", ""), ALL).await).await.unwrap().into_inner();
    assert_eq!((answer.servers.len(), answer.left_out), (MOST_SERVERS, 2));
    assert!(answer.servers.iter().all(|one| one.state() != State::Ok), "the one that is well is left out");
}

#[tokio::test]
async fn a_replica_that_explains_enough_already_says_so() {
    let service = serve(&world(), true, true);
    let places = service.explanations.acquire_many(4).await.unwrap();
    let busy = service.explain(ask(explain("bank", ""), ALL).await).await.unwrap_err();
    assert_eq!(busy.code(), Code::ResourceExhausted);
    drop(places);
    assert!(service.explain(ask(explain("bank", ""), ALL).await).await.is_ok());
}
