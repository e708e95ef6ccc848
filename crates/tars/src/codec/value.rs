//! Writes and reads each Rust type that the interface definition has a type for.

use super::{
    decode::{Decode, Decoder},
    encode::{Encode, Encoder},
    error::DecodeError,
    type_code::TypeCode,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

/// A struct of the interface definition. `#[derive(TarsStruct)]` implements it.
pub trait Struct: Sized {
    /// The name of the struct in the interface definition.
    const NAME: &'static str;

    /// Writes the fields without STRUCT BEGIN and STRUCT END.
    fn encode_fields(&self, out: &mut Encoder<'_>);

    /// Reads the fields and stops before STRUCT END or at the end of the input.
    fn decode_fields(input: &mut Decoder<'_>) -> Result<Self, DecodeError>;
}

impl<T: Struct> Encode for T {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.begin_struct(tag);
        self.encode_fields(out);
        out.end_struct();
    }

    fn may_omit(&self, _default: &Self) -> bool {
        false
    }

    fn type_name() -> String {
        T::NAME.to_owned()
    }
}

impl<T: Struct> Decode for T {
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        input.read_struct(code, T::decode_fields)
    }
}

/// Implements the traits for an integer: its Rust type, its name in a version-2 attribute, the widest type code that a reader
/// accepts, its name in the IDL, and the conversion from `i64`. Types whose vectors have a form of their own add methods for
/// them.
///
/// A generic implementation for all integers would overlap with the one for all [`Struct`]s.
macro_rules! integer {
    ($type:ident, $name:literal, $widest:ident, $idl:literal, |$value:ident| $convert:expr
        $(, encode { $($encode:tt)* })? $(, decode { $($decode:tt)* })?) => {
        impl Encode for $type {
            fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
                out.put_int(tag, i64::from(*self));
            }

            fn may_omit(&self, default: &Self) -> bool {
                self == default
            }

            fn type_name() -> String {
                $name.to_owned()
            }

            $($($encode)*)?
        }

        impl Decode for $type {
            #[inline]
            fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
                let $value = input.read_int(code, TypeCode::$widest, $idl)?;
                Ok($convert)
            }

            $($($decode)*)?
        }
    };
}

// `read_int` has checked the width, so the low bytes are the value. An unsigned type is cut down from the next larger width.
integer!(bool, "bool", Byte, "bool", |value| value != 0);
integer!(i8, "char", Byte, "byte", |value| i8::from_be_bytes(low_bytes(value)),
encode {
    /// `vector<byte>` is a SIMPLE LIST.
    fn encode_all(items: &[Self], out: &mut Encoder<'_>, tag: u8) {
        let bytes: Vec<u8> = items.iter().map(|item| item.cast_unsigned()).collect();
        out.put_bytes(tag, &bytes);
    }
},
decode {
    fn decode_all(input: &mut Decoder<'_>, code: TypeCode) -> Result<Vec<Self>, DecodeError> {
        if code == TypeCode::List {
            return input.read_list();
        }
        let bytes = input.read_bytes(code)?;
        input.charge(bytes.len())?;
        Ok(bytes.iter().map(|byte| byte.cast_signed()).collect())
    }
});
integer!(u8, "short", Short, "unsigned byte", |value| u8::from_be_bytes(low_bytes(value)),
decode {
    /// `vector<unsigned byte>` is a LIST; a SIMPLE LIST is read, too.
    fn decode_all(input: &mut Decoder<'_>, code: TypeCode) -> Result<Vec<Self>, DecodeError> {
        if code == TypeCode::List {
            return input.read_list();
        }
        let bytes = input.read_bytes(code)?;
        input.charge(bytes.len())?;
        Ok(bytes.into_owned())
    }
});
integer!(i16, "short", Short, "short", |value| i16::from_be_bytes(low_bytes(value)));
integer!(u16, "int32", Int, "unsigned short", |value| u16::from_be_bytes(low_bytes(value)));
integer!(i32, "int32", Int, "int", |value| i32::from_be_bytes(low_bytes(value)));
integer!(u32, "int64", Long, "unsigned int", |value| u32::from_be_bytes(low_bytes(value)));
integer!(i64, "int64", Long, "long", |value| value);

/// The `N` least significant bytes of `value`, the most significant first.
#[inline]
fn low_bytes<const N: usize>(value: i64) -> [u8; N] {
    let all = value.to_be_bytes();
    let mut bytes = [0; N];
    bytes.copy_from_slice(&all[all.len() - N..]);
    bytes
}

#[expect(clippy::float_cmp, reason = "only a value that equals the default exactly is left out")]
impl Encode for f32 {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.put_float(tag, *self);
    }

    fn may_omit(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        "float".to_owned()
    }
}

impl Decode for f32 {
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        input.read_float(code)
    }
}

#[expect(clippy::float_cmp, reason = "only a value that equals the default exactly is left out")]
impl Encode for f64 {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.put_double(tag, *self);
    }

    fn may_omit(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        "double".to_owned()
    }
}

impl Decode for f64 {
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        input.read_double(code)
    }
}

impl Encode for str {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.put_string(tag, self);
    }

    fn may_omit(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        "string".to_owned()
    }
}

impl Encode for String {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.put_string(tag, self);
    }

    fn may_omit(&self, default: &Self) -> bool {
        self == default
    }

    fn type_name() -> String {
        str::type_name()
    }
}

impl Decode for String {
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        let text = input.read_string(code)?;
        input.charge(text.len())?;
        Ok(text.into_owned())
    }
}

impl Encode for Bytes {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.put_bytes(tag, self);
    }

    fn may_omit(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        "list<char>".to_owned()
    }
}

impl Decode for Bytes {
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        input.read_shared_bytes(code)
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        T::encode_all(self, out, tag);
    }

    fn may_omit(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        list_name::<T>()
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        T::encode_all(self, out, tag);
    }

    fn may_omit(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        list_name::<T>()
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        T::decode_all(input, code)
    }
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.put_map(tag, self.iter());
    }

    fn may_omit(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        map_name::<K, V>()
    }
}

impl<K: Decode + Ord, V: Decode> Decode for BTreeMap<K, V> {
    /// If a key is repeated, its last value counts.
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        let mut map = Self::new();
        input.read_map(code, |key, value| drop(map.insert(key, value)))?;
        Ok(map)
    }
}

impl<K: Encode, V: Encode, S: BuildHasher> Encode for HashMap<K, V, S> {
    fn encode(&self, out: &mut Encoder<'_>, tag: u8) {
        out.put_map(tag, self.iter());
    }

    fn may_omit(&self, _default: &Self) -> bool {
        self.is_empty()
    }

    fn type_name() -> String {
        map_name::<K, V>()
    }
}

impl<K: Decode + Eq + Hash, V: Decode, S: BuildHasher + Default> Decode for HashMap<K, V, S> {
    /// If a key is repeated, its last value counts.
    fn decode(input: &mut Decoder<'_>, code: TypeCode) -> Result<Self, DecodeError> {
        let mut map = Self::default();
        input.read_map(code, |key, value| drop(map.insert(key, value)))?;
        Ok(map)
    }
}

fn list_name<T: Encode>() -> String {
    format!("list<{}>", T::type_name())
}

fn map_name<K: Encode, V: Encode>() -> String {
    format!("map<{},{}>", K::type_name(), V::type_name())
}
