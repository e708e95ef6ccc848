//! Requests and responses, and how they are framed on a connection.
//!
//! ```text
//! frame = length (u32, big endian, counts itself) + fields of a RequestPacket or ResponsePacket
//! ```
//!
//! Versions 2 and 3 ([`version::TUP_LEGACY`], [`version::TUP`]) carry their arguments as named attributes ([`tup`]) and answer with
//! the layout of a [`RequestPacket`].

mod frame;
pub mod tup;
mod view;

use crate::codec::{DecodeError, Decoder, Struct};
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use tars_derive::TarsStruct;

pub use frame::{DEFAULT_MAX_FRAME, FrameError, LENGTH_SIZE, read_frame_length, write_frame};
pub use view::{HeadersView, RequestView};

/// The `context` or `status` of a packet. Ordered, so that equal packets have equal bytes.
pub type Headers = BTreeMap<String, String>;

/// Values of `iVersion`.
pub mod version {
    /// Arguments by tag.
    pub const TARS: i16 = 1;
    /// Arguments by name and type name.
    pub const TUP_LEGACY: i16 = 2;
    /// Arguments by name.
    pub const TUP: i16 = 3;
    /// Arguments as XML; not served.
    pub const XML: i16 = 4;
    /// Arguments as JSON.
    pub const JSON: i16 = 5;
}

/// Values of `cPacketType`.
pub mod packet_type {
    /// A request with a response.
    pub const NORMAL: i8 = 0;
    /// A request that never gets a response, not even for errors.
    pub const ONE_WAY: i8 = 1;
}

/// Bits of `iMessageType`.
pub mod message_type {
    /// Routed by a hash.
    pub const HASH: i32 = 0x01;
    /// Grid routing.
    pub const GRID: i32 = 0x02;
    /// `STATUS_DYED_KEY` is valid.
    pub const DYED: i32 = 0x04;
    /// Sampled.
    pub const SAMPLE: i32 = 0x08;
    /// Asynchronous call.
    pub const ASYNC: i32 = 0x10;
    /// The first frame of an authenticated connection.
    pub const AUTH: i32 = 0x40;
    /// `STATUS_SETNAME_VALUE` is valid.
    pub const SET_NAME: i32 = 0x80;
    /// `STATUS_TRACE_KEY` is valid.
    pub const TRACE: i32 = 0x100;
}

/// Values of `iRet`: the return codes of the framework.
pub mod ret {
    /// Success.
    pub const SUCCESS: i32 = 0;
    /// The server could not decode the arguments.
    pub const DECODE: i32 = -1;
    /// The server could not encode the results.
    pub const ENCODE: i32 = -2;
    /// The servant has no such function.
    pub const NO_FUNCTION: i32 = -3;
    /// The adapter has no such servant.
    pub const NO_SERVANT: i32 = -4;
    /// Grid state mismatch.
    pub const RESET_GRID: i32 = -5;
    /// The request waited too long in the server's queue.
    pub const QUEUE_TIMEOUT: i32 = -6;
    /// The client waited too long.
    pub const INVOKE_TIMEOUT: i32 = -7;
    /// The client could not connect.
    pub const CONNECT: i32 = -8;
    /// The server's queue is too long.
    pub const OVERLOAD: i32 = -9;
    /// The client found no endpoint.
    pub const NO_ADAPTER: i32 = -10;
    /// The set check refused the call.
    pub const INVALID_SET: i32 = -11;
    /// The client could not decode the response.
    pub const CLIENT_DECODE: i32 = -12;
    /// The client could not send the request.
    pub const SEND: i32 = -13;
    /// Any other failure of the servant.
    pub const UNKNOWN: i32 = -99;
}

