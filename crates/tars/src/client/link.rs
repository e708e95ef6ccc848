//! One connection to one endpoint. All calls to the endpoint share it.

use super::{options::ClientOptions, push::PushHandler};
use crate::{
    endpoint::{Endpoint, Protocol},
    packet::{LENGTH_SIZE, PING, Packet, RECONNECT, RequestPacket, ResponsePacket, read_frame_length},
};
use bytes::{Buf, Bytes, BytesMut};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, UdpSocket, lookup_host},
    sync::{mpsc, oneshot},
    time::Instant,
};

/// How many frames may wait for the task of the connection.
const CHANNEL: usize = 1024;
/// How many bytes are read at a time.
const READ: usize = 64 * 1024;
/// While more bytes than this wait for the server to read them, the task takes no further frames from callers.
const OUT_HIGH: usize = 256 * 1024;

/// How a call ends: with the packet that answers it, or with the reason why the connection was lost.
type Outcome = Result<ResponsePacket, String>;

/// The callers' side of a connection. When it is dropped, the connection closes after the last answer that a call waits for.
#[derive(Debug)]
pub(super) struct Link {
    frames: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The calls that wait, by request id; `None` after the connection was closed.
    pending: Mutex<Option<HashMap<i32, oneshot::Sender<Outcome>>>>,
    /// Whether later calls must use another connection.
    retired: AtomicBool,
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Option<HashMap<i32, oneshot::Sender<Outcome>>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a call cannot wait on this connection.
pub(super) enum CannotWait {
    /// The connection was closed.
    Closed,
    /// This many calls wait already, and no more may wait.
    Busy(usize),
}

/// A call that waits for its answer. Dropping it takes the call off the list.
pub(super) struct Waiting {
    id: i32,
    shared: Arc<Shared>,
    outcome: oneshot::Receiver<Outcome>,
}

impl Waiting {
    /// Waits for the answer, or for the loss of the connection.
    pub(super) async fn wait(mut self) -> Outcome {
        (&mut self.outcome).await.unwrap_or_else(|_| Err("the connection's task ended".to_owned()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(pending) = self.shared.pending().as_mut() {
            pending.remove(&self.id);
        }
    }
}

/// Returns the next request id of the process. Ids are positive (`docs/reference/wire.md#11.7`).
pub(super) fn next_request_id() -> i32 {
    static LAST: AtomicI32 = AtomicI32::new(0);
    loop {
        let id = LAST.fetch_add(1, Relaxed).wrapping_add(1) & i32::MAX;
        if id != 0 {
            return id;
        }
    }
}

impl Link {
    /// Connects to `endpoint`. Pings that keep the connection alive go to `object`.
    pub(super) async fn open(
        endpoint: &Endpoint,
        object: &str,
        options: &Arc<ClientOptions>,
        pushes: &PushHandler,
    ) -> io::Result<Self> {
        let connect = async {
            let host = (endpoint.host.as_str(), endpoint.port);
            match endpoint.protocol {
                Protocol::Tcp => {
                    let stream = TcpStream::connect(host).await?;
                    stream.set_nodelay(true)?;
                    Ok(Socket::Tcp(stream))
                }
                Protocol::Udp => {
                    let addr = lookup_host(host).await?.next();
                    let addr = addr.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))?;
                    let any: SocketAddr = if addr.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
                    let socket = UdpSocket::bind(any).await?;
                    socket.connect(addr).await?;
                    Ok(Socket::Udp(socket))
                }
                Protocol::Ssl => Err(io::Error::new(io::ErrorKind::Unsupported, "ssl endpoints cannot be called")),
            }
        };
        let socket = tokio::time::timeout(options.connect_timeout, connect).await.map_err(|_| {
            io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {} ms", options.connect_timeout.as_millis()))
        })??;
        let (frames, receiver) = mpsc::channel(CHANNEL);
        let shared = Arc::new(Shared { pending: Mutex::new(Some(HashMap::new())), retired: AtomicBool::new(false) });
        let driver = Driver {
            endpoint: endpoint.clone(),
            object: object.to_owned(),
            shared: Arc::clone(&shared),
            options: Arc::clone(options),
            pushes: pushes.clone(),
            frames: receiver,
            open: true,
            last_heard: Instant::now(),
            pinged: false,
        };
        tokio::spawn(driver.run(socket));
        Ok(Self { frames, shared })
    }

