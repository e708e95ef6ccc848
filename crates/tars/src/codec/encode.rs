//! Writing values.

use bytes::BytesMut;

use super::type_code::Kind;

/// A value that can be written.
pub trait Encode {
    /// Writes the value with its head.
    fn encode(&self, out: &mut Encoder<'_>, tag: u8);

    /// Whether an optional field with this value may be left out when its declared default is `default` (section 3.1): scalars
    /// and strings when they are equal, collections when they are empty, structs and enums never.
    fn absent_as(&self, default: &Self) -> bool;

    /// The name of the type in a version-2 attribute, such as `int32` or `list<string>`.
    fn type_name() -> String;

    /// Writes a vector of such values.
    fn encode_all(items: &[Self], out: &mut Encoder<'_>, tag: u8)
    where
        Self: Sized,
    {
        out.begin_list(tag, items.len());
        for item in items {
            item.encode(out, 0);
        }
    }
}

/// Appends encoded values to a buffer.
///
/// The caller writes the tags of a struct in ascending order. Lengths above `u32::MAX` and counts above `i32::MAX` cannot be
/// expressed; they are written clamped, and the frame around them is refused because it is above any size limit.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Encoder<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    /// Writes `value` under `tag`.
    pub fn put<T: Encode + ?Sized>(&mut self, tag: u8, value: &T) {
        value.encode(self, tag);
    }

    /// Writes an optional field: left out when the value equals its default and the rules of its type allow that (section 3.1).
    pub fn put_optional<T: Encode>(&mut self, tag: u8, value: &T, default: &T) {
        if !value.absent_as(default) {
            value.encode(self, tag);
        }
    }

    /// Writes a head alone: short form for tags below 15.
    pub fn head(&mut self, tag: u8, kind: Kind) {
        self.scalar(tag, kind, []);
    }

    /// Writes an integer in the smallest form that holds it.
    pub fn int(&mut self, tag: u8, value: i64) {
        if value == 0 {
            self.head(tag, Kind::Zero);
        } else if let Ok(value) = i8::try_from(value) {
            self.scalar(tag, Kind::Byte, value.to_be_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.scalar(tag, Kind::Short, value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.scalar(tag, Kind::Int, value.to_be_bytes());
        } else {
            self.scalar(tag, Kind::Long, value.to_be_bytes());
        }
    }

    /// Writes a `float`, also 0.0 with its full payload.
    pub fn float(&mut self, tag: u8, value: f32) {
        self.scalar(tag, Kind::Float, value.to_be_bytes());
    }

    /// Writes a `double`, also 0.0 with its full payload.
    pub fn double(&mut self, tag: u8, value: f64) {
        self.scalar(tag, Kind::Double, value.to_be_bytes());
    }

    /// Writes a string: STRING1 up to 255 bytes, STRING4 above.
    pub fn string(&mut self, tag: u8, value: &str) {
        if let Ok(len) = u8::try_from(value.len()) {
            self.scalar(tag, Kind::String1, [len]);
        } else {
            self.scalar(tag, Kind::String4, u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
        self.out.extend_from_slice(value.as_bytes());
    }

    /// Writes a `vector<byte>` as SIMPLE LIST.
    pub fn bytes(&mut self, tag: u8, value: &[u8]) {
        self.scalar(tag, Kind::SimpleList, [0]);
        self.count(value.len());
        self.out.extend_from_slice(value);
    }

    /// Writes the head and count of a LIST; `count` values with tag 0 must follow.
    pub fn begin_list(&mut self, tag: u8, count: usize) {
        self.head(tag, Kind::List);
        self.count(count);
    }

    /// Writes the head and count of a MAP; `count` keys (tag 0), each with its value (tag 1), must follow.
    pub fn begin_map(&mut self, tag: u8, count: usize) {
        self.head(tag, Kind::Map);
        self.count(count);
    }

    /// Opens a struct.
    pub fn begin_struct(&mut self, tag: u8) {
        self.head(tag, Kind::StructBegin);
    }

    /// Closes the innermost open struct.
    pub fn end_struct(&mut self) {
        self.head(0, Kind::StructEnd);
    }

    /// Appends bytes that are already encoded, for instance the fields of a cached struct.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    fn count(&mut self, count: usize) {
        self.int(0, i32::try_from(count).unwrap_or(i32::MAX).into());
    }

    /// Head and payload of a fixed size in one append.
    #[inline]
    fn scalar<const N: usize>(&mut self, tag: u8, kind: Kind, payload: [u8; N]) {
        let code = kind as u8;
        // Two bytes of head and at most eight of payload.
        let mut buffer = [0_u8; 10];
        let head = if tag < 15 {
            buffer[0] = tag << 4 | code;
            1
        } else {
            buffer[0] = 0xf0 | code;
            buffer[1] = tag;
            2
        };
        buffer[head..head + N].copy_from_slice(&payload);
        self.out.extend_from_slice(&buffer[..head + N]);
    }
}
