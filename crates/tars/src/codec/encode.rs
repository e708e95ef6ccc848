//! Writes values (`docs/reference/wire.md#1.3`).

use super::type_code::TypeCode;
use bytes::BytesMut;

/// A value that can be written.
pub trait Encode {
    /// Writes the value with its head.
    fn encode(&self, out: &mut Encoder<'_>, tag: u8);

    /// Whether an optional field with this value may be left out if its declared default is `default`
    /// (`docs/reference/wire.md#3.1`). A number or a string may be left out if it equals the default. A collection may be left
    /// out if it is empty. A struct or an enum is always written.
    fn may_omit(&self, default: &Self) -> bool;

    /// The name of the type in an attribute of version 2, such as `int32` or `list<string>`.
    fn type_name() -> String;

    /// Writes a vector of such values as a LIST. A type whose vectors have another form overrides this.
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
/// The caller writes the fields of a struct in ascending order of their tags. The wire has no form for a length above `u32::MAX`
/// or a count above `i32::MAX`. The encoder writes such a number clamped; the frame around it is then refused, because it is
/// larger than any frame may be.
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

    /// Writes an optional field, unless [`Encode::may_omit`] says that it can be left out.
    pub fn put_optional<T: Encode>(&mut self, tag: u8, value: &T, default: &T) {
        if !value.may_omit(default) {
            value.encode(self, tag);
        }
    }

    /// Writes a head alone: in one byte if the tag is below 15, else in two.
    pub fn put_head(&mut self, tag: u8, code: TypeCode) {
        self.put_scalar(tag, code, []);
    }

    /// Writes an integer in the smallest form that holds it.
    pub fn put_int(&mut self, tag: u8, value: i64) {
        if value == 0 {
            self.put_head(tag, TypeCode::Zero);
        } else if let Ok(value) = i8::try_from(value) {
            self.put_scalar(tag, TypeCode::Byte, value.to_be_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.put_scalar(tag, TypeCode::Short, value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.put_scalar(tag, TypeCode::Int, value.to_be_bytes());
        } else {
            self.put_scalar(tag, TypeCode::Long, value.to_be_bytes());
        }
    }

    /// Writes a `float`. 0.0 has its full payload, too.
    pub fn put_float(&mut self, tag: u8, value: f32) {
        self.put_scalar(tag, TypeCode::Float, value.to_be_bytes());
    }

    /// Writes a `double`. 0.0 has its full payload, too.
    pub fn put_double(&mut self, tag: u8, value: f64) {
        self.put_scalar(tag, TypeCode::Double, value.to_be_bytes());
    }

    /// Writes a string: as STRING1 if it has at most 255 bytes, else as STRING4.
    pub fn put_string(&mut self, tag: u8, value: &str) {
        if let Ok(len) = u8::try_from(value.len()) {
            self.put_scalar(tag, TypeCode::String1, [len]);
        } else {
            self.put_scalar(tag, TypeCode::String4, u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
        self.out.extend_from_slice(value.as_bytes());
    }

    /// Writes a `vector<byte>` as a SIMPLE LIST.
    pub fn put_bytes(&mut self, tag: u8, value: &[u8]) {
        self.put_scalar(tag, TypeCode::SimpleList, [0]);
        self.put_count(value.len());
        self.out.extend_from_slice(value);
    }

    /// Writes the head and the count of a LIST. The caller then writes `count` values under tag 0.
    pub fn begin_list(&mut self, tag: u8, count: usize) {
        self.put_head(tag, TypeCode::List);
        self.put_count(count);
    }

    /// Writes the head and the count of a MAP. The caller then writes `count` pairs: the key under tag 0, its value under tag 1.
    pub fn begin_map(&mut self, tag: u8, count: usize) {
        self.put_head(tag, TypeCode::Map);
        self.put_count(count);
    }

    /// Writes a MAP whose pairs have the order of `pairs`.
    pub fn put_map<'m, K: Encode + 'm, V: Encode + 'm>(&mut self, tag: u8, pairs: impl ExactSizeIterator<Item = (&'m K, &'m V)>) {
        self.begin_map(tag, pairs.len());
        for (key, value) in pairs {
            self.put(0, key);
            self.put(1, value);
        }
    }

    /// Opens a struct. The caller then writes its fields and closes it.
    pub fn begin_struct(&mut self, tag: u8) {
        self.put_head(tag, TypeCode::StructBegin);
    }

    /// Closes the innermost struct that is open.
    pub fn end_struct(&mut self) {
        self.put_head(0, TypeCode::StructEnd);
    }

    /// Appends bytes that are encoded already, for example the fields of a cached struct.
    pub fn put_raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    fn put_count(&mut self, count: usize) {
        self.put_int(0, i32::try_from(count).unwrap_or(i32::MAX).into());
    }

    /// Appends the head and a payload of fixed size at once.
    #[inline]
    fn put_scalar<const N: usize>(&mut self, tag: u8, code: TypeCode, payload: [u8; N]) {
        let code = code as u8;
        // A head has at most two bytes, and a payload has at most eight.
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