    /// Whether later calls may use this connection.
    pub(super) fn is_usable(&self) -> bool {
        !self.shared.retired.load(Relaxed) && !self.frames.is_closed()
    }

    /// Puts a call on the list of calls that wait, unless `max` calls wait already.
    pub(super) fn register(&self, id: i32, max: usize) -> Result<Waiting, CannotWait> {
        let mut guard = self.shared.pending();
        let Some(pending) = guard.as_mut() else { return Err(CannotWait::Closed) };
        if pending.len() >= max {
            return Err(CannotWait::Busy(pending.len()));
        }
        let (sender, outcome) = oneshot::channel();
        pending.insert(id, sender);
        Ok(Waiting { id, shared: Arc::clone(&self.shared), outcome })
    }

    /// Passes a frame to the task of the connection; `false` if the connection was closed.
    pub(super) async fn send(&self, frame: Bytes) -> bool {
        self.frames.send(frame).await.is_ok()
    }
}

enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

/// The task of a connection.
struct Driver {
    endpoint: Endpoint,
    object: String,
    shared: Arc<Shared>,
    options: Arc<ClientOptions>,
    pushes: PushHandler,
    frames: mpsc::Receiver<Bytes>,
    /// Whether callers can still send.
    open: bool,
    last_heard: Instant,
    /// Whether a ping was sent since the last byte arrived.
    pinged: bool,
}

impl Driver {
    async fn run(mut self, socket: Socket) {
        let end = match socket {
            Socket::Tcp(stream) => self.run_stream(stream).await,
            Socket::Udp(socket) => self.run_datagrams(socket).await,
        };
        let reason = end.err().unwrap_or_else(|| "it was closed".to_owned());
        self.shared.retired.store(true, Relaxed);
        self.frames.close();
        let pending = self.shared.pending().take().unwrap_or_default();
        tracing::debug!(endpoint = %self.endpoint, %reason, calls = pending.len(), "connection ended");
        for (_, waiting) in pending {
            // A caller that does not wait any more misses nothing.
            let _ = waiting.send(Err(reason.clone()));
        }
    }

    async fn run_stream(&mut self, mut stream: TcpStream) -> Result<(), String> {
        let (mut read, write) = stream.split();
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        let mut tick = tokio::time::interval(self.check_interval());
        loop {
            while !out.is_empty() {
                match write.try_write(&out) {
                    Ok(count) => out.advance(count),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.to_string()),
                }
            }
            if out.is_empty() && self.is_done() {
                return Ok(());
            }
            input.reserve(READ);
            tokio::select! {
                frame = self.frames.recv(), if self.open && out.len() < OUT_HIGH => self.take_frames(frame, &mut out),
                writable = write.writable(), if !out.is_empty() => writable.map_err(|error| error.to_string())?,
                count = read.read_buf(&mut input) => {
                    if count.map_err(|error| error.to_string())? == 0 {
                        return Err("the server closed it".to_owned());
                    }
                    self.note_received();
                    while let Some(len) = read_frame_length(&input, self.options.max_frame).map_err(|error| error.to_string())? {
                        if input.len() < len {
                            break;
                        }
                        self.receive(&input.split_to(len).freeze().slice(LENGTH_SIZE..))?;
                    }
                }
                _ = tick.tick() => self.check_liveness(&mut out)?,
            }
        }
    }

