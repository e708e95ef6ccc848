//! Measures the webhook: reviews at a steady rate, conversions, memory and the start, on a cluster with many TServers; and how long it
//! takes to create TServers through the API server and the webhooks that are installed.
//!
//! The measured webhook runs as a process of its own on this machine and asks the API server of `KUBECONFIG`. Its namespace is one that
//! the benchmark makes and deletes. `BENCH_SERVERS` is the number of TServers (10,000).
//!
//! `cargo bench -p tarswebhook --bench reviews [-- create]`; with `create` only the creation is measured

use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, ObjectMeta, PostParams},
    core::GroupVersionKind,
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tars_bench::{Figures, Result, Server, Window, connect_when_ready, find_free_address};
use tokio::{net::TcpStream, time::MissedTickBehavior};

/// How long each kind of load is measured.
const TIME: Duration = Duration::from_secs(5);
/// Reviews per second, on this many connections.
const RATE: f64 = 1_000.0;
const CONNECTIONS: u32 = 8;
/// Objects in a conversion review.
const OBJECTS: usize = 500;
const CREATED: usize = 300;
const CREATORS: usize = 16;

fn main() -> Result<()> {
    tars_kit::crypto::install();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run())
}

async fn run() -> Result<()> {
    let count = std::env::var("BENCH_SERVERS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let only_creation = std::env::args().any(|argument| argument == "create");
    let space = Space::create().await?;
    // The namespace goes, whatever happens.
    let result = if only_creation { measure_creation(&space).await } else { measure(&space, count).await };
    space.delete().await?;
    result
}

/// The way through the API server and the webhooks that are installed, while the controller makes what belongs to the servers.
async fn measure_creation(space: &Space) -> Result<()> {
    let begun = Instant::now();
    let latencies = space.create_servers(0..CREATED, CREATORS).await?;
    let percentile = |percent: usize| latencies[latencies.len() * percent / 100];
    let (p50, p99, all) = (percentile(50), percentile(99), begun.elapsed().as_secs_f64());
    println!("creation of {CREATED} TServers with {CREATORS} clients: p50 {p50:.1} ms, p99 {p99:.1} ms, in all {all:.1} s");
    Ok(())
}

async fn measure(space: &Space, count: usize) -> Result<()> {
    space.create_servers(0..count, CREATORS).await?;

    let (address, metrics) = (find_free_address()?, find_free_address()?);
    // The first start makes a certificate authority, the second one is the usual one.
    let roots = {
        let _first = space.start_webhook(address, metrics)?;
        space.wait_for_authority().await?
    };
    let begun = Instant::now();
    let webhook = space.start_webhook(address, metrics)?;
    let mut probe = connect_when_ready(|| connect(address, &space.name, &roots)).await?;
    send(&mut probe, "/validating", Bytes::from(space.build_review(0).to_string())).await?;
    println!("start to the first answered review: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    println!("webhook with {count} TServers in the cluster; load generator, API server and webhook share this machine's cores");
    println!("{:<44} {}", "reviews", Figures::COLUMNS);
    let print = |what: &str, figures: &Figures| println!("{what:<44} {figures}");
    for path in ["/mutating", "/validating"] {
        let window = Window::default();
        let mut callers = Vec::new();
        for _ in 0..CONNECTIONS {
            let sender = connect(address, &space.name, &roots).await?;
            callers.push(tokio::spawn(review_steadily(sender, path, space.build_review(1).to_string(), window.clone())));
        }
        print(&format!("{path}, {RATE} per second"), &webhook.measure(TIME, window, callers).await?);
        let within = read_share_within(metrics, path, "0.002").await?;
        println!("{path}: the webhook itself answered {:.2} % within 2 ms", within * 100.0);
    }
    println!("memory after that: {:.1} MiB", webhook.read_memory()?);
    for (from, to) in [("v1beta2", "v1beta3"), ("v1beta3", "v1beta2")] {
        let body = space.build_conversion(from, to).to_string();
        println!("conversion review of {OBJECTS} objects: {} KiB", body.len() / 1024);
        let window = Window::default();
        let sender = connect(address, &space.name, &roots).await?;
        let caller = tokio::spawn(convert_busily(sender, body, window.clone()));
        let figures = webhook.measure(TIME, window, vec![caller]).await?;
        print(&format!("{OBJECTS} TServers from {from} to {to}"), &figures);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let objects = OBJECTS as f64;
        println!("objects per second and core: {:.0}", objects * 1e6 / figures.cpu);
    }
    println!("memory after that: {:.1} MiB", webhook.read_memory()?);
    Ok(())
}

/// The namespace of the benchmark.
struct Space {
    client: Client,
    name: String,
}

impl Space {
    async fn create() -> Result<Self> {
        let client = Client::try_from(Config::infer().await?)?;
        let metadata = ObjectMeta { generate_name: Some("bench-webhook-".to_owned()), ..ObjectMeta::default() };
        let made =
            Api::all(client.clone()).create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await?;
        let space = Self { client, name: made.metadata.name.unwrap_or_default() };
        let template = json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": {"name": "root"}, "spec": {"content": "", "parent": "root"},
        });
        space.api("TTemplate", "ttemplates").create(&PostParams::default(), &serde_json::from_value(template)?).await?;
        Ok(space)
    }

    async fn delete(&self) -> Result<()> {
        Api::<Namespace>::all(self.client.clone()).delete(&self.name, &DeleteParams::background()).await?;
        Ok(())
    }

    fn api(&self, kind: &str, plural: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("k8s.tars.io", "v1beta3", kind), plural);
        Api::namespaced_with(self.client.clone(), &self.name, &resource)
    }

    /// Creates TServers that are not released. Returns the sorted latencies in milliseconds.
    async fn create_servers(&self, numbers: std::ops::Range<usize>, clients: usize) -> Result<Vec<f64>> {
        let api = self.api("TServer", "tservers");
        let create = |number: usize| {
            let api = api.clone();
            async move {
                let object = serde_json::from_value(build_server("v1beta3", number))?;
                let begun = Instant::now();
                api.create(&PostParams::default(), &object).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(begun.elapsed().as_secs_f64() * 1e3)
            }
        };
        let results: Vec<_> = stream::iter(numbers).map(create).buffer_unordered(clients).collect().await;
        let mut latencies = results.into_iter().collect::<Result<Vec<_>>>()?;
        latencies.sort_by(f64::total_cmp);
        Ok(latencies)
    }

    fn start_webhook(&self, address: SocketAddr, metrics: SocketAddr) -> Result<Server> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tarswebhook"));
        command.arg("--https-listen").arg(address.to_string()).args(["--namespace", &self.name]);
        command.arg("--metrics-listen").arg(metrics.to_string());
        for port in ["--grpc-listen", "--health-listen"] {
            command.args([port, "127.0.0.1:0"]);
        }
        Server::start(command.env("RUST_LOG", "error"))
    }

    /// Waits until the webhook has stored its certificate authority, and returns it.
    async fn wait_for_authority(&self) -> Result<rustls::RootCertStore> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.name);
        let secret = connect_when_ready(|| secrets.get("tars-webhook-tls")).await?;
        let bundle = secret.data.unwrap_or_default().remove("ca.crt").unwrap_or_default();
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&bundle.0) {
            roots.add(certificate?)?;
        }
        Ok(roots)
    }

    fn build_review(&self, number: usize) -> Value {
        let object = build_server("v1beta3", number);
        json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u-1", "kind": {"group": "k8s.tars.io", "version": "v1beta3", "kind": "TServer"},
                "resource": {"group": "k8s.tars.io", "version": "v1beta3", "resource": "tservers"},
                "name": object["metadata"]["name"], "namespace": self.name, "operation": "CREATE",
                "userInfo": {"username": "somebody"}, "object": object, "dryRun": false,
            },
        })
    }

    fn build_conversion(&self, from: &str, to: &str) -> Value {
        let objects: Vec<Value> = (0..OBJECTS)
            .map(|number| {
                let mut object = build_server(from, number);
                object["metadata"]["namespace"] = json!(self.name);
                object
            })
            .collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
            "request": {"uid": "u-1", "desiredAPIVersion": format!("k8s.tars.io/{to}"), "objects": objects},
        })
    }
}

