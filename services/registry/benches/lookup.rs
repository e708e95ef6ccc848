//! Lookups per second, their latency and what each costs the server: 1,000 servers with 3 endpoints each, asked over loopback by a
//! load generator on the same cores. The server is a process of its own, so its CPU time is its own, too.
//!
//! `cargo bench -p tarsregistry --bench lookup`

use std::collections::VecDeque;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use serde_json::json;
use tars::codec::{Decoder, to_bytes};
use tars::framework::endpoint::EndpointF;
use tars::packet::{DEFAULT_MAX_FRAME, LENGTH_SIZE, RequestPacket, ResponsePacket, frame_length};
use tars_kit::health::Health;
use tars_proto::registry::v1::ResolveRequest;
use tars_proto::registry::v1::name_service_client::NameServiceClient;
use tars_proto::registry::v1::name_service_server::NameServiceServer;
use tarsregistry::grpc::Names;
use tarsregistry::index::{Change, Index, QUERY_OBJECT, Writer};
use tarsregistry::metrics::Metrics;
use tarsregistry::readiness::{Pods, Reporter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const SERVERS: usize = 1_000;
const PODS: usize = 3;
/// How long each shape is measured, and how long before counting starts.
const TIME: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_millis(500);
/// Clock ticks per second in `/proc/PID/stat`; the same on all Linux platforms.
const TICKS: f64 = 100.0;
/// Every so many calls one latency is kept.
const SAMPLE: usize = 8;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let [_, serve, query, grpc] = arguments.as_slice()
        && serve == "serve"
    {
        return runtime.block_on(serve_index(query.parse()?, grpc.parse()?));
    }
    let server = Process::start()?;
    runtime.block_on(measure(&server))
}

async fn measure(server: &Process) -> Result<()> {
    println!("{SERVERS} servers x {PODS} endpoints; load generator and server share this machine's cores");
    println!("{:<44} {:>10} {:>12} {:>9} {:>9}", "lookups", "per second", "CPU us each", "p50 us", "p99 us");
    server.tars(8, 32, None).await?.print("findObjectByIdInSameGroup, 8 x 32 under way");
    let single = server.tars(64, 1, None).await?;
    single.print("findObjectByIdInSameGroup, 64 x 1 under way");
    server.tars(1, 1, None).await?.print("findObjectByIdInSameGroup, 1 x 1 under way");
    let half = single.rate / 2.0;
    server.tars(64, 1, Some(half / 64.0)).await?.print("... 64 x 1 at half of that rate");
    server.resolve(8, 32).await?.print("gRPC Resolve, 8 x 32 under way");
    println!("server RSS after that: {:.1} MiB", server.rss()?);
    Ok(())
}

/// The server side: an index as watches would fill it, served as the service does.
async fn serve_index(query: SocketAddr, grpc: SocketAddr) -> Result<()> {
    let index = Index::default();
    let mut writer = Writer::new(index.clone());
    for i in 0..SERVERS {
        let pods: Vec<_> = (0..PODS)
            .map(|pod| json!({"name": format!("bench-server{i}-{pod}"), "settingState": "Active", "presentState": "Active"}))
            .collect();
        let servant = json!({"name": "BenchObj", "port": 10_000, "thread": 3, "connection": 10_000, "capacity": 10_000,
            "timeout": 60_000, "isTcp": true, "isTars": true});
        let object = json!({"metadata": {"name": format!("bench-server{i}")},
            "spec": {"tars": {"template": "tars.cpp", "servants": [servant]}}, "status": {"pods": pods}});
        writer.apply(Change::Endpoint(serde_json::from_value(object)?));
    }
    writer.publish();
    let metrics = Metrics::new(&mut tars_kit::metrics::registry("bench", "0"));
    let nobody = tower::service_fn(|_| async { Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty())) });
    let reporter = Reporter::new(Pods::new(kube::Client::new(nobody, "bench"), "bench"), metrics.clone());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = tarsregistry::run::bind(query, any, &index, reporter, &metrics).await?;
    let (_synced, receiver) = watch::channel(true);
    let names = NameServiceServer::new(Names::new(index, metrics, receiver));
    let routes = tars_kit::grpc::routes(&Health::new(&[]).await, &[])?.add_service(names);
    let stop = CancellationToken::new();
    let grpc = tars_kit::grpc::serve(TcpListener::bind(grpc).await?, routes, stop.clone());
    let (result, ()) = tokio::join!(grpc, server.serve(stop));
    Ok(result?)
}

