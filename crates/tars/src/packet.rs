//! Requests and responses, and the frames that carry them (`docs/reference/wire.md#5`, `docs/reference/wire.md#6`).
//!
//! ```text
//! frame = length (u32, big endian, counts itself too) + fields of a RequestPacket or ResponsePacket
//! ```
//!
//! A request of version 2 or 3 ([`version::TUP_LEGACY`], [`version::TUP`]) carries its arguments as named attributes ([`tup`]),
//! and the response to it has the layout of a [`RequestPacket`].

mod frame;
pub mod tup;
mod view;

use crate::codec::{DecodeError, Decoder, Struct};
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use tars_derive::TarsStruct;

pub use frame::{DEFAULT_MAX_FRAME, FrameError, LENGTH_SIZE, read_frame_length, write_frame};
pub use view::{HeadersView, RequestView};

/// The `context` or the `status` of a packet. The map is ordered, so that equal packets have equal bytes.
pub type Headers = BTreeMap<String, String>;

/// Values of `iVersion` (`docs/reference/wire.md#7.1`).
pub mod version {
    /// Arguments and results by tag.
    pub const TARS: i16 = 1;
    /// Arguments and results by name, with the name of each type.
    pub const TUP_LEGACY: i16 = 2;
    /// Arguments and results by name.
    pub const TUP: i16 = 3;
    /// Arguments and results as XML. No server of this crate serves it.
    pub const XML: i16 = 4;
    /// Arguments and results as JSON. No server of this crate serves it.
    pub const JSON: i16 = 5;
}

/// Values of `cPacketType` (`docs/reference/wire.md#7.2`).
pub mod packet_type {
    /// A request with a response.
    pub const NORMAL: i8 = 0;
    /// A request that never gets a response, not even for an error.
    pub const ONE_WAY: i8 = 1;
}

/// Bits of `iMessageType` (`docs/reference/wire.md#7.3`).
pub mod message_type {
    /// The client chose the endpoint by a hash.
    pub const HASH: i32 = 0x01;
    /// The call uses grid routing.
    pub const GRID: i32 = 0x02;
    /// `STATUS_DYED_KEY` is valid.
    pub const DYED: i32 = 0x04;
    /// The call is sampled for statistics.
    pub const SAMPLE: i32 = 0x08;
    /// The caller does not block.
    pub const ASYNC: i32 = 0x10;
    /// The packet is the first one of an authenticated connection.
    pub const AUTH: i32 = 0x40;
    /// `STATUS_SETNAME_VALUE` is valid.
    pub const SET_NAME: i32 = 0x80;
    /// `STATUS_TRACE_KEY` is valid.
    pub const TRACE: i32 = 0x100;
}

/// Values of `iRet`: the return codes of the framework (`docs/reference/wire.md#7.4`). A servant may answer other codes.
pub mod ret {
    /// The call succeeded.
    pub const SUCCESS: i32 = 0;
    /// The server could not decode the arguments.
    pub const DECODE: i32 = -1;
    /// The server could not send the results.
    pub const ENCODE: i32 = -2;
    /// The servant has no such function.
    pub const NO_FUNCTION: i32 = -3;
    /// The adapter has no such servant.
    pub const NO_SERVANT: i32 = -4;
    /// The grid states of client and server differ. Nothing in this crate answers it.
    pub const RESET_GRID: i32 = -5;
    /// The request waited too long in the server's queue.
    pub const QUEUE_TIMEOUT: i32 = -6;
    /// The client got no answer in time.
    pub const INVOKE_TIMEOUT: i32 = -7;
    /// The client could not connect, or lost the connection.
    pub const CONNECT: i32 = -8;
    /// Too many requests wait in the server's queue.
    pub const OVERLOAD: i32 = -9;
    /// The client found no endpoint, or the name service did not answer.
    pub const NO_ADAPTER: i32 = -10;
    /// The server does not serve the set of the caller. Nothing in this crate answers it.
    pub const INVALID_SET: i32 = -11;
    /// The client could not decode the results.
    pub const CLIENT_DECODE: i32 = -12;
    /// The client could not send the request.
    pub const SEND: i32 = -13;
    /// The servant failed in any other way, for example by a panic.
    pub const UNKNOWN: i32 = -99;
}

