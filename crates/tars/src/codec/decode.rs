//! Reads values from bytes that come from anybody (`docs/reference/wire.md#2`).

use super::{
    error::{DecodeError, Problem},
    type_code::TypeCode,
};
use bytes::Bytes;
use std::borrow::Cow;

/// A value that can be read.
pub trait Decode: Sized {
    /// Reads the payload of a value whose head, with the type code `code`, was read already.
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError>;

    /// Reads a vector of such values. The byte types also accept a SIMPLE LIST.
    fn decode_all(input: &mut Decoder<'_>, code: TypeCode) -> Result<Vec<Self>, DecodeError> {
        if code != TypeCode::List {
            return Err(input.wrong_type("vector", code));
        }
        input.read_list()
    }
}

/// How deep and how large the values of one decoder may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many structs, lists and maps may stand inside each other; 64 by default.
    pub depth: u32,
    /// How many bytes of memory all decoded values may take together. The default is a multiple of the input's length that no
    /// ordinary message reaches, see [`Limits::for_input`].
    pub memory: usize,
}

impl Limits {
    /// The default limits for an input of `len` bytes: 64 levels, and 4 KiB plus 96 bytes of memory for each byte of input. (A
    /// map with one pair of short strings takes about 50 bytes for each byte of input, most values take less than 10.)
    pub const fn for_input(len: usize) -> Self {
        Self { depth: 64, memory: len.saturating_mul(96).saturating_add(4096) }
    }
}

/// A cursor over encoded bytes.
///
/// The caller reads fields in ascending order of their tags. [`Decoder::read_string`] and [`Decoder::read_bytes`] borrow from the
/// input if they can. A decoder made with [`Decoder::over`] returns [`Bytes`] that share the memory of the input.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    total: usize,
    owner: Option<&'a Bytes>,
    limits: Limits,
    depth: u32,
    memory: usize,
}

#[derive(Clone, Copy)]
struct Head {
    tag: u8,
    code: TypeCode,
    len: usize,
}

impl<'a> Decoder<'a> {
    /// Reads `input` under the default limits.
    pub fn new(input: &'a [u8]) -> Self {
        Self::with_limits(input, Limits::for_input(input.len()))
    }

    /// Reads `input` under the default limits. Byte vectors share the memory of the input and are not copied.
    pub fn over(input: &'a Bytes) -> Self {
        Self { owner: Some(input), ..Self::new(input) }
    }

    /// Reads `input` under the limits of the caller.
    pub fn with_limits(input: &'a [u8], limits: Limits) -> Self {
        Self { rest: input, total: input.len(), owner: None, limits, depth: 0, memory: limits.memory }
    }

    /// The bytes that were not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes were read so far.
    pub fn offset(&self) -> usize {
        self.total - self.rest.len()
    }

    /// Reads the value under `tag`. It is an error if the value is absent.
    pub fn require<T: Decode>(&mut self, tag: u8) -> Result<T, DecodeError> {
        match self.find(tag)? {
            Some(code) => T::decode(self, code),
            None => Err(self.missing(tag)),
        }
    }

    /// Reads the value under `tag`; `None` if it is absent.
    pub fn read_optional<T: Decode>(&mut self, tag: u8) -> Result<Option<T>, DecodeError> {
        self.find(tag)?.map(|code| T::decode(self, code)).transpose()
    }

    /// Looks for `tag` and skips values with smaller tags. If the tag is found, its head is consumed and its payload comes next.
    /// Otherwise the next head stays where it is.
    #[inline]
    pub fn find(&mut self, tag: u8) -> Result<Option<TypeCode>, DecodeError> {
        while let Some(head) = self.peek_head()? {
            if head.code == TypeCode::StructEnd || head.tag > tag {
                return Ok(None);
            }
            self.rest = &self.rest[head.len..];
            if head.tag == tag {
                return Ok(Some(head.code));
            }
            self.skip(head.code)?;
        }
        Ok(None)
    }

    /// Skips the payload of a value whose head was read already.
    pub fn skip(&mut self, code: TypeCode) -> Result<(), DecodeError> {
        match code {
            TypeCode::Byte => self.take(1).map(drop),
            TypeCode::Short => self.take(2).map(drop),
            TypeCode::Int | TypeCode::Float => self.take(4).map(drop),
            TypeCode::Long | TypeCode::Double => self.take(8).map(drop),
            TypeCode::String1 | TypeCode::String4 => self.read_string_bytes(code).map(drop),
            TypeCode::SimpleList => self.read_simple_list().map(drop),
            TypeCode::StructEnd | TypeCode::Zero => Ok(()),
            TypeCode::Map => self.enter(|this| {
                let count = this.read_count(2)?;
                this.skip_values(count * 2)
            }),
            TypeCode::List => self.enter(|this| {
                let count = this.read_count(1)?;
                this.skip_values(count)
            }),
            TypeCode::StructBegin => self.enter(Self::skip_to_struct_end),
        }
    }