/// Well-known keys of `status` and `context`.
pub mod header {
    /// Key of the dyed user.
    pub const DYED: &str = "STATUS_DYED_KEY";
    /// Routing key for grid and dyeing decisions.
    pub const GRID: &str = "STATUS_GRID_KEY";
    /// Key of the call chain.
    pub const TRACE: &str = "STATUS_TRACE_KEY";
    /// Set of the caller, `name.area.group`.
    pub const SET_NAME: &str = "STATUS_SETNAME_VALUE";
    /// Decimal return code in responses of versions 2 and 3.
    pub const RESULT_CODE: &str = "STATUS_RESULT_CODE";
    /// Error text in responses of versions 2 and 3.
    pub const RESULT_DESC: &str = "STATUS_RESULT_DESC";
    /// Context: node name of the caller.
    pub const NODE_NAME: &str = "node_name";
}

/// The function that every servant answers before any dispatch.
pub const PING: &str = "tars_ping";

/// The text of the push that asks a client to use a new connection for later calls.
pub const RECONNECT: &str = "_reconnect_";

/// A request, and the response of versions 2 and 3.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct RequestPacket {
    /// One of [`version`].
    #[tars(tag = 1, require, name = "iVersion", default = version::TARS)]
    pub version: i16,
    /// One of [`packet_type`].
    #[tars(tag = 2, require, name = "cPacketType")]
    pub packet_type: i8,
    /// Bits of [`message_type`].
    #[tars(tag = 3, require, name = "iMessageType")]
    pub message_type: i32,
    /// Unique among the outstanding requests of a connection; 0 is reserved for pushes.
    #[tars(tag = 4, require, name = "iRequestId")]
    pub request_id: i32,
    /// Object name without endpoints.
    #[tars(tag = 5, require, name = "sServantName")]
    pub servant: String,
    /// Function name.
    #[tars(tag = 6, require, name = "sFuncName")]
    pub func: String,
    /// Encoded arguments.
    #[tars(tag = 7, require, name = "sBuffer")]
    pub buffer: Bytes,
    /// Milliseconds that the client waits, 0 for no limit.
    #[tars(tag = 8, require, name = "iTimeout")]
    pub timeout: i32,
    /// Headers of the user.
    #[tars(tag = 9, require)]
    pub context: Headers,
    /// Headers of the framework.
    #[tars(tag = 10, require)]
    pub status: Headers,
}

/// The response of version 1, and a push when `request_id` is 0.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ResponsePacket {
    /// Copied from the request.
    #[tars(tag = 1, require, name = "iVersion", default = version::TARS)]
    pub version: i16,
    /// [`packet_type::NORMAL`].
    #[tars(tag = 2, require, name = "cPacketType")]
    pub packet_type: i8,
    /// Copied from the request; 0 marks a push.
    #[tars(tag = 3, require, name = "iRequestId")]
    pub request_id: i32,
    /// Copied from the request.
    #[tars(tag = 4, require, name = "iMessageType")]
    pub message_type: i32,
    /// One of [`ret`], or a code of the servant.
    #[tars(tag = 5, require, name = "iRet")]
    pub ret: i32,
    /// Encoded results.
    #[tars(tag = 6, require, name = "sBuffer")]
    pub buffer: Bytes,
    /// Headers of the framework.
    #[tars(tag = 7, require)]
    pub status: Headers,
    /// Error text.
    #[tars(tag = 8, optional, name = "sResultDesc")]
    pub desc: String,
    /// Headers of the user.
    #[tars(tag = 9, optional)]
    pub context: Headers,
}

/// What travels in a frame.
pub trait Packet: Struct {
    /// Appends the packet as one frame of at most `max` bytes.
    fn write(&self, out: &mut BytesMut, max: usize) -> Result<(), FrameError> {
        write_frame(out, max, |encoder| self.encode_fields(encoder))
    }

    /// The packet as one frame of at most [`DEFAULT_MAX_FRAME`] bytes.
    fn to_frame(&self) -> Result<Bytes, FrameError> {
        let mut out = BytesMut::new();
        self.write(&mut out, DEFAULT_MAX_FRAME)?;
        Ok(out.freeze())
    }

    /// Reads the packet from a frame's content, without the length. The packet's buffer shares the memory of `content`.
    fn read(content: &Bytes) -> Result<Self, DecodeError> {
        Self::decode_fields(&mut Decoder::over(content))
    }
}

impl Packet for RequestPacket {}
impl Packet for ResponsePacket {}
