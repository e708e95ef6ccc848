use super::{
    cache::{FRESH_NO, FRESH_YES, PLACES, USABLE_YES},
    *,
};
use http::{Request, Response, StatusCode, header::HeaderName};
use kube::client::Body;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tonic::Code;

const READ: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const OPEN: &str = "/grpc.health.v1.Health/Check";

/// An API server that knows some tokens and the rights of their users.
#[derive(Default)]
struct Cluster {
    /// The reason why it does not answer.
    away: Mutex<Option<StatusCode>>,
    /// The user of each good token, and whether it may read.
    users: Mutex<Vec<(&'static str, &'static str, bool)>>,
    identifications: AtomicUsize,
    permissions: AtomicUsize,
}

impl Cluster {
    fn with(users: &[(&'static str, &'static str, bool)]) -> Arc<Self> {
        Arc::new(Self { users: Mutex::new(users.to_vec()), ..Self::default() })
    }

    fn guard(self: &Arc<Self>) -> Guard {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move {
                // Others come along while a question is under way.
                tokio::time::sleep(Duration::from_millis(20)).await;
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect_bytes().await.unwrap();
                Ok::<_, Infallible>(cluster.answer(&path, &serde_json::from_slice(&body).unwrap()))
            }
        });
        Guard::new(Client::new(service, "tars"), "tars", Metrics::default())
    }

    fn answer(&self, path: &str, question: &Value) -> Response<Body> {
        if let Some(code) = *self.away.lock().unwrap() {
            return respond(code, &json!({"kind": "Status", "status": "Failure", "message": "away", "code": code.as_u16()}));
        }
        let users = self.users.lock().unwrap();
        let status = match path {
            "/apis/authentication.k8s.io/v1/tokenreviews" => {
                self.identifications.fetch_add(1, Ordering::Relaxed);
                assert_eq!(question["spec"]["audiences"], json!(["tars.io"]));
                match users.iter().find(|(token, ..)| question["spec"]["token"] == *token) {
                    Some((_, "nobody's audience", _)) => {
                        json!({"authenticated": true, "user": {"username": "x"}, "audiences": []})
                    }
                    Some((_, user, _)) => json!({"authenticated": true, "user": {"username": user}, "audiences": ["tars.io"]}),
                    None => json!({"error": "unknown token"}),
                }
            }
            "/apis/authorization.k8s.io/v1/subjectaccessreviews" => {
                self.permissions.fetch_add(1, Ordering::Relaxed);
                let asked = &question["spec"]["resourceAttributes"];
                assert_eq!((&asked["group"], &asked["verb"]), (&json!("example.com"), &json!("get")));
                let whole = asked.get("name").is_none();
                json!({"allowed": asked["namespace"] == "desk" && (whole || asked["name"] == "memo")})
            }
            "/apis/authorization.k8s.io/v1/namespaces/tars/localsubjectaccessreviews" => {
                self.permissions.fetch_add(1, Ordering::Relaxed);
                let spec = &question["spec"];
                let asked = json!({"group": "grpc.tars.io", "resource": "reflection", "verb": "get", "namespace": "tars"});
                assert_eq!(spec["resourceAttributes"], asked);
                json!({"allowed": users.iter().any(|(_, user, may)| *may && spec["user"] == *user)})
            }
            _ => panic!("nobody asks {path}"),
        };
        let mut answer = question.clone();
        answer["status"] = status;
        respond(StatusCode::CREATED, &answer)
    }

    fn count(&self) -> (usize, usize) {
        (self.identifications.load(Ordering::Relaxed), self.permissions.load(Ordering::Relaxed))
    }
}

fn respond(code: StatusCode, body: &Value) -> Response<Body> {
    Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap()
}

async fn call(guard: &Guard, path: &str, token: Option<&str>) -> Result<Option<String>, (Code, String)> {
    let rights = Rights::list(&[], &[]).unwrap();
    let header = |token: &str| (HeaderName::from_static("authorization"), format!("Bearer {token}").parse().unwrap());
    let headers: HeaderMap = token.map(header).into_iter().collect();
    let admitted = guard.admit(&rights, path, &headers).await;
    admitted
        .map(|caller| caller.map(|caller| caller.name().to_owned()))
        .map_err(|status| (status.code(), status.message().to_owned()))
}

