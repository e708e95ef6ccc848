//! Checks lists, watches, failures and recovery of the service against an API server in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic, too")]

mod support;

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::metrics;
use tars_proto::registry::v1::{Protocol, ResolveRequest, ResolveResponse, Source, Transport, name_service_server::NameService};
use tarsregistry::{
    grpc::Resolver,
    index::{Index, Resolution, Writer},
    metrics::Contacts,
    watch,
};
use tokio::sync::{mpsc, watch as cell};
use tonic::Code;

type Events = mpsc::UnboundedSender<Value>;
type Answer = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// An API server with prepared lists, and with watches that the tests feed.
#[derive(Clone, Default)]
struct Lists(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The answers to lists of `TEndpoint`s. The last answer is repeated.
    endpoints: VecDeque<(u16, Value)>,
    templates: Vec<Value>,
    requests: Vec<String>,
    /// The open watch of `TEndpoint`s.
    watch: Option<Events>,
}

impl Lists {
    fn client(&self) -> Client {
        let lists = self.clone();
        Client::new(tower::service_fn(move |request| std::future::ready(Ok::<_, Infallible>(lists.answer(&request)))), "tars")
    }

    fn answer(&self, request: &Request<Body>) -> Response<Answer> {
        let mut state = self.0.lock().unwrap();
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        state.requests.push(format!("{path}?{query}"));
        let plural = path.rsplit('/').next().unwrap();
        if query.contains("watch=true") {
            let (sender, receiver) = mpsc::unbounded_channel::<Value>();
            // A watch ends when its sender is dropped. The watches of other kinds keep their sender in their own stream.
            let keep = if plural == "tendpoints" {
                state.watch = Some(sender);
                None
            } else {
                Some(sender)
            };
            let lines = stream::unfold((receiver, keep), |(mut receiver, keep)| async move {
                let event = receiver.recv().await?;
                Some((Ok::<_, Infallible>(Frame::data(Bytes::from(format!("{event}\n")))), (receiver, keep)))
            });
            return Response::new(StreamBody::new(lines.boxed()));
        }
        let list = |items: &Value| json!({"kind": "List", "metadata": {"resourceVersion": "7"}, "items": items});
        let (code, body) = match plural {
            "tendpoints" if state.endpoints.len() > 1 => state.endpoints.pop_front().unwrap(),
            "tendpoints" => state.endpoints[0].clone(),
            "ttemplates" => (200, json!(state.templates)),
            _ => (200, json!([])),
        };
        let body = if code == 200 { list(&body) } else { json!({"kind": "Status", "message": "no", "code": code}) };
        let whole = stream::iter([Ok(Frame::data(Bytes::from(body.to_string())))]).boxed();
        Response::builder().status(code).body(StreamBody::new(whole)).unwrap()
    }

    fn send(&self, kind: &str, object: &Value) {
        let state = self.0.lock().unwrap();
        state.watch.as_ref().unwrap().send(json!({"type": kind, "object": object})).unwrap();
    }

    fn count(&self, wanted: &str) -> usize {
        self.0.lock().unwrap().requests.iter().filter(|request| request.contains(wanted)).count()
    }
}

fn endpoint(name: &str, present: &str) -> Value {
    json!({
        "metadata": {"name": name, "resourceVersion": "8", "managedFields": [{"fieldsV1": {"f:spec": {}}}]},
        "spec": {"app": "x", "tars": {"template": "t", "servants": [{"name": "Obj", "port": 1}]}},
        "status": {"pods": [{"name": format!("{name}-0"), "settingState": "Active", "presentState": present,
            "containerStatuses": [{"name": "c"}]}]},
    })
}

struct Bed {
    lists: Lists,
    index: Index,
    synced: cell::Receiver<bool>,
    names: Resolver,
}

impl Bed {
    fn start(endpoints: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let lists = Lists::default();
        lists.0.lock().unwrap().endpoints = endpoints.into_iter().collect();
        let index = Index::default();
        let (sender, synced) = cell::channel(false);
        let (client, writer, metrics) = (lists.client(), Writer::new(index.clone()), metrics());
        let names = Resolver::new(index.clone(), metrics.clone(), synced.clone());
        tokio::spawn(async move { watch::run(client, Contacts::default(), "tars", writer, metrics, sender).await });
        Self { lists, index, synced, names }
    }

    async fn synced(&mut self) {
        let waiting = self.synced.wait_for(|synced| *synced);
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("lists complete").unwrap();
    }