/// A TServer of ordinary size: about 2 KiB.
fn build_server(version: &str, number: usize) -> Value {
    let env: Vec<Value> =
        (0..8).map(|index| json!({"name": format!("VARIABLE_{index}"), "value": "a value of ordinary length"})).collect();
    let mount = |name: &str| json!({"name": name, "mountPath": format!("/data/{name}"), "source": {"emptyDir": {}}});
    let mut k8s = json!({
        "replicas": 0, "env": env, "mounts": [mount("one"), mount("two")],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}},
        "nodeSelector": [{"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}],
    });
    if version == "v1beta3" {
        k8s["command"] = json!(["run", "--fast"]);
        k8s["readinessGates"] = json!(["tars.io/active", "example.org/second"]);
    } else {
        k8s["readinessGate"] = json!("tars.io/active");
    }
    json!({
        "apiVersion": format!("k8s.tars.io/{version}"), "kind": "TServer",
        "metadata": {
            "name": format!("bench-server{number}"),
            "labels": {"tars.io/ServerApp": "Bench", "tars.io/ServerName": format!("Server{number}"), "tars.io/SubType": "tars"},
        },
        "spec": {
            "app": "Bench", "server": format!("Server{number}"), "subType": "tars", "k8s": k8s,
            "tars": {"template": "root", "servants": [{"name": "BenchObj", "port": 10000, "thread": 3}]},
        },
    })
}

