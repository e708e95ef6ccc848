//! One TCP connection: one task reads requests, starts them and writes answers.

use super::{
    adapter::{AdapterState, add},
    admit::{self, Step},
    dispatch::{Outgoing, Peer},
    draining::Draining,
};
use crate::{
    codec::DecodeError,
    endpoint::Protocol,
    packet::{FrameError, LENGTH_SIZE, Packet, RECONNECT, ResponsePacket, read_frame_length},
};
use bytes::{Buf, Bytes, BytesMut};
use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::mpsc,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many bytes the first read may take. Reads that fill their space grow up to [`MAX_READ`].
const MIN_READ: usize = 8 * 1024;
const MAX_READ: usize = 64 * 1024;
/// While more bytes than this wait for a client to read them, the server reads nothing from it.
const OUT_HIGH: usize = 256 * 1024;
/// How many answers and pushes may wait for the task of the connection.
const CHANNEL: usize = 1024;
/// The requests of one read start on the task of the connection until they took this long together. Later requests, and requests
/// that have to wait, get tasks of their own. Most servants answer without waiting, and then a task would cost more than the
/// answer.
const INLINE: Duration = Duration::from_micros(200);
/// A request of at least this size keeps its part of the read buffer. A smaller one is copied.
const SHARE_FROM: usize = 16 * 1024;
/// The pause after a failed accept. Mostly it fails because the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a closing connection waits for the client to close its side, so that the client gets the last answers.
const LINGER: Duration = Duration::from_secs(1);