    /// Waits until `holds` accepts the result of the lookup.
    async fn until(&self, what: &str, holds: impl Fn(Resolution<'_>) -> bool, id: &str) {
        let waiting = async {
            while !holds(self.index.load().resolve(id)) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "{what} did not come about");
    }

    async fn resolve(&self, id: &str) -> Result<ResolveResponse, tonic::Status> {
        let request = ResolveRequest { servant: id.to_owned() };
        self.names.resolve(tonic::Request::new(request)).await.map(tonic::Response::into_inner)
    }
}

fn is_active(found: Resolution<'_>) -> bool {
    found.answer().endpoints().is_ok_and(|(active, _)| active.len() == 1)
}

#[tokio::test]
async fn nothing_is_answered_before_every_list_is_complete_and_failures_do_not_count() {
    let mut bed = Bed::start([(500, json!(null)), (200, json!([endpoint("a-b", "Active")]))]);
    assert_eq!(bed.resolve("a.b.Obj").await.unwrap_err().code(), Code::Unavailable);
    bed.synced().await;
    assert_eq!(bed.lists.count("/tendpoints?"), 2 + bed.lists.count("/tendpoints?&watch=true"));
    assert!(bed.lists.count("fieldSelector=metadata.name%3Dtars-framework") > 0);
    assert!(bed.resolve("a.b.Obj").await.is_ok());
}

#[tokio::test]
async fn changes_are_followed_and_an_odd_object_stops_nothing() {
    let odd = json!({"metadata": {"name": "o-dd", "labels": [1]}, "spec": 5, "status": []});
    let mut bed = Bed::start([(200, json!([odd, endpoint("a-b", "Active")]))]);
    bed.synced().await;
    bed.until("the server of the list", is_active, "a.b.Obj").await;
    bed.until("the open watch", |_| bed.lists.0.lock().unwrap().watch.is_some(), "").await;
    bed.lists.send("MODIFIED", &json!({"metadata": {"name": "a-b", "resourceVersion": "9"}, "spec": {"tars": {"servants": {}}}}));
    bed.lists.send("ADDED", &endpoint("c-d", "Active"));
    bed.until("the new server", is_active, "c.d.Obj").await;
    assert!(is_active(bed.index.load().resolve("a.b.Obj")), "the last usable version stays");
    bed.lists.send("MODIFIED", &endpoint("c-d", "Deactivating"));
    bed.until("the inactive pod", |found| !is_active(found), "c.d.Obj").await;
    bed.lists.send("DELETED", &json!({"metadata": {"name": "a-b", "resourceVersion": "10"}, "spec": 5}));
    bed.until("the deletion", |found| matches!(found, Resolution::Unknown), "a.b.Obj").await;
}

#[tokio::test]
async fn a_watch_that_ends_or_fails_is_taken_up_again_and_the_old_state_is_served_meanwhile() {
    let mut bed = Bed::start([(200, json!([endpoint("a-b", "Active")])), (200, json!([endpoint("c-d", "Active")]))]);
    bed.synced().await;
    let watching = || bed.lists.0.lock().unwrap().watch.as_ref().is_some_and(|watch| !watch.is_closed());
    bed.until("the open watch", |_| watching(), "").await;
    // The API server ends the watch.
    bed.lists.0.lock().unwrap().watch = None;
    bed.until("the watch again", |_| watching(), "").await;
    bed.lists.send("ADDED", &endpoint("e-f", "Active"));
    bed.until("the server of the second watch", is_active, "e.f.Obj").await;
    // The version is too old. So everything is listed anew, and a server that is not in the list is gone.
    let gone = json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"});
    bed.lists.send("ERROR", &gone);
    assert!(is_active(bed.index.load().resolve("a.b.Obj")));
    bed.until("the second list", is_active, "c.d.Obj").await;
    bed.until("the removal of the server", |found| matches!(found, Resolution::Unknown), "a.b.Obj").await;
}

#[tokio::test]
async fn resolve_tells_what_is_known_and_why_something_is_not() {
    let mut bed = Bed::start([(200, json!([endpoint("a-b", "Active")]))]);
    bed.synced().await;
    bed.until("the server", is_active, "a.b.Obj").await;
    let found = bed.resolve("A.B.Obj").await.unwrap();
    assert_eq!((found.source(), found.revision > 0, found.inactive.len()), (Source::Cluster, true, 0));
    let endpoint = &found.active[0];
    assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.timeout_ms, endpoint.weight), ("a-b-0.a-b", 1, 60000, 0));
    assert_eq!((endpoint.transport(), endpoint.protocol()), (Transport::Tcp, Protocol::Tars));
    let own = bed.resolve("tars.tarsregistry.QueryObj").await.unwrap();
    assert_eq!((own.source(), own.active[0].port), (Source::Registry, 17890));
    for (id, code, words) in [
        ("A.B.obj", Code::NotFound, "has no servant \"obj\""),
        ("A.C.Obj", Code::NotFound, "does not exist here"),
        ("A.B", Code::InvalidArgument, "App.Server.ServantObj"),
    ] {
        let status = bed.resolve(id).await.unwrap_err();
        assert!(status.code() == code && status.message().contains(words), "{id}: {status}");
    }
}
