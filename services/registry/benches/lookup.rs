//! Measures lookups per second, their latency and the CPU time of each. The name service knows 1,000 servers with 3 endpoints
//! each. It runs as a process of its own, so that its CPU time can be measured, and shares the cores with the load generator.
//!
//! `cargo bench -p tarsregistry --bench lookup`

use bytes::{Buf, Bytes, BytesMut};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use std::{
    collections::VecDeque,
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use tars::{
    codec::{Decoder, to_bytes},
    framework::endpoint::EndpointF,
    packet::{DEFAULT_MAX_FRAME, LENGTH_SIZE, Packet, RequestPacket, ResponsePacket, read_frame_length},
};
use tars_bench::{Figures, Result, Window, connect_when_ready, find_free_address};
use tars_kit::{
    auth::{self, Guard},
    grpc::{self, Offer},
    health::Health,
    tls::ServingCertificate,
};
use tars_proto::registry::v1::{
    DESCRIPTORS, ResolveRequest, name_service_client::NameServiceClient, name_service_server::NameServiceServer,
};
use tarsregistry::{
    grpc::{Resolver, list_access},
    index::{Change, Index, QUERY_OBJECT, Writer},
    metrics::Metrics,
    readiness::{Pods, Reporter},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

/// The name in the certificate of gRPC.
const NAME: &str = "the.registry";
const SERVERS: usize = 1_000;
const PODS: usize = 3;
/// How long each kind of load is measured.
const TIME: Duration = Duration::from_secs(4);
/// One latency is kept of this many calls.
const SAMPLE: usize = 8;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let [_, serve, query, grpc, folder] = arguments.as_slice()
        && serve == "serve"
    {
        tars_kit::crypto::install();
        return runtime.block_on(serve_index(query.parse()?, grpc.parse()?, Path::new(folder)));
    }
    let server = Server::start()?;
    runtime.block_on(measure(&server))
}

async fn measure(server: &Server) -> Result<()> {
    println!("{SERVERS} servers x {PODS} endpoints; load generator and server share this machine's cores");
    let print = |what: &str, figures: &Figures| println!("{what:<44} {figures}");
    println!("{:<44} {}", "lookups", Figures::COLUMNS);
    print("findObjectByIdInSameGroup, 8 x 32 under way", &server.measure_tars(8, 32, None).await?);
    let single = server.measure_tars(64, 1, None).await?;
    print("findObjectByIdInSameGroup, 64 x 1 under way", &single);
    print("findObjectByIdInSameGroup, 1 x 1 under way", &server.measure_tars(1, 1, None).await?);
    let half = single.rate / 2.0;
    print("... 64 x 1 at half of that rate", &server.measure_tars(64, 1, Some(half / 64.0)).await?);
    print("gRPC Resolve, 8 x 32 under way", &server.measure_grpc(8, 32).await?);
    println!("server RSS after that: {:.1} MiB", server.process.read_memory()?);
    Ok(())
}

/// The server: an index with the content that watches would bring, served as the name service does it.
async fn serve_index(query: SocketAddr, grpc: SocketAddr, folder: &Path) -> Result<()> {
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
    let metrics = Metrics::new(&mut tars_kit::metrics::Registry::new("bench", "0"));
    let nobody = tower::service_fn(|_| async { Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty())) });
    let client = kube::Client::new(nobody, "bench");
    let reporter = Reporter::new(Pods::new(client.clone(), "bench"), metrics.clone());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = tarsregistry::run::bind(query, any, &index, reporter, &metrics).await?;
    let (_synced, receiver) = watch::channel(true);
    let names = NameServiceServer::new(Resolver::new(index, metrics, receiver));
    let offer = Offer::new(&Health::new(&[]).await, &[DESCRIPTORS], &list_access(true))?.add_service(names);
    let guard = Guard::new(client, "bench", auth::Metrics::default());
    let certificate = ServingCertificate::default();
    certificate.replace(&fs::read(folder.join("tls.crt"))?, &fs::read(folder.join("tls.key"))?)?;
    let stop = CancellationToken::new();
    let grpc = grpc::serve(TcpListener::bind(grpc).await?, offer, certificate, guard, stop.clone());
    let (result, ()) = tokio::join!(grpc, server.serve(stop));
    Ok(result?)
}

/// The name service in a process of its own.
struct Server {
    query: SocketAddr,
    grpc: SocketAddr,
    /// The certificate of gRPC, which the clients trust.
    certificate: String,
    /// Holds the certificate and its key for the process.
    _folder: TempDir,
    process: tars_bench::Server,
}

impl Server {
    fn start() -> Result<Self> {
        let (query, grpc) = (find_free_address()?, find_free_address()?);
        let (folder, key) = (tempfile::tempdir()?, KeyPair::generate()?);
        let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?.pem();
        fs::write(folder.path().join("tls.crt"), &certificate)?;
        fs::write(folder.path().join("tls.key"), key.serialize_pem())?;
        let arguments = ["serve", &query.to_string(), &grpc.to_string(), &folder.path().to_string_lossy()];
        let process = tars_bench::Server::start_this(arguments)?;
        Ok(Self { query, grpc, certificate, _folder: folder, process })
    }