    /// Skips the remaining fields of the current struct and its STRUCT END.
    pub fn skip_to_struct_end(&mut self) -> Result<(), DecodeError> {
        loop {
            let code = self.read_head()?.code;
            if code == TypeCode::StructEnd {
                return Ok(());
            }
            self.skip(code)?;
        }
    }

    /// Reads the payload of an integer: a ZERO TAG, or a BYTE to LONG that is no wider than `widest`. An error calls the declared
    /// type `expected`.
    #[inline]
    pub fn read_int(&mut self, code: TypeCode, widest: TypeCode, expected: &'static str) -> Result<i64, DecodeError> {
        if code == TypeCode::Zero {
            return Ok(0);
        }
        if code as u8 > widest as u8 {
            return Err(self.wrong_type(expected, code));
        }
        Ok(match code {
            TypeCode::Byte => i8::from_be_bytes(self.take_array()?).into(),
            TypeCode::Short => i16::from_be_bytes(self.take_array()?).into(),
            TypeCode::Int => i32::from_be_bytes(self.take_array()?).into(),
            TypeCode::Long => i64::from_be_bytes(self.take_array()?),
            other => return Err(self.wrong_type(expected, other)),
        })
    }

    /// Reads the payload of a `float`.
    pub fn read_float(&mut self, code: TypeCode) -> Result<f32, DecodeError> {
        match code {
            TypeCode::Zero => Ok(0.0),
            TypeCode::Float => Ok(f32::from_be_bytes(self.take_array()?)),
            other => Err(self.wrong_type("float", other)),
        }
    }

    /// Reads the payload of a `double`. A FLOAT is widened.
    pub fn read_double(&mut self, code: TypeCode) -> Result<f64, DecodeError> {
        match code {
            TypeCode::Zero => Ok(0.0),
            TypeCode::Float => Ok(f32::from_be_bytes(self.take_array()?).into()),
            TypeCode::Double => Ok(f64::from_be_bytes(self.take_array()?)),
            other => Err(self.wrong_type("double", other)),
        }
    }

