//! How each Rust type is written and read.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use bytes::Bytes;

use super::decode::{Decode, Decoder};
use super::encode::{Encode, Encoder};
use super::error::DecodeError;
use super::type_code::Kind;

/// A struct of the interface definition; implemented by `#[derive(TarsStruct)]`.
pub trait Struct: Sized {
    /// The name in the interface definition.
    const NAME: &'static str;

    /// Writes the fields without STRUCT BEGIN and STRUCT END.
    fn encode_fields(&self, out: &mut Encoder<'_>);

    /// Reads the fields; stops before STRUCT END or at the end of input.
    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, DecodeError>;
}

impl<T: Struct> Encode for T {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.begin_struct(tag);
        self.encode_fields(out);
        out.end_struct();
    }

    fn absent_as(&self, _default: &Self) -> bool {
        false
    }

    fn type_name() -> String {
        T::NAME.to_owned()
    }
}

impl<T: Struct> Decode for T {
    fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
        input.block(kind, T::decode_fields)
    }
}

/// Integers: Rust type, name in a version-2 attribute, widest accepted code, name in errors, and the conversion from `i64`.
macro_rules! integer {
    ($type:ident, $name:literal, $widest:ident, $idl:literal, |$value:ident| $convert:expr) => {
        impl Encode for $type {
            fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
                out.int(tag, i64::from(*self));
            }

            fn absent_as(&self, default: &Self) -> bool {
                self == default
            }

            fn type_name() -> String {
                $name.to_owned()
            }

            integer!(@encode_all $type);
        }

        impl Decode for $type {
            #[inline]
            fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
                let $value = input.int(kind, Kind::$widest, $idl)?;
                Ok($convert)
            }

            integer!(@decode_all $type);
        }
    };
    // `vector<byte>` is a SIMPLE LIST.
    (@encode_all i8) => {
        fn encode_all(items: &[Self], out: &mut Encoder<'_>, tag: u8) {
            let bytes: Vec<u8> = items.iter().map(|item| item.cast_unsigned()).collect();
            out.bytes(tag, &bytes);
        }
    };
    (@encode_all $type:ident) => {};
    (@decode_all i8) => {
        fn decode_all(input: &mut Decoder<'_>, kind: Kind) -> Result<Vec<Self>, DecodeError> {
            if kind == Kind::List {
                return input.list_of();
            }
            let bytes = input.bytes(kind)?;
            input.charge(bytes.len())?;
            Ok(bytes.iter().map(|byte| byte.cast_signed()).collect())
        }
    };
    (@decode_all u8) => {
        fn decode_all(input: &mut Decoder<'_>, kind: Kind) -> Result<Vec<Self>, DecodeError> {
            if kind == Kind::List {
                return input.list_of();
            }
            let bytes = input.bytes(kind)?;
            input.charge(bytes.len())?;
            Ok(bytes.into_owned())
        }
    };
    (@decode_all $type:ident) => {};
}

// `int` has checked the width, so that the low bytes are the value; unsigned targets are cut down from the next larger width.
integer!(bool, "bool", Byte, "bool", |value| value != 0);
integer!(i8, "char", Byte, "byte", |value| i8::from_be_bytes(low(value)));
integer!(u8, "short", Short, "unsigned byte", |value| u8::from_be_bytes(low(value)));
integer!(i16, "short", Short, "short", |value| i16::from_be_bytes(low(value)));
integer!(u16, "int32", Int, "unsigned short", |value| u16::from_be_bytes(low(value)));
integer!(i32, "int32", Int, "int", |value| i32::from_be_bytes(low(value)));
integer!(u32, "int64", Long, "unsigned int", |value| u32::from_be_bytes(low(value)));
integer!(i64, "int64", Long, "long", |value| value);

/// The `N` least significant bytes, most significant first.
#[inline]
fn low<const N: usize>(value: i64) -> [u8; N] {
    let all = value.to_be_bytes();
    let mut bytes = [0; N];
    bytes.copy_from_slice(&all[all.len() - N..]);
    bytes
}

#[expect(clippy::float_cmp, reason = "only the very default is left out")]
impl Encode for f32 {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.float(tag, *self);
    }

    fn absent_as(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        "float".to_owned()
    }
}

impl Decode for f32 {
    fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
        input.float(kind)
    }
}

#[expect(clippy::float_cmp, reason = "only the very default is left out")]
impl Encode for f64 {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.double(tag, *self);
    }

    fn absent_as(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        "double".to_owned()
    }
}

impl Decode for f64 {
    fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
        input.double(kind)
    }
}

impl Encode for str {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.string(tag, self);
    }

    fn absent_as(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        "string".to_owned()
    }
}

impl Encode for String {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.string(tag, self);
    }

    fn absent_as(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        str::type_name()
    }
}

impl Decode for String {
    fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
        let text = input.string(kind)?;
        input.charge(text.len())?;
        Ok(text.into_owned())
    }
}

impl Encode for Bytes {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.bytes(tag, self);
    }

    fn absent_as(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        "list<char>".to_owned()
    }
}

impl Decode for Bytes {
    fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
        input.shared_bytes(kind)
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        T::encode_all(self, out, tag);
    }

    fn absent_as(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        format!("list<{}>", T::type_name())
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        T::encode_all(self, out, tag);
    }

    fn absent_as(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        format!("list<{}>", T::type_name())
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
        T::decode_all(input, kind)
    }
}

/// Both maps are written alike; only the bounds differ.
macro_rules! map {
    ($map:ty, [$($bounds:tt)*], [$($decode_bounds:tt)*]) => {
        impl<K: Encode, V: Encode, $($bounds)*> Encode for $map {
            fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
                out.begin_map(tag, self.len());
                for (key, value) in self {
                    key.encode(out, 0);
                    value.encode(out, 1);
                }
            }

            fn absent_as(&self, _default: &Self) -> bool {
                self.is_empty()
            }

            fn type_name() -> String {
                format!("map<{},{}>", K::type_name(), V::type_name())
            }
        }

        impl<$($decode_bounds)*> Decode for $map {
            /// Of a repeated key the last value counts.
            fn decode(input: &mut Decoder<'_>, kind: Kind) -> Result<Self, DecodeError> {
                let mut map = Self::default();
                input.map_of(kind, |key, value| drop(map.insert(key, value)))?;
                Ok(map)
            }
        }
    };
}

map!(BTreeMap<K, V>, [], [K: Decode + Ord, V: Decode]);
map!(HashMap<K, V, S>, [S: BuildHasher], [K: Decode + Eq + Hash, V: Decode, S: BuildHasher + Default]);
