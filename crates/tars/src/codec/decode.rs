//! Reading values from bytes that nobody vouches for.

use std::borrow::Cow;

use bytes::Bytes;

use super::error::{DecodeError, Problem};
use super::type_code::Kind;

/// A value that can be read.
pub trait Decode: Sized {
    /// Reads the payload of a value whose head, of type `kind`, was consumed.
    fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError>;

    /// Reads a vector of such values. Byte types also accept SIMPLE LIST.
    fn decode_all(input: &mut Decoder<'_>, kind: Kind) -> Result<Vec<Self>, DecodeError> {
        if kind != Kind::List {
            return Err(input.wrong_type("vector", kind));
        }
        input.list_of()
    }
}

/// What one decoder may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels of structs, lists and maps inside each other, 64 by default.
    pub depth: u32,
    /// Bytes of memory for all decoded values together. By default a multiple of the input's length that no ordinary message
    /// reaches, see [`Limits::for_input`].
    pub memory: usize,
}

impl Limits {
    /// The default limits for an input of `len` bytes: 64 levels, 4 KiB + 96 bytes of memory for each byte of input. (A map of one
    /// pair of short strings takes about 50 for each byte, most values take less than 10.)
    pub const fn for_input(len: usize) -> Self {
        Self { depth: 64, memory: len.saturating_mul(96).saturating_add(4096) }
    }
}

/// A cursor over encoded bytes.
///
/// Fields are read in ascending order of their tags. Strings and byte vectors can be borrowed from the input
/// ([`Decoder::string`], [`Decoder::bytes`]); a decoder made with [`Decoder::over`] hands out [`Bytes`] that share the input.
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
    kind: Kind,
    len: usize,
}

impl<'a> Decoder<'a> {
    /// Reads `input` under the default limits.
    pub fn new(input: &'a [u8]) -> Self {
        Self::with_limits(input, Limits::for_input(input.len()))
    }

    /// Reads `input` under the default limits; byte vectors share its memory instead of being copied.
    pub fn over(input: &'a Bytes) -> Self {
        Self { owner: Some(input), ..Self::new(input) }
    }

    /// Reads `input` under other limits.
    pub fn with_limits(input: &'a [u8], limits: Limits) -> Self {
        Self { rest: input, total: input.len(), owner: None, limits, depth: 0, memory: limits.memory }
    }

    /// Bytes that are not consumed yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes consumed so far.
    pub fn offset(&self) -> usize {
        self.total - self.rest.len()
    }

    /// The required value under `tag`.
    pub fn require<T: Decode>(&mut self, tag: u8) -> Result<T, DecodeError> {
        match self.find(tag)? {
            Some(kind) => T::decode(self, kind),
            None => Err(self.missing(tag)),
        }
    }

    /// The value under `tag`, `None` when it is absent.
    pub fn optional<T: Decode>(&mut self, tag: u8) -> Result<Option<T>, DecodeError> {
        self.find(tag)?.map(|kind| T::decode(self, kind)).transpose()
    }

    /// Looks for `tag`, skipping values with smaller tags. When it is found its head is consumed and the payload comes next;
    /// otherwise the next head stays where it is.
    #[inline]
    pub fn find(&mut self, tag: u8) -> Result<Option<Kind>, DecodeError> {
        while let Some(head) = self.peek()? {
            if head.kind == Kind::StructEnd || head.tag > tag {
                return Ok(None);
            }
            self.rest = &self.rest[head.len..];
            if head.tag == tag {
                return Ok(Some(head.kind));
            }
            self.skip(head.kind)?;
        }
        Ok(None)
    }

    /// Skips the payload of a value whose head was consumed.
    pub fn skip(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match kind {
            Kind::Byte => self.take(1).map(drop),
            Kind::Short => self.take(2).map(drop),
            Kind::Int | Kind::Float => self.take(4).map(drop),
            Kind::Long | Kind::Double => self.take(8).map(drop),
            Kind::String1 | Kind::String4 => self.string_bytes(kind).map(drop),
            Kind::SimpleList => self.simple_list().map(drop),
            Kind::StructEnd | Kind::Zero => Ok(()),
            Kind::Map => self.nested(|this| {
                let count = this.count(2)?;
                this.skip_values(count * 2)
            }),
            Kind::List => self.nested(|this| {
                let count = this.count(1)?;
                this.skip_values(count)
            }),
            Kind::StructBegin => self.nested(Self::skip_to_struct_end),
        }
    }

