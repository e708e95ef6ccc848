//! Measures the calls per second of echo servers: one with a generated interface, one that answers in place, and one of TarsGo if
//! `TARSGO_ECHO` names the program of `examples/echo-go`. All are called in turns, on the same machine, by the same load
//! generator. `integration/bench/tars.sh` sets `TARSGO_ECHO`.
//!
//! `cargo bench -p tars --bench echo`

use bytes::{Buf, Bytes, BytesMut};
use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tars::{
    codec::{Decoder, to_bytes},
    endpoint::Endpoint,
    packet::{LENGTH_SIZE, Packet, RequestPacket, ResponsePacket, read_frame_length},
    server::{Adapter, AnswerFuture, Call, Dispatch, Request, Response, ServantError, Server},
};
use tars_bench::{Figures, Result, Window, connect_when_ready, find_free_address};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// How long each server is called in each shape.
const TIME: Duration = Duration::from_secs(3);
/// How many connections there are, and how many calls are under way on each.
const SHAPES: [(usize, usize); 3] = [(8, 32), (64, 1), (1, 1)];

/// `string echo(string message)` with a generated interface.
#[tars::interface]
trait Echo {
    /// Answers `message`.
    async fn echo(&self, message: String) -> String;
}

struct Servant;

impl Echo for Servant {
    async fn echo(&self, _: &Request, message: String) -> std::result::Result<String, ServantError> {
        Ok(message)
    }
}

/// The same function, answered in place without a copy of the request.
struct AtOnce;

impl Dispatch for AtOnce {
    fn answer_now(&self, call: &Call<'_>) -> Option<Response> {
        let message: String = Decoder::new(call.buffer()).require(1).ok()?;
        Some(Response::ok(to_bytes(0, &message)))
    }

    fn call(&self, request: Request) -> AnswerFuture<'_> {
        Box::pin(async move { ServantError::no_function(&request.func).into() })
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let [_, serve, mode, port] = arguments.as_slice()
        && serve == "serve"
    {
        return runtime.block_on(serve_echo(mode, port.parse()?));
    }
    let mut targets = vec![Target::ours("ours, by interface", "interface")?, Target::ours("ours, in place", "now")?];
    if let Ok(program) = std::env::var("TARSGO_ECHO") {
        targets.insert(0, Target::tarsgo(&program)?);
    } else {
        println!("TARSGO_ECHO is not set, so there is no TarsGo server to compare with");
    }
    println!("{:<22} {:<10} {} {:>9}", "server", "shape", Figures::COLUMNS, "ratio");
    for (connections, pipelined) in SHAPES {
        let mut peer = None;
        for target in &targets {
            let figures = runtime.block_on(measure(target, connections, pipelined))?;
            let ratio = figures.rate / *peer.get_or_insert(figures.rate);
            println!("{:<22} {:<10} {figures} {ratio:>8.2}x", target.name, format!("{connections} x {pipelined}"));
        }
    }
    Ok(())
}

async fn serve_echo(mode: &str, port: u16) -> Result<()> {
    let dispatch: Arc<dyn Dispatch> = if mode == "now" { Arc::new(AtOnce) } else { Arc::new(EchoDispatch(Servant)) };
    let adapter = Adapter::new("EchoAdapter", Endpoint::tcp("127.0.0.1", port)).servant("Bench.Echo.EchoObj", dispatch);
    Server::builder().adapter(adapter).bind().await?.serve(CancellationToken::new()).await;
    Ok(())
}

/// A server to compare with the others.
struct Target {
    name: &'static str,
    object: &'static str,
    addr: SocketAddr,
    server: tars_bench::Server,
    _files: Option<tempfile::TempDir>,
}

impl Target {
    fn ours(name: &'static str, mode: &str) -> Result<Self> {
        let addr = find_free_address()?;
        let server = tars_bench::Server::start_this(["serve", mode, &addr.port().to_string()])?;
        Ok(Self { name, object: "Bench.Echo.EchoObj", addr, server, _files: None })
    }

