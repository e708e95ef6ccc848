//! The requests that a servant gets and the responses that it gives.

use crate::{
    args::Arguments,
    codec::DecodeError,
    endpoint::Protocol,
    packet::{
        DEFAULT_MAX_FRAME, FrameError, Headers, Packet, RequestPacket, RequestView, ResponsePacket, packet_type, ret, version,
    },
};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use std::{borrow::Cow, fmt, net::SocketAddr};
use tokio::sync::mpsc;

/// Gives the answer to a request.
pub type AnswerFuture<'a> = BoxFuture<'a, Response>;

/// Answers the requests to one servant. `#[tars::interface]` generates an implementation from an interface.
///
/// The server itself answers `tars_ping` and requests to unknown servants, and it drops the answers to one-way requests.
pub trait Dispatch: Send + Sync + 'static {
    /// Answers a request that needs no waiting, without a copy of the request and without a task. `None` leaves it to
    /// [`Dispatch::call`].
    ///
    /// It runs on the task of the connection, so no other request of this connection makes progress meanwhile.
    fn answer_now(&self, call: &Call<'_>) -> Option<Response> {
        let _ = call;
        None
    }

    /// Answers a request. The future may start on the task of the connection; if it has to wait, it moves to a task of its own.
    /// Long computations belong into `tokio::task::spawn_blocking`.
    fn call(&self, request: Request) -> AnswerFuture<'_>;
}

/// A request that is read in place.
#[derive(Debug)]
pub struct Call<'a> {
    view: &'a RequestView<'a>,
    peer: &'a Peer,
}

impl<'a> Call<'a> {
    pub(super) fn new(view: &'a RequestView<'a>, peer: &'a Peer) -> Self {
        Self { view, peer }
    }

    /// The version of the packet: 1, 2 or 3. It decides on the form of arguments and results.
    pub fn version(&self) -> i16 {
        self.view.version
    }

    /// The name of the object that is called.
    pub fn servant(&self) -> &str {
        &self.view.servant
    }

    /// The name of the function in the interface definition.
    pub fn func(&self) -> &str {
        &self.view.func
    }

    /// The encoded arguments. In version 1 `Decoder::new(call.buffer())` reads them.
    pub fn buffer(&self) -> &[u8] {
        &self.view.buffer
    }

    /// Reads a header of the user.
    pub fn context(&self, key: &str) -> Option<String> {
        self.view.context.get(key)
    }

    /// Reads a header of the framework.
    pub fn status(&self, key: &str) -> Option<String> {
        self.view.status.get(key)
    }

    /// The client that sent the request.
    pub fn peer(&self) -> &Peer {
        self.peer
    }
}

/// A request with its own copy of all that it brought.
#[derive(Debug, Clone)]
pub struct Request {
    /// The version of the packet: 1, 2 or 3. It decides on the form of arguments and results.
    pub version: i16,
    /// Bits of [`crate::packet::message_type`].
    pub message_type: i32,
    /// The id that the response repeats.
    pub request_id: i32,
    /// Whether the client wants no answer.
    pub one_way: bool,
    /// The name of the object that is called.
    pub servant: String,
    /// The name of the function in the interface definition.
    pub func: String,
    /// The encoded arguments, see [`Request::arguments`].
    pub buffer: Bytes,
    /// Milliseconds that the client waits, 0 for no limit.
    pub timeout: i32,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
    /// The client that sent the request.
    pub peer: Peer,
}

impl Request {
    /// A request that arrived in `packet` from `peer`.
    pub fn new(packet: RequestPacket, peer: Peer) -> Self {
        Self {
            version: packet.version,
            message_type: packet.message_type,
            request_id: packet.request_id,
            one_way: packet.packet_type == packet_type::ONE_WAY,
            servant: packet.servant,
            func: packet.func,
            buffer: packet.buffer,
            timeout: packet.timeout,
            context: packet.context,
            status: packet.status,
            peer,
        }
    }

    /// Begins to read the arguments, by tag or by name.
    pub fn arguments(&self) -> Result<Arguments<'_>, DecodeError> {
        Arguments::read(self.version, &self.buffer)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// One of [`ret`], or a code of the servant.
    pub ret: i32,
    /// The encoded results, see [`crate::args::Results`].
    pub body: Bytes,
    /// The text of an error; empty if there is none.
    pub desc: Cow<'static, str>,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
}

impl Response {
    /// A success with the encoded results `body`.
    pub fn ok(body: Bytes) -> Self {
        Self { body, ..Self::default() }
    }

    /// A failure with a return code and a text.
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
    /// The return code that the client gets as `iRet`.
    pub ret: i32,
    /// The text that the client gets as `sResultDesc`.
    pub text: String,
}

impl ServantError {
    /// An error with a return code of [`ret`] or of the servant itself.
    pub fn new(ret: i32, text: impl Into<String>) -> Self {
        Self { ret, text: text.into() }
    }

    /// An error without a code of its own: -99.
    pub fn unknown(problem: impl fmt::Display) -> Self {
        Self::new(ret::UNKNOWN, problem.to_string())
    }

    /// The error for a function that the servant does not have: -3.
    pub fn no_function(name: &str) -> Self {
        Self::new(ret::NO_FUNCTION, format!("function `{name}` does not exist"))
    }
}

impl From<DecodeError> for ServantError {
    fn from(error: DecodeError) -> Self {
        Self::new(ret::DECODE, error.to_string())
    }
}

/// The client that a request came from.
#[derive(Debug, Clone)]
pub struct Peer {
    addr: SocketAddr,
    protocol: Protocol,
    pushes: Option<mpsc::Sender<Outgoing>>,
}

/// A message to the task of a connection, which sends it to the client.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A request that ran in a task of its own has ended. The frame is its answer, unless the request was one-way.
    Answer(Option<Bytes>),
    /// A push.
    Push(Bytes),
}

impl Peer {
    pub(super) fn new(addr: SocketAddr, protocol: Protocol, pushes: Option<mpsc::Sender<Outgoing>>) -> Self {
        Self { addr, protocol, pushes }
    }

    /// The address of the client.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The transport of the request.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Sends `body` to the client without a request. A servant may do so long after it answered the request.
    pub fn push(&self, body: Bytes) -> Result<(), PushError> {
        let pushes = self.pushes.as_ref().ok_or(PushError::NotConnected)?;
        let push = ResponsePacket { version: version::TARS, buffer: body, ..ResponsePacket::default() };
        let mut frame = BytesMut::new();
        push.write(&mut frame, DEFAULT_MAX_FRAME)?;
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
    /// The client reads too slowly: too many answers and pushes wait for it.
    #[error("the client reads too slowly, its queue is full")]
    Slow,
    /// The push is larger than the default limit of a frame.
    #[error(transparent)]
    TooLarge(#[from] FrameError),
}