    /// Skips the remaining fields of the struct being read, its STRUCT END included.
    pub fn skip_to_struct_end(&mut self) -> Result<(), DecodeError> {
        loop {
            let kind = self.head()?.kind;
            if kind == Kind::StructEnd {
                return Ok(());
            }
            self.skip(kind)?;
        }
    }

    /// The payload of an integer that may be as wide as `widest` (BYTE to LONG) or ZERO TAG. `expected` names the declared type.
    #[inline]
    pub fn int(&mut self, kind: Kind, widest: Kind, expected: &'static str) -> Result<i64, DecodeError> {
        if kind == Kind::Zero {
            return Ok(0);
        }
        if kind as u8 > widest as u8 {
            return Err(self.wrong_type(expected, kind));
        }
        Ok(match kind {
            Kind::Byte => i8::from_be_bytes(self.array()?).into(),
            Kind::Short => i16::from_be_bytes(self.array()?).into(),
            Kind::Int => i32::from_be_bytes(self.array()?).into(),
            Kind::Long => i64::from_be_bytes(self.array()?),
            other => return Err(self.wrong_type(expected, other)),
        })
    }

    /// The payload of a `float`.
    pub fn float(&mut self, kind: Kind) -> Result<f32, DecodeError> {
        match kind {
            Kind::Zero => Ok(0.0),
            Kind::Float => Ok(f32::from_be_bytes(self.array()?)),
            other => Err(self.wrong_type("float", other)),
        }
    }

    /// The payload of a `double`; FLOAT is widened.
    pub fn double(&mut self, kind: Kind) -> Result<f64, DecodeError> {
        match kind {
            Kind::Zero => Ok(0.0),
            Kind::Float => Ok(f32::from_be_bytes(self.array()?).into()),
            Kind::Double => Ok(f64::from_be_bytes(self.array()?)),
            other => Err(self.wrong_type("double", other)),
        }
    }