    async fn run_datagrams(&mut self, socket: UdpSocket) -> Result<(), String> {
        let mut input = vec![0; READ];
        let mut out = BytesMut::new();
        let mut tick = tokio::time::interval(self.check_interval());
        loop {
            if self.is_done() {
                return Ok(());
            }
            tokio::select! {
                frame = self.frames.recv(), if self.open => match frame {
                    Some(frame) => drop(socket.send(&frame).await.map_err(|error| error.to_string())?),
                    None => self.open = false,
                },
                count = socket.recv(&mut input) => {
                    let count = count.map_err(|error| error.to_string())?;
                    self.note_received();
                    // Nobody waits for a datagram that is not a frame.
                    if read_frame_length(&input[..count], self.options.max_frame) == Ok(Some(count)) {
                        let _ = self.receive(&Bytes::copy_from_slice(&input[LENGTH_SIZE..count]));
                    }
                }
                _ = tick.tick() => {
                    self.check_liveness(&mut out)?;
                    if !out.is_empty() {
                        socket.send(&out).await.map_err(|error| error.to_string())?;
                        out.clear();
                    }
                }
            }
        }
    }

    /// Takes the first frame of the callers and all further ones that are there already.
    fn take_frames(&mut self, first: Option<Bytes>, out: &mut BytesMut) {
        let Some(first) = first else {
            self.open = false;
            return;
        };
        out.extend_from_slice(&first);
        while out.len() < OUT_HIGH {
            let Ok(frame) = self.frames.try_recv() else { break };
            out.extend_from_slice(&frame);
        }
    }

    fn note_received(&mut self) {
        self.last_heard = Instant::now();
        self.pinged = false;
    }

    /// Passes a packet to the call that waits for it, or to the handler of pushes.
    fn receive(&mut self, content: &Bytes) -> Result<(), String> {
        let packet = ResponsePacket::read(content).map_err(|error| format!("undecodable packet: {error}"))?;
        if packet.request_id != 0 {
            let waiting = self.shared.pending().as_mut().and_then(|pending| pending.remove(&packet.request_id));
            if let Some(waiting) = waiting {
                let _ = waiting.send(Ok(packet));
            }
        } else if packet.desc == RECONNECT {
            tracing::debug!(endpoint = %self.endpoint, "the server asks to reconnect");
            self.shared.retired.store(true, Relaxed);
        } else {
            self.pushes.handle(&self.endpoint, packet);
        }
        Ok(())
    }

    /// Whether no call waits and no further call can come.
    fn is_done(&self) -> bool {
        let over = !self.open || self.shared.retired.load(Relaxed);
        over && self.frames.is_empty() && self.shared.pending().as_ref().is_none_or(HashMap::is_empty)
    }

    fn check_interval(&self) -> Duration {
        self.options.keep_alive.unwrap_or(self.options.idle_timeout / 4).max(Duration::from_millis(10))
    }

    /// Retires the connection if it was idle for too long, pings a silent server, and gives up on one that stays silent.
    fn check_liveness(&mut self, out: &mut BytesMut) -> Result<(), String> {
        let silent = self.last_heard.elapsed();
        let idle = self.shared.pending().as_ref().is_none_or(HashMap::is_empty);
        if idle && silent >= self.options.idle_timeout {
            self.shared.retired.store(true, Relaxed);
        }
        let Some(interval) = self.options.keep_alive else { return Ok(()) };
        if silent < interval {
            return Ok(());
        }
        if self.pinged && silent >= interval * 2 {
            return Err(format!("the server was silent for {} ms", silent.as_millis()));
        }
        if !self.pinged {
            let ping = RequestPacket {
                request_id: next_request_id(),
                servant: self.object.clone(),
                func: PING.to_owned(),
                timeout: i32::try_from(interval.as_millis()).unwrap_or(i32::MAX),
                ..RequestPacket::default()
            };
            ping.write(out, self.options.max_frame).map_err(|error| error.to_string())?;
            self.pinged = true;
        }
        Ok(())
    }
}