type Sender = SendRequest<Full<Bytes>>;

/// Connects as an API server does: for the name of the Service.
async fn connect(address: SocketAddr, namespace: &str, roots: &rustls::RootCertStore) -> std::io::Result<Sender> {
    let config = rustls::ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
    let name = ServerName::try_from(format!("tars-webhook-service.{namespace}.svc")).map_err(std::io::Error::other)?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(sender: &mut Sender, path: &str, body: Bytes) -> Result<Bytes> {
    sender.ready().await?;
    let request =
        Request::post(path).header("host", "webhook").header("content-type", "application/json").body(Full::new(body))?;
    let answer = sender.send_request(request).await?;
    if answer.status() != 200 {
        return Err(format!("the webhook answered {}", answer.status()).into());
    }
    Ok(answer.into_body().collect().await?.to_bytes())
}

/// Reads from the metrics of the webhook which share of the reviews of `path` it answered within `bound` seconds, from the complete body
/// to the answer. What a caller sees is more: it shares the cores with the webhook and the API server.
async fn read_share_within(metrics: SocketAddr, path: &str, bound: &str) -> Result<f64> {
    let stream = TcpStream::connect(metrics).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/metrics").header("host", "webhook").body(Full::<Bytes>::default())?;
    let text = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    let text = String::from_utf8(text.to_vec())?;
    let read = |bound: &str| {
        let of_bucket = |line: &&str| {
            line.starts_with("tarswebhook_review_duration_seconds_bucket")
                && line.contains(&format!("path=\"{}\"", path.trim_start_matches('/')))
                && line.contains(&format!("le=\"{bound}\""))
        };
        let line = text.lines().find(of_bucket).ok_or_else(|| format!("the metrics have no bucket {bound} of {path}"))?;
        Ok::<f64, Box<dyn std::error::Error + Send + Sync>>(line.rsplit(' ').next().unwrap_or_default().parse()?)
    };
    Ok(read(bound)? / read("+Inf")?)
}

/// Sends its part of [`RATE`], whatever the answers take. The latency counts from the time at which a review is due.
async fn review_steadily(mut sender: Sender, path: &'static str, body: String, window: Window) -> Result<Vec<f64>> {
    let body = Bytes::from(body);
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(f64::from(CONNECTIONS) / RATE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut latencies = Vec::new();
    while !window.is_over() {
        let due = ticks.tick().await;
        let answer = send(&mut sender, path, body.clone()).await?;
        if !answer.windows(14).any(|part| part == b"\"allowed\":true") {
            return Err(format!("the webhook refused: {}", String::from_utf8_lossy(&answer)).into());
        }
        if window.count(1) {
            latencies.push(due.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(latencies)
}

async fn convert_busily(mut sender: Sender, body: String, window: Window) -> Result<Vec<f64>> {
    let body = Bytes::from(body);
    let mut latencies = Vec::new();
    while !window.is_over() {
        let begun = Instant::now();
        let answer = send(&mut sender, "/conversion", body.clone()).await?;
        if !answer.windows(18).any(|part| part == b"\"status\":\"Success\"") {
            return Err("the conversion failed".into());
        }
        if window.count(1) {
            latencies.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(latencies)
}