/// Keys of `status` and `context` that have a fixed meaning (`docs/reference/wire.md#5.3`).
pub mod header {
    /// `status`: the user whose calls are traced.
    pub const DYED: &str = "STATUS_DYED_KEY";
    /// `status`: the routing key of the grid.
    pub const GRID: &str = "STATUS_GRID_KEY";
    /// `status`: the chain of calls that this call belongs to.
    pub const TRACE: &str = "STATUS_TRACE_KEY";
    /// `status`: the set of the caller, as `name.area.group`.
    pub const SET_NAME: &str = "STATUS_SETNAME_VALUE";
    /// `status`: the return code in decimal, in a response of version 2 or 3.
    pub const RESULT_CODE: &str = "STATUS_RESULT_CODE";
    /// `status`: the text of an error, in a response of version 2 or 3.
    pub const RESULT_DESC: &str = "STATUS_RESULT_DESC";
    /// `context`: the node name of the caller, for the name service.
    pub const NODE_NAME: &str = "node_name";
}

/// The function that the server answers for every servant, without calling it.
pub const PING: &str = "tars_ping";

/// The text of the push that asks a client to use a new connection for later calls.
pub const RECONNECT: &str = "_reconnect_";

/// A request, and also the response to a request of version 2 or 3.
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
    /// Chosen by the client. It is unique among the requests of a connection that wait for a response; 0 is reserved for pushes.
    #[tars(tag = 4, require, name = "iRequestId")]
    pub request_id: i32,
    /// Object name, such as `Demo.Hello.HelloObj`, without endpoints.
    #[tars(tag = 5, require, name = "sServantName")]
    pub servant: String,
    /// Name of the function in the interface definition.
    #[tars(tag = 6, require, name = "sFuncName")]
    pub func: String,
    /// The encoded arguments, see [`crate::args`].
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

/// The response to a request of version 1, or a push if `request_id` is 0.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ResponsePacket {
    /// The same as in the request.
    #[tars(tag = 1, require, name = "iVersion", default = version::TARS)]
    pub version: i16,
    /// [`packet_type::NORMAL`].
    #[tars(tag = 2, require, name = "cPacketType")]
    pub packet_type: i8,
    /// The same as in the request; 0 in a push.
    #[tars(tag = 3, require, name = "iRequestId")]
    pub request_id: i32,
    /// The same as in the request.
    #[tars(tag = 4, require, name = "iMessageType")]
    pub message_type: i32,
    /// One of [`ret`], or a code of the servant.
    #[tars(tag = 5, require, name = "iRet")]
    pub ret: i32,
    /// The encoded results, see [`crate::args`].
    #[tars(tag = 6, require, name = "sBuffer")]
    pub buffer: Bytes,
    /// Headers of the framework.
    #[tars(tag = 7, require)]
    pub status: Headers,
    /// The text of an error; empty if there is none.
    #[tars(tag = 8, optional, name = "sResultDesc")]
    pub desc: String,
    /// Headers of the user.
    #[tars(tag = 9, optional)]
    pub context: Headers,
}

/// A packet that travels in a frame of its own.
pub trait Packet: Struct {
    /// Appends the packet as one frame of at most `max` bytes.
    fn write(&self, out: &mut BytesMut, max: usize) -> Result<(), FrameError> {
        write_frame(out, max, |encoder| self.encode_fields(encoder))
    }

    /// Returns the packet as one frame of at most [`DEFAULT_MAX_FRAME`] bytes.
    fn to_frame(&self) -> Result<Bytes, FrameError> {
        let mut out = BytesMut::new();
        self.write(&mut out, DEFAULT_MAX_FRAME)?;
        Ok(out.freeze())
    }

    /// Reads the packet from `content`, a frame without its length. The buffer of the packet shares the memory of `content`.
    fn read(content: &Bytes) -> Result<Self, DecodeError> {
        Self::decode_fields(&mut Decoder::over(content))
    }
}

impl Packet for RequestPacket {}
impl Packet for ResponsePacket {}