/// The server in a process of its own.
struct Process {
    query: SocketAddr,
    grpc: SocketAddr,
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start() -> Result<Self> {
        let free = || -> Result<SocketAddr> { Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?) };
        let (query, grpc) = (free()?, free()?);
        let arguments = ["serve".to_owned(), query.to_string(), grpc.to_string()];
        let child = Command::new(std::env::current_exe()?).args(arguments).spawn()?;
        Ok(Self { query, grpc, child })
    }

    /// CPU time of the process in seconds.
    fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        // utime and stime, counted from the field behind the name.
        Ok((ticks(11) + ticks(12)) / TICKS)
    }

    /// Memory in MiB.
    fn rss(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        Ok(line.split_whitespace().nth(1).unwrap_or_default().parse::<f64>()? / 1024.0)
    }

    /// Lookups over `connections` with `pipelined` under way on each, each paced to `rate` per second if one is given.
    async fn tars(&self, connections: usize, pipelined: usize, rate: Option<f64>) -> Result<Figures> {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for connection in 0..connections {
            let stream = patiently(|| TcpStream::connect(self.query)).await?;
            stream.set_nodelay(true)?;
            let frames = frames(connection * SERVERS / connections)?;
            let shared = Arc::clone(&shared);
            tasks.push(tokio::spawn(async move {
                match rate {
                    None => flood(stream, frames, pipelined, shared).await,
                    Some(rate) => pace(stream, frames, rate, shared).await,
                }
            }));
        }
        self.figures(shared, tasks).await
    }

    /// gRPC lookups over `channels` with `parallel` under way on each.
    async fn resolve(&self, channels: usize, parallel: usize) -> Result<Figures> {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for _ in 0..channels {
            let endpoint = Channel::from_shared(format!("http://{}", self.grpc))?;
            let channel = patiently(|| endpoint.connect()).await?;
            for first in 0..parallel {
                let client = NameServiceClient::new(channel.clone());
                tasks.push(tokio::spawn(resolve_on(client, first * 31, Arc::clone(&shared))));
            }
        }
        self.figures(shared, tasks).await
    }

    async fn figures(&self, shared: Arc<Shared>, tasks: Vec<tokio::task::JoinHandle<Result<Vec<f64>>>>) -> Result<Figures> {
        tokio::time::sleep(WARM_UP).await;
        let (start, cpu) = (Instant::now(), self.cpu()?);
        shared.counting.store(true, Relaxed);
        tokio::time::sleep(TIME).await;
        shared.counting.store(false, Relaxed);
        let (elapsed, cpu) = (start.elapsed(), self.cpu()? - cpu);
        shared.stop.store(true, Relaxed);
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        latencies.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 calls")]
        let calls = shared.calls.load(Relaxed) as f64;
        Ok(Figures { rate: calls / elapsed.as_secs_f64(), cpu: cpu * 1e6 / calls, latencies })
    }
}

struct Figures {
    rate: f64,
    cpu: f64,
    latencies: Vec<f64>,
}

impl Figures {
    fn print(&self, what: &str) {
        let percentile = |percent: usize| {
            let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
            self.latencies.get(index).copied().unwrap_or(f64::NAN)
        };
        println!("{what:<44} {:>10.0} {:>12.2} {:>9.0} {:>9.0}", self.rate, self.cpu, percentile(50), percentile(99));
    }
}

#[derive(Default)]
struct Shared {
    counting: AtomicBool,
    stop: AtomicBool,
    calls: AtomicU64,
}

impl Shared {
    fn count(&self, calls: usize) -> bool {
        let counting = self.counting.load(Relaxed);
        if counting {
            self.calls.fetch_add(calls.try_into().unwrap_or_default(), Relaxed);
        }
        counting
    }
}

