//! Encodes values and decodes them: the self-describing format inside every Tars packet (`docs/reference/wire.md#1`).
//!
//! ```text
//! value  = head payload                      head = tag (0..=255) and one of 14 type codes
//! struct = STRUCT BEGIN, fields by ascending tag, STRUCT END
//! ```
//!
//! A type that implements [`Encode`] can be written with an [`Encoder`], and one that implements [`Decode`] can be read with a
//! [`Decoder`]. `#[derive(TarsStruct)]` implements both for a struct, and `Default`; `#[derive(TarsEnum)]` implements both for an
//! enum.
//!
//! A decoder does not trust its input and never panics. It refuses truncated payloads, negative counts, counts that the remaining
//! bytes cannot hold, nesting deeper than [`Limits::depth`], and input whose values would take more memory than
//! [`Limits::memory`].
//!
//! | Rust | IDL | written as |
//! |---|---|---|
//! | `bool`, `i8` | `bool`, `byte` | at most BYTE |
//! | `u8`, `i16` | `unsigned byte`, `short` | at most SHORT |
//! | `u16`, `i32`, enums | `unsigned short`, `int`, enum | at most INT |
//! | `u32`, `i64` | `unsigned int`, `long` | at most LONG |
//! | `f32`, `f64` | `float`, `double` | FLOAT, DOUBLE |
//! | `String` | `string` | STRING1, STRING4 |
//! | [`Bytes`], `Vec<i8>` | `vector<byte>` | SIMPLE LIST |
//! | `Vec<T>`, also `Vec<u8>` | `vector<T>`, `vector<unsigned byte>` | LIST |
//! | `BTreeMap<K, V>`, `HashMap<K, V>` | `map<K, V>` | MAP |
//! | `#[derive(TarsStruct)]` | struct | STRUCT BEGIN … STRUCT END |

mod decode;
mod encode;
mod error;
mod type_code;
mod value;

pub use decode::{Decode, Decoder, Limits};
pub use encode::{Encode, Encoder};
pub use error::{DecodeError, Problem};
pub use type_code::TypeCode;
pub use value::Struct;

use bytes::{Bytes, BytesMut};

/// Encodes one value under `tag`.
pub fn to_bytes<T: Encode + ?Sized>(tag: u8, value: &T) -> Bytes {
    let mut out = BytesMut::new();
    Encoder::new(&mut out).put(tag, value);
    out.freeze()
}

/// Decodes the value under `tag`. It is an error if the value is absent.
pub fn from_bytes<T: Decode>(tag: u8, input: &[u8]) -> Result<T, DecodeError> {
    Decoder::new(input).require(tag)
}
