//! A proxy on loopback between the controller and a real API server. It does harm to one write.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use kube::Client;
use serde_json::json;
use std::{
    collections::HashMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Notify};

/// No request of the controller is larger.
const MOST_BYTES: usize = 4 << 20;

/// What happens to one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before the write arrives.
    CrashBefore,
    /// The process is killed before the answer of the write arrives.
    CrashAfter,
    /// The connection breaks before the write arrives.
    Lost,
    Conflict,
    TooMany,
    ServerError,
    /// The connection breaks before the answer of the write arrives.
    AnswerLost,
    /// The watches tell of the write before its answer arrives.
    AnswerLate,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Lost,
        Self::Conflict,
        Self::TooMany,
        Self::ServerError,
        Self::AnswerLost,
        Self::AnswerLate,
    ];
}

/// One write, counted among those of its method and path from 0, and what happens to it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub write: String,
    pub number: usize,
    pub fault: Fault,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at write {} of {}", self.fault, self.number, self.write)
    }
}

#[derive(Debug, Default)]
struct Traffic {
    /// The namespace whose objects count.
    namespace: String,
    writes: Vec<(String, usize)>,
    counts: HashMap<String, usize>,
    plan: Option<Plan>,
    down: bool,
}

pub struct Proxy {
    pub address: SocketAddr,
    traffic: Mutex<Traffic>,
    pub crashed: Notify,
    upstream: Client,
}

impl Proxy {
    /// Starts a proxy that passes everything on to the API server of `upstream`.
    pub async fn start(upstream: Client) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let proxy = Arc::new(Self { address, traffic: Mutex::default(), crashed: Notify::new(), upstream });
        let router = Router::new().fallback(pass_on).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(proxy)
    }

    /// Begins to count the writes to objects of `namespace`, of which `plan` hits one.
    pub fn begin(&self, namespace: &str, plan: Option<Plan>) {
        *self.traffic.lock().unwrap() = Traffic { namespace: namespace.to_owned(), plan, ..Traffic::default() };
    }

    /// The writes so far. The name of the namespace is replaced, so that they can be compared.
    pub fn writes(&self) -> Vec<(String, usize)> {
        self.traffic.lock().unwrap().writes.clone()
    }

    /// Whether the fault has happened.
    pub fn is_done(&self) -> bool {
        self.traffic.lock().unwrap().plan.is_none()
    }

    /// Notes that another process runs.
    pub fn revive(&self) {
        self.traffic.lock().unwrap().down = false;
    }

    /// Whether the process is being killed, so that nothing that it sends arrives.
    fn is_down(&self) -> bool {
        self.traffic.lock().unwrap().down
    }

    /// Counts a write. Returns the harm that it meets.
    fn meet(&self, request: &Request) -> Option<Fault> {
        let mut traffic = self.traffic.lock().unwrap();
        let path = request.uri().path();
        let counts = !request.method().is_safe()
            && path.contains(&format!("/namespaces/{}/", traffic.namespace))
            && !path.contains("/events")
            && !path.contains("/leases");
        if !counts {
            return None;
        }
        let write = format!("{} {}", request.method(), path.replace(&traffic.namespace, "NAMESPACE"));
        let count = traffic.counts.entry(write.clone()).or_default();
        let number = *count;
        *count += 1;
        traffic.writes.push((write.clone(), number));
        let plan = traffic.plan.take_if(|plan| plan.write == write && plan.number == number);
        let fault = plan.map(|plan| plan.fault);
        if matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter)) {
            traffic.down = true;
        }
        fault
    }
}

async fn pass_on(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    if proxy.is_down() {
        return std::future::pending().await;
    }
    match proxy.meet(&request) {
        None => forward(&proxy.upstream, request).await,
        Some(fault) => harm(&proxy, fault, request).await,
    }
}

async fn harm(proxy: &Proxy, fault: Fault, request: Request) -> Response {
    match fault {
        Fault::Conflict => refuse(409, "Conflict"),
        Fault::TooMany => refuse(429, "TooManyRequests"),
        Fault::ServerError => refuse(500, "InternalError"),
        Fault::Lost => break_off(),
        Fault::AnswerLost => {
            forward(&proxy.upstream, request).await;
            break_off()
        }
        Fault::AnswerLate => {
            let answer = forward(&proxy.upstream, request).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            answer
        }
        Fault::CrashBefore | Fault::CrashAfter => {
            if fault == Fault::CrashAfter {
                forward(&proxy.upstream, request).await;
            }
            proxy.crashed.notify_one();
            std::future::pending().await
        }
    }
}

/// The connection breaks in the middle of an answer.
fn break_off() -> Response {
    let broken = futures::stream::once(async { Err::<Vec<u8>, _>(io::Error::other("broken on purpose")) });
    Response::new(Body::from_stream(broken))
}

fn refuse(code: u16, reason: &str) -> Response {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason});
    Response::builder().status(code).header("content-type", "application/json").body(Body::from(status.to_string())).unwrap()
}

async fn forward(upstream: &Client, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MOST_BYTES).await else { return refuse(413, "RequestEntityTooLarge") };
    let mut sent = http::Request::builder().method(parts.method).uri(parts.uri);
    for name in ["content-type", "accept"] {
        if let Some(value) = parts.headers.get(name) {
            sent = sent.header(name, value);
        }
    }
    match upstream.send(sent.body(kube::client::Body::from(bytes)).unwrap()).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => refuse(502, &error.to_string()),
    }
}