/// Connects to a process that is still starting.
async fn patiently<T, E: Error + Send + Sync + 'static, F: Future<Output = std::result::Result<T, E>>>(
    mut connect: impl FnMut() -> F,
) -> Result<T> {
    let give_up = Instant::now() + Duration::from_secs(10);
    loop {
        match connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() > give_up => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn id(server: usize) -> String {
    format!("Bench.Server{}.BenchObj", server % SERVERS)
}

/// Requests for all servers, beginning with one of them.
fn frames(first: usize) -> Result<Vec<Bytes>> {
    let frame = |server: usize| -> Result<Bytes> {
        let request = RequestPacket {
            request_id: i32::try_from(server + 1)?,
            servant: QUERY_OBJECT.to_owned(),
            func: "findObjectByIdInSameGroup".to_owned(),
            buffer: to_bytes(1, &id(first + server)),
            timeout: 3_000,
            ..RequestPacket::default()
        };
        Ok(request.to_frame()?)
    };
    (0..SERVERS).map(frame).collect()
}

/// Takes whole frames off the input and says how many.
fn take_frames(input: &mut BytesMut) -> Result<usize> {
    let mut taken = 0;
    while let Some(len) = frame_length(input, DEFAULT_MAX_FRAME)?.filter(|len| *len <= input.len()) {
        input.advance(len);
        taken += 1;
    }
    Ok(taken)
}

async fn read_some(stream: &mut TcpStream, input: &mut BytesMut) -> Result<()> {
    input.reserve(64 * 1024);
    if stream.read_buf(input).await? == 0 {
        return Err("the server closed the connection".into());
    }
    Ok(())
}

/// One call, looked at closely; afterwards frames are only counted.
async fn check(stream: &mut TcpStream, request: &Bytes) -> Result<()> {
    stream.write_all(request).await?;
    let mut input = BytesMut::new();
    let len = loop {
        if let Some(len) = frame_length(&input, DEFAULT_MAX_FRAME)?.filter(|len| *len <= input.len()) {
            break len;
        }
        read_some(stream, &mut input).await?;
    };
    let packet = ResponsePacket::read(&input.split_to(len).freeze().slice(LENGTH_SIZE..))?;
    let mut results = Decoder::new(&packet.buffer);
    let (ret, active) = (results.require::<i32>(0)?, results.require::<Vec<EndpointF>>(2)?);
    if packet.ret == 0 && ret == 0 && active.len() == PODS { Ok(()) } else { Err(format!("wrong answer: {packet:?}").into()) }
}

/// Keeps `pipelined` calls under way.
async fn flood(mut stream: TcpStream, frames: Vec<Bytes>, pipelined: usize, shared: Arc<Shared>) -> Result<Vec<f64>> {
    check(&mut stream, &frames[0]).await?;
    let mut requests = frames.iter().cycle();
    let (mut out, mut input) = (BytesMut::new(), BytesMut::new());
    // When each call under way was sent; answers come in the order of requests, because all are given at once.
    let mut sent = VecDeque::new();
    let (mut latencies, mut seen) = (Vec::new(), 0);
    let mut due = pipelined;
    while !shared.stop.load(Relaxed) {
        let now = Instant::now();
        for request in requests.by_ref().take(due) {
            out.extend_from_slice(request);
            sent.push_back(now);
        }
        stream.write_all_buf(&mut out).await?;
        due = 0;
        while due == 0 {
            read_some(&mut stream, &mut input).await?;
            due = take_frames(&mut input)?;
        }
        let counted = shared.count(due);
        let now = Instant::now();
        for sent in sent.drain(..due) {
            seen += 1;
            if counted && seen % SAMPLE == 0 {
                latencies.push((now - sent).as_secs_f64() * 1e6);
            }
        }
    }
    Ok(latencies)
}

/// One call at a time, `rate` per second.
async fn pace(mut stream: TcpStream, frames: Vec<Bytes>, rate: f64, shared: Arc<Shared>) -> Result<Vec<f64>> {
    check(&mut stream, &frames[0]).await?;
    let mut input = BytesMut::new();
    let mut latencies = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for request in frames.iter().cycle() {
        if shared.stop.load(Relaxed) {
            break;
        }
        ticks.tick().await;
        let sent = Instant::now();
        stream.write_all(request).await?;
        while take_frames(&mut input)? == 0 {
            read_some(&mut stream, &mut input).await?;
        }
        if shared.count(1) {
            latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(latencies)
}

async fn resolve_on(mut client: NameServiceClient<Channel>, first: usize, shared: Arc<Shared>) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    for server in first.. {
        if shared.stop.load(Relaxed) {
            break;
        }
        let sent = Instant::now();
        let answer = client.resolve(ResolveRequest { servant: id(server) }).await?.into_inner();
        if answer.active.len() != PODS {
            return Err(format!("wrong answer: {answer:?}").into());
        }
        if shared.count(1) && server % SAMPLE == 0 {
            latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(latencies)
}