/// Accepts connections until `stop`.
pub(super) async fn accept(
    listener: TcpListener,
    adapter: Arc<AdapterState>,
    draining: Draining,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(open) = CountedConnection::new(&adapter) else {
                    add(&adapter.counters.refused, 1);
                    adapter.warn(
                        peer,
                        "connection refused",
                        &format_args!("more than {} connections", adapter.limits.connections),
                    );
                    continue;
                };
                add(&adapter.counters.accepted, 1);
                tasks.spawn(serve(stream, peer, open, draining, stop.clone()));
            }
            Err(error) => {
                tracing::warn!(adapter = %adapter.name, %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Counts a connection while it lives.
struct CountedConnection(Arc<AdapterState>);

impl CountedConnection {
    fn new(adapter: &Arc<AdapterState>) -> Option<Self> {
        if adapter.connections.fetch_add(1, Relaxed) < adapter.limits.connections {
            return Some(Self(Arc::clone(adapter)));
        }
        adapter.connections.fetch_sub(1, Relaxed);
        None
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// Why a connection ends before both sides have ended it.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("undecodable packet: {0}")]
    Packet(#[from] DecodeError),
    #[error("the client read no byte of its answers for {} s", .0.as_secs())]
    WriteTimeout(Duration),
}

async fn serve(mut stream: TcpStream, addr: SocketAddr, open: CountedConnection, draining: Draining, stop: CancellationToken) {
    // Answers are written in as few pieces as possible, so Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let adapter = &open.0;
    let (sender, receiver) = mpsc::channel(CHANNEL);
    let (read, write) = stream.split();
    let mut connection = Connection {
        peer: Peer::new(addr, Protocol::Tcp, Some(sender.clone())),
        adapter,
        read,
        write,
        sender,
        receiver,
        input: BytesMut::new(),
        next_read: MIN_READ,
        out: BytesMut::new(),
        in_flight: 0,
        reading: true,
        last_read: Instant::now(),
        last_write: Instant::now(),
    };
    let end = connection.run(draining, &stop).await;
    match end {
        Ok(()) => close(stream).await,
        Err(ConnectionError::Io(error)) => tracing::debug!(adapter = %adapter.name, peer = %addr, %error, "connection lost"),
        Err(reason) => {
            if matches!(reason, ConnectionError::Frame(_) | ConnectionError::Packet(_)) {
                add(&adapter.counters.malformed, 1);
            }
            adapter.warn(addr, "connection closed", &reason as &dyn fmt::Display);
        }
    }
}

/// Ends the sending side and waits a short time for the client to end its own.
async fn close(mut stream: TcpStream) {
    use tokio::io::AsyncWriteExt;
    if stream.shutdown().await.is_ok() {
        let mut rest = [0; 1024];
        let _ = tokio::time::timeout(LINGER, async { while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {} }).await;
    }
}

struct Connection<'a> {
    adapter: &'a Arc<AdapterState>,
    peer: Peer,
    read: ReadHalf<'a>,
    write: WriteHalf<'a>,
    /// The tasks of requests get clones of it. This one keeps the channel open.
    sender: mpsc::Sender<Outgoing>,
    receiver: mpsc::Receiver<Outgoing>,
    input: BytesMut,
    next_read: usize,
    out: BytesMut,
    /// How many requests run in tasks of their own.
    in_flight: usize,
    reading: bool,
    last_read: Instant,
    last_write: Instant,
}

/// When a connection of a stopping server closes, see [`Draining`].
struct DrainDeadlines {
    quiet: Duration,
    stop_reading: Instant,
    abort: Instant,
}

impl Connection<'_> {
    /// Works until the client has closed its side, or the server stops, and every answer is sent.
    async fn run(&mut self, draining: Draining, stop: &CancellationToken) -> Result<(), ConnectionError> {
        let mut drain: Option<DrainDeadlines> = None;
        let check = tokio::time::sleep(self.check_interval(None));
        tokio::pin!(check);
        loop {
            let more = self.handle_frames()?;
            self.write_now()?;
            if more && self.out.len() < OUT_HIGH {
                tokio::task::yield_now().await;
                continue;
            }
            if self.out.is_empty() && self.in_flight == 0 && !self.reading {
                return Ok(());
            }
            let reading = self.reading && self.out.len() < OUT_HIGH;
            if reading {
                self.input.reserve(self.next_read);
            }
            tokio::select! {
                biased;
                // The answers of tasks come first, because they make room for other requests.
                message = self.receiver.recv(), if self.out.len() < OUT_HIGH => self.take_messages(message),
                writable = self.write.writable(), if !self.out.is_empty() => writable?,
                count = self.read.read_buf(&mut self.input), if reading => self.note_read(count?),
                () = stop.cancelled(), if drain.is_none() => {
                    drain = Some(self.start_draining(draining));
                    check.as_mut().reset(Instant::now() + self.check_interval(drain.as_ref()));
                }
                () = check.as_mut() => {
                    if self.must_close(drain.as_ref())? {
                        return Ok(());
                    }
                    check.as_mut().reset(Instant::now() + self.check_interval(drain.as_ref()));
                }
            }
        }
    }

    fn note_read(&mut self, count: usize) {
        if count == 0 {
            self.reading = false;
            return;
        }
        add(&self.adapter.counters.bytes_in, count);
        self.last_read = Instant::now();
        self.next_read = if count >= self.next_read { (self.next_read * 2).min(MAX_READ) } else { self.next_read };
    }

    /// Answers or starts every complete request that was read, while there is room for answers. Returns `true` if the room ended
    /// first.
    fn handle_frames(&mut self) -> Result<bool, ConnectionError> {
        let max = self.adapter.limits.max_frame;
        let mut start = 0;
        let mut began = None;
        while self.out.len() < OUT_HIGH {
            let Some(len) = read_frame_length(&self.input[start..], max)? else { break };
            let Some(content) = self.input.get(start + LENGTH_SIZE..start + len) else { break };
            match admit::answer_now(self.adapter, content, &self.peer, &mut self.out)? {
                Step::Done => start += len,
                Step::NeedsTask(dispatch) => {
                    let content = if len < SHARE_FROM {
                        let copy = Bytes::copy_from_slice(content);
                        start += len;
                        copy
                    } else {
                        self.input.advance(start);
                        start = 0;
                        self.input.split_to(len).freeze().slice(LENGTH_SIZE..)
                    };
                    if let Some(job) = admit::enqueue(self.adapter, dispatch, &content, &self.peer, &mut self.out)? {
                        let inline = began.get_or_insert_with(Instant::now).elapsed() < INLINE;
                        self.start(job, inline);
                    }
                }
            }
        }
        self.input.advance(start);
        if self.input.is_empty() && self.input.capacity() > 4 * MAX_READ {
            self.input = BytesMut::new();
        }
        Ok(self.out.len() >= OUT_HIGH)
    }

    /// Runs a request. If `inline`, it starts here and gets a task only if it has to wait. Otherwise it starts in its own task.
    fn start(&mut self, job: admit::Job, inline: bool) {
        let mut answer = Box::pin(job.run());
        if inline {
            // The waker may do nothing, because the task below polls the answer again at once.
            if let Poll::Ready(frame) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                self.out.extend_from_slice(&frame.unwrap_or_default());
                return;
            }
        }
        self.in_flight += 1;
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let frame = answer.await;
            // Without a receiver the connection is closed, so nobody waits for the answer.
            let _ = sender.send(Outgoing::Answer(frame)).await;
        });
    }

    /// Takes the first message of the tasks and all further ones that are there already.
    fn take_messages(&mut self, first: Option<Outgoing>) {
        let mut next = first;
        while let Some(message) = next {
            match message {
                Outgoing::Push(frame) => self.out.extend_from_slice(&frame),
                Outgoing::Answer(frame) => {
                    self.in_flight -= 1;
                    if let Some(frame) = frame {
                        self.out.extend_from_slice(&frame);
                    }
                }
            }
            next = if self.out.len() < OUT_HIGH { self.receiver.try_recv().ok() } else { None };
        }
    }

    /// Writes as much as the socket takes now.
    fn write_now(&mut self) -> Result<(), ConnectionError> {
        while !self.out.is_empty() {
            match self.write.try_write(&self.out) {
                Ok(count) => {
                    add(&self.adapter.counters.bytes_out, count);
                    self.out.advance(count);
                    self.last_write = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if self.out.is_empty() {
            self.last_write = Instant::now();
            if self.out.capacity() > 2 * OUT_HIGH {
                self.out = BytesMut::new();
            }
        }
        Ok(())
    }

    /// Asks the client to reconnect elsewhere.
    fn start_draining(&mut self, draining: Draining) -> DrainDeadlines {
        let notice = ResponsePacket { desc: RECONNECT.to_owned(), ..ResponsePacket::default() };
        // The notice has a few bytes. It fails only if the limit leaves no room for any packet.
        let _ = notice.write(&mut self.out, self.adapter.limits.max_frame);
        let now = Instant::now();
        self.last_read = now;
        DrainDeadlines { quiet: draining.quiet, stop_reading: now + draining.stop_reading, abort: now + draining.abort }
    }

    /// Checks the time limits. Returns `true` if the server must close the connection although the client did not.
    fn must_close(&mut self, drain: Option<&DrainDeadlines>) -> Result<bool, ConnectionError> {
        let now = Instant::now();
        let stalled = self.adapter.limits.write_timeout;
        if !self.out.is_empty() && now - self.last_write >= stalled {
            return Err(ConnectionError::WriteTimeout(stalled));
        }
        let at_rest = self.in_flight == 0 && self.out.is_empty();
        let Some(drain) = drain else {
            return Ok(at_rest && now - self.last_read >= self.adapter.limits.idle_timeout);
        };
        if now >= drain.stop_reading {
            self.reading = false;
        }
        let partial_packet = !self.input.is_empty();
        Ok(now >= drain.abort || (at_rest && !partial_packet && now - self.last_read >= drain.quiet))
    }

    fn check_interval(&self, drain: Option<&DrainDeadlines>) -> Duration {
        match drain {
            Some(drain) => (drain.quiet / 4).max(Duration::from_millis(10)),
            None => (self.adapter.limits.idle_timeout.min(self.adapter.limits.write_timeout) / 4).max(Duration::from_millis(10)),
        }
    }
}
