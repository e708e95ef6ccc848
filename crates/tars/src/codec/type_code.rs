//! The fourteen forms in which a value can be written (`docs/reference/wire.md#1.2`).

use std::fmt;

/// The type code: the lower four bits of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TypeCode {
    /// One byte, two's complement.
    Byte = 0,
    /// Two bytes, big endian.
    Short = 1,
    /// Four bytes, big endian.
    Int = 2,
    /// Eight bytes, big endian.
    Long = 3,
    /// IEEE-754 binary32, big endian.
    Float = 4,
    /// IEEE-754 binary64, big endian.
    Double = 5,
    /// One length byte, then that many bytes.
    String1 = 6,
    /// Four length bytes, then that many bytes.
    String4 = 7,
    /// A count, then that many pairs: the key under tag 0, the value under tag 1.
    Map = 8,
    /// A count, then that many elements, each under tag 0.
    List = 9,
    /// The fields of a struct follow, up to the matching [`TypeCode::StructEnd`].
    StructBegin = 10,
    /// The innermost struct ends here; there is no payload.
    StructEnd = 11,
    /// The number 0, without payload.
    Zero = 12,
    /// A head of type BYTE, a count, then that many raw bytes.
    SimpleList = 13,
}

impl TypeCode {
    /// The type code with this number; `None` for 14 and 15, which no type has.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Byte,
            1 => Self::Short,
            2 => Self::Int,
            3 => Self::Long,
            4 => Self::Float,
            5 => Self::Double,
            6 => Self::String1,
            7 => Self::String4,
            8 => Self::Map,
            9 => Self::List,
            10 => Self::StructBegin,
            11 => Self::StructEnd,
            12 => Self::Zero,
            13 => Self::SimpleList,
            _ => return None,
        })
    }
}

impl fmt::Display for TypeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Byte => "BYTE",
            Self::Short => "SHORT",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Float => "FLOAT",
            Self::Double => "DOUBLE",
            Self::String1 => "STRING1",
            Self::String4 => "STRING4",
            Self::Map => "MAP",
            Self::List => "LIST",
            Self::StructBegin => "STRUCT BEGIN",
            Self::StructEnd => "STRUCT END",
            Self::Zero => "ZERO TAG",
            Self::SimpleList => "SIMPLE LIST",
        })
    }
}
