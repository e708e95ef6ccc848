//! What a servant sees of a request, and what it answers.

use crate::{
    args::Arguments,
    codec::DecodeError,
    endpoint::Protocol,
    packet::{FrameError, Headers, Packet, RequestPacket, RequestView, ResponsePacket, ret, version},
};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use std::{borrow::Cow, fmt, net::SocketAddr};
use tokio::sync::mpsc;

/// The future of an answer.
pub type AnswerFuture<'a> = BoxFuture<'a, Response>;

/// Answers the requests to one servant. `#[tars::interface]` generates implementations.
///
/// `tars_ping`, unknown servants and one-way requests are taken care of before and after.
pub trait Dispatch: Send + Sync + 'static {
    /// Answers a request that needs no waiting, without a copy of it and without a task. `None` leaves it to [`Dispatch::call`].
    ///
    /// It runs on the task of the connection: while it works, no other request of the connection makes progress.
    fn answer_now(&self, call: &Call<'_>) -> Option<Response> {
        let _ = call;
        None
    }

    /// Answers a request. It begins on the connection's task and moves to one of its own when it has to wait; long computations
    /// belong into `tokio::task::spawn_blocking`.
    fn call(&self, request: Request) -> AnswerFuture<'_>;
}

/// A request seen in place.
#[derive(Debug)]
pub struct Call<'a> {
    view: &'a RequestView<'a>,
    peer: &'a Peer,
}

impl<'a> Call<'a> {
    pub(super) fn new(view: &'a RequestView<'a>, peer: &'a Peer) -> Self {
        Self { view, peer }
    }

    /// Version of the packet: 1, 2 or 3. It decides on the form of arguments and results.
    pub fn version(&self) -> i16 {
        self.view.version
    }

    /// Object name.
    pub fn servant(&self) -> &str {
        &self.view.servant
    }

    /// Function name.
    pub fn func(&self) -> &str {
        &self.view.func
    }

    /// Encoded arguments. In version 1 `Decoder::new(call.buffer())` reads them.
    pub fn buffer(&self) -> &[u8] {
        &self.view.buffer
    }

    /// A header of the user.
    pub fn context(&self, key: &str) -> Option<String> {
        self.view.context.get(key)
    }

    /// A header of the framework.
    pub fn status(&self, key: &str) -> Option<String> {
        self.view.status.get(key)
    }

    /// Who asks.
    pub fn peer(&self) -> &Peer {
        self.peer
    }
}

/// A request with everything it brought.
#[derive(Debug, Clone)]
pub struct Request {
    /// Version of the packet: 1, 2 or 3. It decides on the form of arguments and results.
    pub version: i16,
    /// Bits of [`crate::packet::message_type`].
    pub message_type: i32,
    /// Correlation id of the connection.
    pub request_id: i32,
    /// Whether nobody waits for the answer.
    pub one_way: bool,
    /// Object name.
    pub servant: String,
    /// Function name.
    pub func: String,
    /// Encoded arguments, see [`Request::arguments`].
    pub buffer: Bytes,
    /// Milliseconds that the client waits, 0 for no limit.
    pub timeout: i32,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
    /// Who asks.
    pub peer: Peer,
}

impl Request {
    /// A request that arrived in `packet` from `peer`.
    pub fn new(packet: RequestPacket, peer: Peer) -> Self {
        Self {
            version: packet.version,
            message_type: packet.message_type,
            request_id: packet.request_id,
            one_way: packet.packet_type == crate::packet::packet_type::ONE_WAY,
            servant: packet.servant,
            func: packet.func,
            buffer: packet.buffer,
            timeout: packet.timeout,
            context: packet.context,
            status: packet.status,
            peer,
        }
    }

    /// The arguments, by tag or by name.
    pub fn arguments(&self) -> Result<Arguments<'_>, DecodeError> {
        Arguments::read(self.version, &self.buffer)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// One of [`ret`], or a code of the servant.
    pub ret: i32,
    /// Encoded results, see [`crate::args::Results`].
    pub body: Bytes,
    /// Error text.
    pub desc: Cow<'static, str>,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
}

impl Response {
    /// A success with these encoded results.
    pub fn ok(body: Bytes) -> Self {
        Self { body, ..Self::default() }
    }

    /// A failure with a text.
    pub fn error(ret: i32, desc: impl Into<Cow<'static, str>>) -> Self {
        Self { ret, desc: desc.into(), ..Self::default() }
    }
}

impl From<ServantError> for Response {
    fn from(error: ServantError) -> Self {
        Self::error(error.ret, error.text)
    }
}

impl From<Result<Bytes, ServantError>> for Response {
    fn from(result: Result<Bytes, ServantError>) -> Self {
        result.map_or_else(Self::from, Self::ok)
    }
}

/// Why a servant could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} (return code {ret})")]
pub struct ServantError {
    /// Code that the client sees as `iRet`.
    pub ret: i32,
    /// Text that the client sees as `sResultDesc`.
    pub text: String,
}

impl ServantError {
    /// An error with a code of the servant or of [`ret`].
    pub fn new(ret: i32, text: impl Into<String>) -> Self {
        Self { ret, text: text.into() }
    }

    /// Any other failure: -99.
    pub fn unknown(problem: impl fmt::Display) -> Self {
        Self::new(ret::UNKNOWN, problem.to_string())
    }

    /// There is no such function: -3.
    pub fn no_function(name: &str) -> Self {
        Self::new(ret::NO_FUNCTION, format!("function `{name}` does not exist"))
    }
}

impl From<DecodeError> for ServantError {
    fn from(error: DecodeError) -> Self {
        Self::new(ret::DECODE, error.to_string())
    }
}

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct Peer {
    addr: SocketAddr,
    protocol: Protocol,
    pushes: Option<mpsc::Sender<Outgoing>>,
}

/// What a connection is asked to send.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// The end of a request that ran in its own task, with the frame to send unless it was one-way.
    Answer(Option<Bytes>),
    /// A push.
    Push(Bytes),
}

impl Peer {
    pub(super) fn new(addr: SocketAddr, protocol: Protocol, pushes: Option<mpsc::Sender<Outgoing>>) -> Self {
        Self { addr, protocol, pushes }
    }

    /// Address of the client.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How the request travelled.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sends `body` to the client without being asked. It may be called long after the request was answered.
    pub fn push(&self, body: Bytes) -> Result<(), PushError> {
        let pushes = self.pushes.as_ref().ok_or(PushError::NotConnected)?;
        let push = ResponsePacket { version: version::TARS, buffer: body, ..ResponsePacket::default() };
        let mut frame = BytesMut::new();
        push.write(&mut frame, crate::packet::DEFAULT_MAX_FRAME)?;
        pushes.try_send(Outgoing::Push(frame.freeze())).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PushError::Slow,
            mpsc::error::TrySendError::Closed(_) => PushError::NotConnected,
        })
    }
}

/// Why a push was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The connection is closed, or the request came over UDP.
    #[error("the client has no open connection for pushes")]
    NotConnected,
    /// The client does not read fast enough.
    #[error("the client reads too slowly, its queue is full")]
    Slow,
    /// The push is too large.
    #[error(transparent)]
    TooLarge(#[from] FrameError),
}