    /// Measures lookups over `connections` connections with `pipelined` calls under way on each. If `rate` is given, each
    /// connection makes that many calls per second.
    async fn measure_tars(&self, connections: usize, pipelined: usize, rate: Option<f64>) -> Result<Figures> {
        let window = Window::default();
        let mut callers = Vec::new();
        for connection in 0..connections {
            let stream = connect_when_ready(|| TcpStream::connect(self.query)).await?;
            stream.set_nodelay(true)?;
            let frames = lookup_frames(connection * SERVERS / connections)?;
            let window = window.clone();
            callers.push(tokio::spawn(async move {
                match rate {
                    None => flood(stream, frames, pipelined, window).await,
                    Some(rate) => pace(stream, frames, rate, window).await,
                }
            }));
        }
        self.process.measure(TIME, window, callers).await
    }

    /// Measures gRPC lookups over `channels` channels with `parallel` calls under way on each.
    async fn measure_grpc(&self, channels: usize, parallel: usize) -> Result<Figures> {
        let window = Window::default();
        let mut callers = Vec::new();
        for _ in 0..channels {
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.certificate)).domain_name(NAME);
            let endpoint = Channel::from_shared(format!("https://{}", self.grpc))?.tls_config(tls)?;
            let channel = connect_when_ready(|| endpoint.connect()).await?;
            for first in 0..parallel {
                let client = NameServiceClient::new(channel.clone());
                callers.push(tokio::spawn(resolve_on(client, first * 31, window.clone())));
            }
        }
        self.process.measure(TIME, window, callers).await
    }
}

fn object(server: usize) -> String {
    format!("Bench.Server{}.BenchObj", server % SERVERS)
}

/// One request for each server, beginning with the server `first`.
fn lookup_frames(first: usize) -> Result<Vec<Bytes>> {
    let frame = |server: usize| -> Result<Bytes> {
        let request = RequestPacket {
            request_id: i32::try_from(server + 1)?,
            servant: QUERY_OBJECT.to_owned(),
            func: "findObjectByIdInSameGroup".to_owned(),
            buffer: to_bytes(1, &object(first + server)),
            timeout: 3_000,
            ..RequestPacket::default()
        };
        Ok(request.to_frame()?)
    };
    (0..SERVERS).map(frame).collect()
}

/// Removes whole frames from the input and returns how many.
fn take_frames(input: &mut BytesMut) -> Result<usize> {
    let mut taken = 0;
    while let Some(len) = read_frame_length(input, DEFAULT_MAX_FRAME)?.filter(|len| *len <= input.len()) {
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

/// Makes one call and checks its answer. All later answers are only counted.
async fn check(stream: &mut TcpStream, request: &Bytes) -> Result<()> {
    stream.write_all(request).await?;
    let mut input = BytesMut::new();
    let len = loop {
        if let Some(len) = read_frame_length(&input, DEFAULT_MAX_FRAME)?.filter(|len| *len <= input.len()) {
            break len;
        }
        read_some(stream, &mut input).await?;
    };
    let packet = ResponsePacket::read(&input.split_to(len).freeze().slice(LENGTH_SIZE..))?;
    let mut results = Decoder::new(&packet.buffer);
    let (ret, active) = (results.require::<i32>(0)?, results.require::<Vec<EndpointF>>(2)?);
    if packet.ret == 0 && ret == 0 && active.len() == PODS { Ok(()) } else { Err(format!("wrong answer: {packet:?}").into()) }
}

/// Keeps `pipelined` calls under way. Returns some of their latencies, in microseconds.
async fn flood(mut stream: TcpStream, frames: Vec<Bytes>, pipelined: usize, window: Window) -> Result<Vec<f64>> {
    check(&mut stream, &frames[0]).await?;
    let mut requests = frames.iter().cycle();
    let (mut out, mut input) = (BytesMut::new(), BytesMut::new());
    // When each call under way was sent. Every answer is given at once, so answers come in the order of the requests.
    let mut sent = VecDeque::new();
    let (mut latencies, mut seen) = (Vec::new(), 0);
    let mut due = pipelined;
    while !window.is_over() {
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
        let counted = window.count(due);
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

/// Makes one call at a time, `rate` per second. Returns the latencies, in microseconds.
async fn pace(mut stream: TcpStream, frames: Vec<Bytes>, rate: f64, window: Window) -> Result<Vec<f64>> {
    check(&mut stream, &frames[0]).await?;
    let mut input = BytesMut::new();
    let mut latencies = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for request in frames.iter().cycle() {
        if window.is_over() {
            break;
        }
        ticks.tick().await;
        let sent = Instant::now();
        stream.write_all(request).await?;
        while take_frames(&mut input)? == 0 {
            read_some(&mut stream, &mut input).await?;
        }
        if window.count(1) {
            latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(latencies)
}

async fn resolve_on(mut client: NameServiceClient<Channel>, first: usize, window: Window) -> Result<Vec<f64>> {
    let mut latencies = Vec::new();
    for server in first.. {
        if window.is_over() {
            break;
        }
        let sent = Instant::now();
        let answer = client.resolve(ResolveRequest { servant: object(server) }).await?.into_inner();
        if answer.active.len() != PODS {
            return Err(format!("wrong answer: {answer:?}").into());
        }
        if window.count(1) && server % SAMPLE == 0 {
            latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(latencies)
}
