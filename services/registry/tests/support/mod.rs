//! Shared by the tests: an API server in memory, and a service on real sockets.

#![allow(dead_code, reason = "each test binary uses another part")]

pub mod golden;

use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tars::packet::{LENGTH_SIZE, Packet, ResponsePacket};
use tarsregistry::{
    index::{Change, Index, Writer},
    metrics::Metrics,
    readiness::{Pods, Reporter},
    run::{self, QUERY_ADAPTER, REGISTRY_ADAPTER},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// A request that the API server has received.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub content_type: String,
    pub body: String,
}

/// An API server that knows pods, and merges strategic patches of their conditions.
#[derive(Clone, Default)]
pub struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    pods: HashMap<String, Value>,
    seen: Vec<Seen>,
    /// The status codes of the next answers, in reverse order.
    failures: Vec<u16>,
    /// If there is a gate, each request waits for one of its permits.
    gate: Option<Arc<tokio::sync::Semaphore>>,
}

impl FakeApi {
    pub fn client(&self) -> Client {
        let state = self.clone();
        Client::new(tower::service_fn(move |request| state.clone().answer(request)), "tars")
    }

    pub fn put_pod(&self, name: &str, app: &str, server: &str, conditions: &Value) {
        let pod = json!({
            "metadata": {"name": name, "labels": {"tars.io/ServerApp": app, "tars.io/ServerName": server}},
            "status": {"conditions": conditions},
        });
        self.0.lock().unwrap().pods.insert(name.to_owned(), pod);
    }

    pub fn conditions(&self, pod: &str) -> Value {
        self.0.lock().unwrap().pods[pod]["status"]["conditions"].clone()
    }

    /// Makes the next requests fail with these codes.
    pub fn fail_next(&self, codes: &[u16]) {
        self.0.lock().unwrap().failures = codes.iter().rev().copied().collect();
    }

    /// Each request from now on takes a permit.
    pub fn hold(&self) -> Arc<tokio::sync::Semaphore> {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        self.0.lock().unwrap().gate = Some(Arc::clone(&gate));
        gate
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    pub fn patches(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method == Method::PATCH).collect()
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        let body = String::from_utf8(body.collect_bytes().await.unwrap().to_vec()).unwrap();
        let header = head.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let seen = Seen { method: head.method, path: head.uri.path().to_owned(), content_type: header.unwrap_or_default(), body };
        let gate = {
            let mut state = self.0.lock().unwrap();
            state.seen.push(seen.clone());
            state.gate.clone()
        };
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let (code, body) = self.0.lock().unwrap().decide(&seen);
        Ok(Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap())
    }
}

impl State {
    fn decide(&mut self, seen: &Seen) -> (u16, Value) {
        let status = |code: u16| (code, json!({"kind": "Status", "status": "Failure", "message": "made to fail", "code": code}));
        if let Some(code) = self.failures.pop() {
            return status(code);
        }
        let path = seen.path.strip_prefix("/api/v1/namespaces/tars/pods/").unwrap_or("");
        let Some(pod) = self.pods.get_mut(path.strip_suffix("/status").unwrap_or(path)) else { return status(404) };
        if seen.method == Method::PATCH {
            let wanted: Value = serde_json::from_str(&seen.body).unwrap();
            let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
            for wanted in wanted["status"]["conditions"].as_array().unwrap() {
                match conditions.iter_mut().find(|condition| condition["type"] == wanted["type"]) {
                    Some(condition) => condition.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone()),
                    None => conditions.push(wanted.clone()),
                }
            }
        }
        (200, pod.clone())
    }
}

/// Counters that no scrape shows.
pub fn metrics() -> Metrics {
    Metrics::new(&mut tars_kit::metrics::Registry::new("test", "0"))
}

/// Both Tars servants, listening on this machine.
pub struct Service {
    pub api: FakeApi,
    pub query: SocketAddr,
    pub registry: SocketAddr,
    pub stop: CancellationToken,
    pub done: tokio::task::JoinHandle<()>,
}

impl Service {
    pub async fn start(changes: impl IntoIterator<Item = Change>) -> Self {
        let index = Index::default();
        let mut writer = Writer::new(index.clone());
        for change in changes {
            writer.apply(change);
        }
        writer.publish();
        let api = FakeApi::default();
        let metrics = metrics();
        let reporter = Reporter::new(Pods::new(api.client(), "tars"), metrics.clone());
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let server = run::bind(any, any, &index, reporter, &metrics).await.unwrap();
        let (query, registry) = (server.local_addr(QUERY_ADAPTER).unwrap(), server.local_addr(REGISTRY_ADAPTER).unwrap());
        let stop = CancellationToken::new();
        let done = tokio::spawn(server.serve(stop.clone()));
        Self { api, query, registry, stop, done }
    }
}

/// A connection that sends and receives frames.
pub struct Wire(TcpStream);

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, frame: &[u8]) {
        self.0.write_all(frame).await.unwrap();
    }

    /// Receives the next frame, with its length. Returns `None` if the connection was closed.
    pub async fn receive(&mut self) -> Option<Vec<u8>> {
        let mut frame = vec![0; LENGTH_SIZE];
        self.0.read_exact(&mut frame).await.ok()?;
        let length = u32::from_be_bytes(frame[..LENGTH_SIZE].try_into().unwrap()) as usize;
        frame.resize(length, 0);
        self.0.read_exact(&mut frame[LENGTH_SIZE..]).await.ok()?;
        Some(frame)
    }

    pub async fn ask(&mut self, frame: &[u8]) -> Vec<u8> {
        self.send(frame).await;
        self.receive().await.expect("an answer")
    }

    pub async fn ask_hex(&mut self, request: &str) -> String {
        to_hex(&self.ask(&from_hex(request)).await)
    }
}

pub fn response(frame: &[u8]) -> ResponsePacket {
    ResponsePacket::read(&bytes::Bytes::copy_from_slice(&frame[LENGTH_SIZE..])).unwrap()
}

pub fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn endpoint(name: &str, tars: &Value, pods: &[(&str, &str)]) -> Change {
    let pods: Vec<_> =
        pods.iter().map(|(name, present)| json!({"name": name, "settingState": "Active", "presentState": present})).collect();
    let object = json!({"metadata": {"name": name}, "spec": {"tars": tars}, "status": {"pods": pods}});
    Change::Endpoint(serde_json::from_value(object).unwrap())
}

pub fn servant(name: &str, port: i32, is_tcp: bool) -> Value {
    json!({"name": name, "port": port, "thread": 3, "connection": 10000, "capacity": 10000, "timeout": 60000,
        "isTcp": is_tcp, "isTars": true})
}

pub fn template(name: &str, parent: &str, content: &str) -> Change {
    let object = json!({"metadata": {"name": name}, "spec": {"parent": parent, "content": content}});
    Change::Template(serde_json::from_value(object).unwrap())
}
