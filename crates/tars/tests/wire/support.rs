//! Helpers of the tests: hexadecimal digits, a servant that behaves as a test asks, and a client that sees raw frames.

use bytes::Bytes;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tars::{
    args::Results,
    client::{Client, ClientOptions, Proxy},
    endpoint::Endpoint,
    packet::{LENGTH_SIZE, Packet, RequestPacket, ResponsePacket},
    server::{Adapter, AdapterLimits, AnswerFuture, Call, Dispatch, Draining, Request, Response, ServantError, Server, Stats},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How long a test waits for anything. Nothing in these tests takes as long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The object that [`Echo`] serves.
pub const OBJECT: &str = "Test.Echo.EchoObj";

pub fn hex(text: &str) -> Vec<u8> {
    let digit = |letter: u8| char::from(letter).to_digit(16).unwrap_or_else(|| panic!("{text} is not hex"));
    text.as_bytes().chunks(2).map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap()).collect()
}

pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Waits for `future`. If it takes too long, the test fails and says that `what` did not happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A servant with a function for each way to behave.
#[derive(Debug, Default)]
pub struct Echo {
    /// The function `hold` waits until this is notified.
    pub release: Notify,
    /// How many calls `hold` has taken.
    pub held: AtomicUsize,
}

impl Dispatch for Echo {
    fn answer_now(&self, call: &Call<'_>) -> Option<Response> {
        match call.func() {
            "echo" => Some(Response {
                body: Bytes::copy_from_slice(call.buffer()),
                context: call.context("key").map(|value| ("key".to_owned(), value)).into_iter().collect(),
                ..Response::default()
            }),
            "blob" => Some(Response::ok(Bytes::from(vec![7; 100_000]))),
            _ => None,
        }
    }

    fn call(&self, request: Request) -> AnswerFuture<'_> {
        Box::pin(async move {
            match request.func.as_str() {
                "later" => Response::ok(request.buffer),
                "hold" => {
                    self.held.fetch_add(1, SeqCst);
                    self.release.notified().await;
                    Response::ok(request.buffer)
                }
                "upper" => Response::from(upper(&request)),
                "custom" => ServantError::new(-77, "custom").into(),
                "boom" => ServantError::unknown("boom").into(),
                "panic" => panic!("as asked"),
                "push" => {
                    let pushed = request.peer.push(Bytes::from_static(b"pushed"));
                    Response::ok(Bytes::from(format!("{pushed:?}")))
                }
                "large" => Response::ok(Bytes::from(vec![0; 20 * 1024 * 1024])),
                other => ServantError::no_function(other).into(),
            }
        })
    }
}

/// `string upper(string text, out int length)`, written by hand.
fn upper(request: &Request) -> Result<Bytes, ServantError> {
    let text: String = request.arguments()?.get(1, "text")?;
    let mut results = Results::new(request.version);
    results.put_return(&text.to_uppercase());
    results.put_out(2, "length", &i32::try_from(text.len()).unwrap());
    Ok(results.finish())
}

/// A running server, which stops when this is dropped.
pub struct Running {
    pub echo: Arc<Echo>,
    pub addr: SocketAddr,
    pub stats: Stats,
    pub stop: CancellationToken,
    pub task: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Running {
    pub async fn tcp() -> Self {
        Self::with(Endpoint::tcp("127.0.0.1", 0), AdapterLimits::default()).await
    }

    pub async fn with(endpoint: Endpoint, limits: AdapterLimits) -> Self {
        let draining = Draining { quiet: Duration::from_millis(100), ..Draining::default() };
        Self::draining(endpoint, limits, draining).await
    }

    pub async fn draining(endpoint: Endpoint, limits: AdapterLimits, draining: Draining) -> Self {
        let echo = Arc::new(Echo::default());
        let adapter =
            Adapter::new("EchoAdapter", endpoint).servant(OBJECT, Arc::clone(&echo) as Arc<dyn Dispatch>).limits(limits);
        let server = Server::builder().adapter(adapter).draining(draining).bind().await.unwrap();
        let (addr, stats, stop) = (server.local_addr("EchoAdapter").unwrap(), server.stats(), CancellationToken::new());
        let task = Some(tokio::spawn(server.serve(stop.clone())));
        Self { echo, addr, stats, stop, task }
    }

    /// The proxy string of the echo object.
    pub fn proxy_string(&self, protocol: &str) -> String {
        format!("{OBJECT}@{protocol} -h 127.0.0.1 -p {}", self.addr.port())
    }

    pub fn proxy(&self, protocol: &str) -> Proxy {
        client(ClientOptions::default()).proxy(&self.proxy_string(protocol)).unwrap()
    }
}

/// A client whose calls wait for [`PATIENCE`].
pub fn client(options: ClientOptions) -> Client {
    Client::builder().options(ClientOptions { timeout: PATIENCE, ..options }).build().unwrap()
}

/// A request to the echo object.
pub fn request(request_id: i32, func: &str, body: &[u8]) -> RequestPacket {
    RequestPacket {
        request_id,
        servant: OBJECT.to_owned(),
        func: func.to_owned(),
        buffer: Bytes::copy_from_slice(body),
        ..RequestPacket::default()
    }
}

/// A TCP client that writes and reads frames as they are.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub async fn send(&mut self, packet: &RequestPacket) {
        self.write(&packet.to_frame().unwrap()).await;
    }

    /// Reads the next frame; `None` if the server closed the connection.
    pub async fn frame(&mut self) -> Option<Bytes> {
        soon("a frame", async {
            let mut length = [0; LENGTH_SIZE];
            self.0.read_exact(&mut length).await.ok()?;
            let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
            frame[..LENGTH_SIZE].copy_from_slice(&length);
            self.0.read_exact(&mut frame[LENGTH_SIZE..]).await.ok()?;
            Some(Bytes::from(frame))
        })
        .await
    }

    pub async fn response(&mut self) -> ResponsePacket {
        let frame = self.frame().await.expect("the connection is closed");
        ResponsePacket::read(&frame.slice(LENGTH_SIZE..)).unwrap()
    }

    pub async fn is_closed(&mut self) -> bool {
        self.frame().await.is_none()
    }
}

/// Captures the lines that this thread writes to the log while the guard lives.
pub fn capture_log() -> (mpsc::UnboundedReceiver<String>, tracing::subscriber::DefaultGuard) {
    #[derive(Clone)]
    struct Lines(mpsc::UnboundedSender<String>);
    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (sender, lines) = mpsc::unbounded_channel();
    let writer = move || Lines(sender.clone());
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false).with_writer(writer).finish();
    (lines, tracing::subscriber::set_default(subscriber))
}
