//! A request that is read in place, for servants that answer without a copy of it.

use super::Headers;
use crate::codec::{Decode, DecodeError, Decoder, TypeCode};
use std::borrow::Cow;

/// A request whose names, arguments and headers stay in the frame that brought them.
///
/// [`RequestView::read`] checks the whole packet. The headers are decoded only when somebody asks for them.
#[derive(Debug, Clone)]
pub struct RequestView<'a> {
    /// One of [`super::version`].
    pub version: i16,
    /// One of [`super::packet_type`].
    pub packet_type: i8,
    /// Bits of [`super::message_type`].
    pub message_type: i32,
    /// The id that the response repeats.
    pub request_id: i32,
    /// Name of the object that is called.
    pub servant: Cow<'a, str>,
    /// Name of the function in the interface definition.
    pub func: Cow<'a, str>,
    /// The encoded arguments.
    pub buffer: Cow<'a, [u8]>,
    /// Milliseconds that the client waits, 0 for no limit.
    pub timeout: i32,
    /// Headers of the user.
    pub context: HeadersView<'a>,
    /// Headers of the framework.
    pub status: HeadersView<'a>,
}

impl<'a> RequestView<'a> {
    /// Reads `content`, a frame without its length.
    pub fn read(content: &'a [u8]) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(content);
        let input = &mut input;
        Ok(Self {
            version: read_field(input, 1, "iVersion", i16::decode)?,
            packet_type: read_field(input, 2, "cPacketType", i8::decode)?,
            message_type: read_field(input, 3, "iMessageType", i32::decode)?,
            request_id: read_field(input, 4, "iRequestId", i32::decode)?,
            servant: read_field(input, 5, "sServantName", Decoder::read_string)?,
            func: read_field(input, 6, "sFuncName", Decoder::read_string)?,
            buffer: read_field(input, 7, "sBuffer", Decoder::read_bytes)?,
            timeout: read_field(input, 8, "iTimeout", i32::decode)?,
            context: read_field(input, 9, "context", HeadersView::read)?,
            status: read_field(input, 10, "status", HeadersView::read)?,
        })
    }
}

fn read_field<'a, T>(
    input: &mut Decoder<'a>,
    tag: u8,
    name: &'static str,
    read: impl FnOnce(&mut Decoder<'a>, TypeCode) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let value = match input.find(tag) {
        Ok(Some(code)) => read(input, code),
        Ok(None) => Err(input.missing(tag)),
        Err(error) => Err(error),
    };
    value.map_err(|error| error.within(format!("RequestPacket.{name}")))
}

/// A string that is checked but not kept.
struct Text;

impl Decode for Text {
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        input.read_string_bytes(code).map(|_| Self)
    }
}

/// Encoded headers that were checked.
#[derive(Debug, Clone, Copy)]
pub struct HeadersView<'a>(&'a [u8]);

impl<'a> HeadersView<'a> {
    fn read(input: &mut Decoder<'a>, code: TypeCode) -> Result<Self, DecodeError> {
        if code != TypeCode::Map {
            return Err(input.wrong_type("map", code));
        }
        // Most requests have no headers. Then the map is one byte, a count of zero.
        let before = input.rest();
        if before.first() == Some(&(TypeCode::Zero as u8)) {
            input.skip(TypeCode::Map)?;
            return Ok(Self(&before[..1]));
        }
        input.read_map::<Text, Text>(code, |_, _| ())?;
        Ok(Self(&before[..before.len() - input.rest().len()]))
    }

    /// Reads the value of `key`; `None` if there is no such header.
    pub fn get(&self, key: &str) -> Option<String> {
        if self.is_empty() { None } else { self.to_headers().remove(key) }
    }

    /// Whether the request has no such headers.
    pub fn is_empty(&self) -> bool {
        self.0.first() == Some(&(TypeCode::Zero as u8))
    }

    /// Decodes all headers.
    pub fn to_headers(self) -> Headers {
        let mut headers = Headers::new();
        // The headers were read once when the view was made, so reading them again cannot fail.
        let result = Decoder::new(self.0).read_map(TypeCode::Map, |key, value| drop(headers.insert(key, value)));
        debug_assert!(result.is_ok(), "headers were checked when the view was made");
        headers
    }
}