    fn tarsgo(program: &str) -> Result<Self> {
        let (addr, files) = (find_free_address()?, tempfile::tempdir()?);
        let path = files.path().display();
        let config = format!(
            "<tars>\n<application>\n<server>\napp=Bench\nserver=Echo\nlocalip=127.0.0.1\nbasepath={path}/\ndatapath={path}/\n\
             logpath={path}/\nlogLevel=ERROR\n<Bench.Echo.EchoObjAdapter>\nendpoint=tcp -h 127.0.0.1 -p {} -t 60000\n\
             servant=Bench.Echo.EchoObj\nallow\nmaxconns=10000\nthreads=2\nqueuecap=10000\nqueuetimeout=60000\nprotocol=tars\n\
             </Bench.Echo.EchoObjAdapter>\n</server>\n<client>\n</client>\n</application>\n</tars>\n",
            addr.port()
        );
        let file = files.path().join("echo.conf");
        std::fs::write(&file, config)?;
        let config = format!("--config={}", file.display());
        let server = tars_bench::Server::start(Command::new(program).arg(config).stdout(Stdio::null()).stderr(Stdio::null()))?;
        Ok(Self { name: "TarsGo", object: "Bench.Echo.EchoObj", addr, server, _files: Some(files) })
    }
}

async fn measure(target: &Target, connections: usize, pipelined: usize) -> Result<Figures> {
    let window = Window::default();
    let mut callers = Vec::new();
    for _ in 0..connections {
        let stream =
            connect_when_ready(|| TcpStream::connect(target.addr)).await.map_err(|error| format!("{}: {error}", target.name))?;
        stream.set_nodelay(true)?;
        callers.push(tokio::spawn(call(stream, target.object, pipelined, window.clone())));
    }
    target.server.measure(TIME, window, callers).await
}

/// Keeps `pipelined` calls under way on one connection. Returns the latencies of batches of calls, in microseconds.
async fn call(mut stream: TcpStream, object: &str, pipelined: usize, window: Window) -> Result<Vec<f64>> {
    let message = "x".repeat(64);
    let mut frames = Vec::new();
    for id in 1..=pipelined {
        let request = RequestPacket {
            request_id: i32::try_from(id)?,
            servant: object.to_owned(),
            func: "echo".to_owned(),
            buffer: to_bytes(1, &message),
            timeout: 3_000,
            ..RequestPacket::default()
        };
        frames.push(request.to_frame()?);
    }
    // The first answer is checked. All later answers are only counted.
    stream.write_all(&frames[0]).await?;
    let mut input = BytesMut::new();
    let first = read_frame(&mut stream, &mut input).await?;
    let packet = ResponsePacket::read(&first.slice(LENGTH_SIZE..))?;
    if packet.ret != 0 || tars::codec::from_bytes::<String>(0, &packet.buffer)? != message {
        return Err(format!("wrong answer: {packet:?}").into());
    }

    let mut latencies = Vec::new();
    let mut out = BytesMut::from(&frames.concat()[..]);
    let mut next = 0;
    while !window.is_over() {
        let sent = Instant::now();
        stream.write_all_buf(&mut out).await?;
        let mut answered = 0;
        while answered == 0 {
            input.reserve(16 * 1024);
            if stream.read_buf(&mut input).await? == 0 {
                return Err("the server closed the connection".into());
            }
            while let Some(len) = read_frame_length(&input, 1 << 20)?.filter(|len| *len <= input.len()) {
                input.advance(len);
                answered += 1;
            }
        }
        if window.count(answered) {
            latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        for _ in 0..answered {
            out.extend_from_slice(&frames[next]);
            next = (next + 1) % frames.len();
        }
    }
    Ok(latencies)
}

async fn read_frame(stream: &mut TcpStream, input: &mut BytesMut) -> Result<Bytes> {
    loop {
        if let Some(len) = read_frame_length(input, 1 << 20)?.filter(|len| *len <= input.len()) {
            return Ok(input.split_to(len).freeze());
        }
        if stream.read_buf(input).await? == 0 {
            return Err("the server closed the connection".into());
        }
    }
}