    /// Reads the payload of a string, borrowed if it is UTF-8. The protocol does not say which character set a string has, so
    /// bytes that are not UTF-8 become U+FFFD.
    pub fn read_string(&mut self, code: TypeCode) -> Result<Cow<'a, str>, DecodeError> {
        let bytes = self.read_string_bytes(code)?;
        // To check first is much faster than the lossy conversion, which also finds out where the text is wrong.
        Ok(str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed))
    }

    /// Reads the payload of a string as it arrived, in any character set.
    pub fn read_string_bytes(&mut self, code: TypeCode) -> Result<&'a [u8], DecodeError> {
        let len = match code {
            TypeCode::String1 => self.take_array::<1>()?[0].into(),
            TypeCode::String4 => {
                let len = u32::from_be_bytes(self.take_array()?);
                usize::try_from(len).unwrap_or(usize::MAX)
            }
            other => return Err(self.wrong_type("string", other)),
        };
        self.take(len)
    }

    /// Reads the payload of a byte vector. It borrows from a SIMPLE LIST and collects the elements of a LIST.
    pub fn read_bytes(&mut self, code: TypeCode) -> Result<Cow<'a, [u8]>, DecodeError> {
        match code {
            TypeCode::SimpleList => self.read_simple_list().map(Cow::Borrowed),
            TypeCode::List => {
                let items = self.read_list::<i8>()?;
                Ok(Cow::Owned(items.into_iter().map(i8::cast_unsigned).collect()))
            }
            other => Err(self.wrong_type("vector<byte>", other)),
        }
    }

    /// Like [`Decoder::read_bytes`], but the result shares the memory of the input if the decoder was made with
    /// [`Decoder::over`].
    pub fn read_shared_bytes(&mut self, code: TypeCode) -> Result<Bytes, DecodeError> {
        let bytes = self.read_bytes(code)?;
        match (self.owner, bytes) {
            (Some(owner), Cow::Borrowed(slice)) => Ok(owner.slice_ref(slice)),
            (_, bytes) => {
                self.charge(bytes.len())?;
                Ok(Bytes::from(bytes.into_owned()))
            }
        }
    }

    /// Reads the elements of a LIST whose head was read already.
    pub fn read_list<T: Decode>(&mut self) -> Result<Vec<T>, DecodeError> {
        self.enter(|this| {
            let count = this.read_count(1)?;
            this.charge(count.saturating_mul(size_of::<T>()))?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                items.push(this.require(0)?);
            }
            Ok(items)
        })
    }

    /// Reads the pairs of a MAP whose head was read already, and passes each of them to `insert` in the order of the input.
    pub fn read_map<K: Decode, V: Decode>(&mut self, code: TypeCode, mut insert: impl FnMut(K, V)) -> Result<(), DecodeError> {
        if code != TypeCode::Map {
            return Err(self.wrong_type("map", code));
        }
        self.enter(|this| {
            let count = this.read_count(2)?;
            // An ordered map allocates nodes for eleven pairs, and a node may be only half full.
            let pair = size_of::<K>() + size_of::<V>();
            this.charge(count.div_ceil(5).saturating_mul(11).saturating_mul(pair))?;
            for _ in 0..count {
                let key = this.require(0)?;
                insert(key, this.require(1)?);
            }
            Ok(())
        })
    }

    /// Reads the fields of a struct whose head was read already, with `read`, and then skips to the end of the struct.
    pub fn read_struct<T>(
        &mut self,
        code: TypeCode,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if code != TypeCode::StructBegin {
            return Err(self.wrong_type("struct", code));
        }
        self.enter(|this| {
            let value = read(this)?;
            this.skip_to_struct_end()?;
            Ok(value)
        })
    }

    /// The error for a type code that the declared type does not accept.
    #[cold]
    pub fn wrong_type(&self, expected: &'static str, found: TypeCode) -> DecodeError {
        self.error(Problem::WrongType { expected, found })
    }

    /// The error for a required value that is absent.
    #[cold]
    pub fn missing(&self, tag: u8) -> DecodeError {
        self.error(Problem::Missing { tag })
    }

    /// An error at the current place.
    #[cold]
    pub fn error(&self, problem: Problem) -> DecodeError {
        DecodeError::new(problem, self.offset())
    }

    /// Subtracts `bytes` from the memory that the decoder may still use. It is an error if too little is left.
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.memory.checked_sub(bytes) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => Err(self.error(Problem::TooMuchMemory { limit: self.limits.memory })),
        }
    }

    fn enter<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        if self.depth >= self.limits.depth {
            return Err(self.error(Problem::TooDeep { limit: self.limits.depth }));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn skip_values(&mut self, count: usize) -> Result<(), DecodeError> {
        for _ in 0..count {
            let head = self.read_head()?;
            self.skip(head.code)?;
        }
        Ok(())
    }

    fn read_simple_list(&mut self) -> Result<&'a [u8], DecodeError> {
        let element = self.read_head()?.code;
        if element != TypeCode::Byte {
            return Err(self.wrong_type("byte elements of a SIMPLE LIST", element));
        }
        let count = self.read_count(1)?;
        self.take(count)
    }

    /// Reads the count of a collection whose elements take at least `least` bytes each.
    fn read_count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let Some(code) = self.find(0)? else { return Err(self.missing(0)) };
        let count = self.read_int(code, TypeCode::Int, "count")?;
        let Ok(count) = usize::try_from(count) else { return Err(self.error(Problem::NegativeCount(count))) };
        let remaining = self.rest.len();
        if count.saturating_mul(least) > remaining {
            return Err(self.error(Problem::CountTooLarge { count, remaining }));
        }
        Ok(count)
    }

    fn read_head(&mut self) -> Result<Head, DecodeError> {
        match self.peek_head()? {
            Some(head) => {
                self.rest = &self.rest[head.len..];
                Ok(head)
            }
            None => Err(self.error(Problem::Truncated { needed: 1, remaining: 0 })),
        }
    }

    #[inline]
    fn peek_head(&self) -> Result<Option<Head>, DecodeError> {
        let Some(&first) = self.rest.first() else { return Ok(None) };
        let Some(code) = TypeCode::from_code(first & 0x0f) else {
            return Err(self.error(Problem::UnknownType(first & 0x0f)));
        };
        if first >> 4 < 15 {
            return Ok(Some(Head { tag: first >> 4, code, len: 1 }));
        }
        match self.rest.get(1) {
            Some(&tag) => Ok(Some(Head { tag, code, len: 2 })),
            None => Err(self.error(Problem::Truncated { needed: 1, remaining: 0 })),
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.error(Problem::Truncated { needed: len, remaining: self.rest.len() })),
        }
    }

    #[inline]
    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.error(Problem::Truncated { needed: N, remaining: self.rest.len() })),
        }
    }
}