#[tokio::test(start_paused = true)]
async fn each_refusal_says_why_and_what_to_do() {
    let cluster = Cluster::with(&[("good", "reader", true), ("poor", "guest", false), ("foreign", "nobody's audience", true)]);
    let guard = cluster.guard();
    assert_eq!(call(&guard, OPEN, None).await, Ok(None));
    assert_eq!(cluster.count(), (0, 0), "nobody is asked about an open function");
    assert_eq!(call(&guard, READ, Some("good")).await, Ok(Some("reader".to_owned())));

    let command = "kubectl create token tars-view -n tars --audience=tars.io";
    for (path, token, code, words) in [
        (READ, None, Code::Unauthenticated, command),
        (READ, Some(""), Code::Unauthenticated, command),
        (READ, Some("bad"), Code::Unauthenticated, "(unknown token)"),
        (READ, Some("foreign"), Code::Unauthenticated, "for the audience tars.io"),
        (
            READ,
            Some("poor"),
            Code::PermissionDenied,
            "\"guest\" may not get the resource reflection of the API group grpc.tars.io in namespace tars",
        ),
        ("/a.B/C", Some("good"), Code::Unimplemented, "/a.B/C is not a function of this service"),
    ] {
        let (found, text) = call(&guard, path, token).await.unwrap_err();
        assert!(found == code && text.contains(words), "{path} with {token:?}: {found:?} {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_asked_for_once_and_again_after_a_while() {
    let cluster = Cluster::with(&[("good", "reader", true), ("poor", "guest", false)]);
    let guard = cluster.guard();
    let calls = futures::future::join_all((0..50).map(|_| call(&guard, READ, Some("good")))).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(cluster.count(), (1, 1), "50 callers with one token wait for one answer");

    assert!(call(&guard, READ, Some("poor")).await.is_err());
    cluster.users.lock().unwrap()[1].2 = true;
    assert!(call(&guard, READ, Some("poor")).await.is_err());
    tokio::time::advance(FRESH_NO).await;
    assert!(call(&guard, READ, Some("poor")).await.is_ok(), "a new right is seen soon");

    cluster.users.lock().unwrap().remove(0);
    assert!(call(&guard, READ, Some("good")).await.is_ok());
    tokio::time::advance(FRESH_YES).await;
    assert_eq!(call(&guard, READ, Some("good")).await.unwrap_err().0, Code::Unauthenticated, "a deleted account is seen later");
}

#[tokio::test(start_paused = true)]
async fn known_callers_are_served_without_an_api_server_and_unknown_ones_wait() {
    let cluster = Cluster::with(&[("good", "reader", true), ("new", "reader", true), ("poor", "guest", false)]);
    let guard = cluster.guard();
    assert!(call(&guard, READ, Some("good")).await.is_ok());
    assert!(call(&guard, READ, Some("poor")).await.is_err());
    // An account that may not ask is as bad as an API server that does not answer.
    for away in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::FORBIDDEN] {
        *cluster.away.lock().unwrap() = Some(away);
        tokio::time::advance(FRESH_YES).await;
        assert!(call(&guard, READ, Some("good")).await.is_ok());
        assert_eq!(call(&guard, READ, Some("new")).await.unwrap_err().0, Code::Unavailable);
        assert_eq!(call(&guard, READ, Some("poor")).await.unwrap_err().0, Code::Unavailable, "a no is not kept for long");
        assert!(call(&guard, OPEN, None).await.is_ok());
    }
    tokio::time::advance(USABLE_YES).await;
    assert_eq!(call(&guard, READ, Some("good")).await.unwrap_err().0, Code::Unavailable, "a yes does not last for ever");

    *cluster.away.lock().unwrap() = None;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(call(&guard, READ, Some("new")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_silent_costs_one_deadline_and_not_one_for_each_call() {
    let service = tower::service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let guard = Guard::new(Client::new(service, "tars"), "tars", Metrics::default());
    let begun = tokio::time::Instant::now();
    let calls = futures::future::join_all((0..200).map(|_| call(&guard, READ, Some("good")))).await;
    assert!(calls.iter().all(|call| call.as_ref().is_err_and(|(code, _)| *code == Code::Unavailable)));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_of_no_use_after_its_end() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let end = jiff::Timestamp::now().as_second() + 60;
    let token: &'static str = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(json!({"exp": end}).to_string())).leak();
    let cluster = Cluster::with(&[(token, "reader", true)]);
    let guard = cluster.guard();
    assert!(call(&guard, READ, Some(token)).await.is_ok());
    cluster.users.lock().unwrap().clear();
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(call(&guard, READ, Some(token)).await.unwrap_err().0, Code::Unauthenticated);
    *cluster.away.lock().unwrap() = Some(StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::advance(FRESH_NO).await;
    assert_eq!(call(&guard, READ, Some(token)).await.unwrap_err().0, Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_worthless_tokens_makes_no_caller_unknown() {
    let cluster = Cluster::with(&[("good", "reader", true)]);
    let guard = cluster.guard();
    assert!(call(&guard, READ, Some("good")).await.is_ok());
    let flood = (0..2 * PLACES.get()).map(|number| {
        let guard = &guard;
        async move { call(guard, READ, Some(&format!("bad{number}"))).await }
    });
    for chunk in futures::future::join_all(flood).await {
        assert!(chunk.is_err());
    }
    assert_eq!(guard.0.callers.count(), (1, PLACES.get()), "what is kept has a bound");
    *cluster.away.lock().unwrap() = Some(StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::advance(FRESH_YES).await;
    assert!(call(&guard, READ, Some("good")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_asked_about_for_each_object_once_for_a_while() {
    let cluster = Cluster::with(&[("good", "reader", true)]);
    let guard = cluster.guard();
    let rights = Rights::list(&[], &[]).unwrap();
    let headers: HeaderMap = [(AUTHORIZATION, "Bearer good".parse().unwrap())].into_iter().collect();
    let caller = guard.admit(&rights, READ, &headers).await.unwrap().unwrap();
    let right = |namespace: &str, name: &str| ObjectRight {
        verb: "get",
        group: "example.com",
        resource: "memos",
        namespace: namespace.into(),
        name: name.into(),
    };
    for name in ["memo", "", "memo"] {
        caller.check(&right("desk", name)).await.unwrap();
    }
    assert_eq!(cluster.count(), (1, 3), "one question about the function, and one about each object");
    for (namespace, name) in [("desk", "diary"), ("attic", "memo"), ("attic", "")] {
        assert_eq!(caller.check(&right(namespace, name)).await.unwrap_err().code(), Code::PermissionDenied, "{namespace}/{name}");
    }
    let text = caller.check(&right("attic", "memo")).await.unwrap_err().message().to_owned();
    assert!(text.starts_with("\"reader\" may not get memos.example.com \"memo\" in namespace attic; "), "{text}");
    *cluster.away.lock().unwrap() = Some(StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::advance(FRESH_YES).await;
    assert!(caller.check(&right("desk", "memo")).await.is_ok(), "what was allowed is so while the API server is away");
    assert_eq!(caller.check(&right("attic", "memo")).await.unwrap_err().code(), Code::Unavailable);
}