    /// The payload of a string, borrowed. The protocol does not say which character set a string has: bytes that are not UTF-8
    /// come out as U+FFFD.
    pub fn string(&mut self, kind: Kind) -> Result<Cow<'a, str>, DecodeError> {
        let bytes = self.string_bytes(kind)?;
        // Checking first is much faster than the lossy conversion, which has to find out where it goes wrong.
        Ok(str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed))
    }

    /// The payload of a string as it arrived.
    pub fn string_bytes(&mut self, kind: Kind) -> Result<&'a [u8], DecodeError> {
        let len = match kind {
            Kind::String1 => self.array::<1>()?[0].into(),
            Kind::String4 => {
                let len = u32::from_be_bytes(self.array()?);
                usize::try_from(len).unwrap_or(usize::MAX)
            }
            other => return Err(self.wrong_type("string", other)),
        };
        self.take(len)
    }

    /// The payload of a byte vector: borrowed from a SIMPLE LIST, collected from a LIST.
    pub fn bytes(&mut self, kind: Kind) -> Result<Cow<'a, [u8]>, DecodeError> {
        match kind {
            Kind::SimpleList => self.simple_list().map(Cow::Borrowed),
            Kind::List => {
                let items = self.list_of::<i8>()?;
                Ok(Cow::Owned(items.into_iter().map(i8::cast_unsigned).collect()))
            }
            other => Err(self.wrong_type("vector<byte>", other)),
        }
    }

    /// Like [`Decoder::bytes`], sharing the input when the decoder was made with [`Decoder::over`].
    pub fn shared_bytes(&mut self, kind: Kind) -> Result<Bytes, DecodeError> {
        let bytes = self.bytes(kind)?;
        match (self.owner, bytes) {
            (Some(owner), Cow::Borrowed(slice)) => Ok(owner.slice_ref(slice)),
            (_, bytes) => {
                self.charge(bytes.len())?;
                Ok(Bytes::from(bytes.into_owned()))
            }
        }
    }

    /// The elements of a LIST whose head was consumed.
    pub fn list_of<T: Decode>(&mut self) -> Result<Vec<T>, DecodeError> {
        self.nested(|this| {
            let count = this.count(1)?;
            this.charge(count.saturating_mul(size_of::<T>()))?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                items.push(this.require(0)?);
            }
            Ok(items)
        })
    }

    /// The pairs of a MAP whose head was consumed, in the order of the input. `insert` gets each of them.
    pub fn map_of<K: Decode, V: Decode>(&mut self, kind: Kind, mut insert: impl FnMut(K, V)) -> Result<(), DecodeError> {
        if kind != Kind::Map {
            return Err(self.wrong_type("map", kind));
        }
        self.nested(|this| {
            let count = this.count(2)?;
            // An ordered map allocates nodes of eleven pairs, at worst half full.
            let pair = size_of::<K>() + size_of::<V>();
            this.charge(count.div_ceil(5).saturating_mul(11).saturating_mul(pair))?;
            for _ in 0..count {
                let key = this.require(0)?;
                insert(key, this.require(1)?);
            }
            Ok(())
        })
    }

    /// A struct whose head was consumed: reads the fields with `read`, then skips to its end.
    pub fn block<T>(&mut self, kind: Kind, read: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        if kind != Kind::StructBegin {
            return Err(self.wrong_type("struct", kind));
        }
        self.nested(|this| {
            let value = read(this)?;
            this.skip_to_struct_end()?;
            Ok(value)
        })
    }

    /// The error for a type code that the declared type does not accept.
    #[cold]
    pub fn wrong_type(&self, expected: &'static str, found: Kind) -> DecodeError {
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

    /// Takes `bytes` of memory from what the decoder may use.
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.memory.checked_sub(bytes) {
            Some(left) => {
                self.memory = left;
                Ok(())
            }
            None => Err(self.error(Problem::TooMuchMemory { limit: self.limits.memory })),
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
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
            let head = self.head()?;
            self.skip(head.kind)?;
        }
        Ok(())
    }

    fn simple_list(&mut self) -> Result<&'a [u8], DecodeError> {
        let element = self.head()?.kind;
        if element != Kind::Byte {
            return Err(self.wrong_type("byte elements of a SIMPLE LIST", element));
        }
        let count = self.count(1)?;
        self.take(count)
    }

    /// The count of a collection whose elements take at least `least` bytes each.
    fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let Some(kind) = self.find(0)? else { return Err(self.missing(0)) };
        let count = self.int(kind, Kind::Int, "count")?;
        let Ok(count) = usize::try_from(count) else { return Err(self.error(Problem::NegativeCount(count))) };
        let remaining = self.rest.len();
        if count.saturating_mul(least) > remaining {
            return Err(self.error(Problem::CountTooLarge { count, remaining }));
        }
        Ok(count)
    }

    fn head(&mut self) -> Result<Head, DecodeError> {
        match self.peek()? {
            Some(head) => {
                self.rest = &self.rest[head.len..];
                Ok(head)
            }
            None => Err(self.error(Problem::Truncated { needed: 1, remaining: 0 })),
        }
    }

    #[inline]
    fn peek(&self) -> Result<Option<Head>, DecodeError> {
        let Some(&first) = self.rest.first() else { return Ok(None) };
        let Some(kind) = Kind::from_code(first & 0x0f) else {
            return Err(self.error(Problem::UnknownType(first & 0x0f)));
        };
        if first >> 4 < 15 {
            return Ok(Some(Head { tag: first >> 4, kind, len: 1 }));
        }
        match self.rest.get(1) {
            Some(&tag) => Ok(Some(Head { tag, kind, len: 2 })),
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
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.error(Problem::Truncated { needed: N, remaining: self.rest.len() })),
        }
    }
}
