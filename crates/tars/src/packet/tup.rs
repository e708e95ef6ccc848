//! Arguments and results by name: the `UniAttribute` of versions 2 and 3 (`docs/reference/wire.md#8`).
//!
//! ```text
//! version 3   map<name, bytes>                  bytes = one value under tag 0
//! version 2   map<name, map<type name, bytes>>
//! ```

use super::version;
use crate::codec::{Decode, DecodeError, Decoder, Encode, Encoder, to_bytes};
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;

/// Values by name. Each is encoded under tag 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UniAttribute {
    values: BTreeMap<String, Attribute>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Attribute {
    type_name: String,
    value: Bytes,
}

impl UniAttribute {
    /// Reads the attributes of a packet of version 2 or 3.
    pub fn read(packet_version: i16, buffer: &Bytes) -> Result<Self, DecodeError> {
        let mut input = Decoder::over(buffer);
        let mut attributes = Self::default();
        if packet_version == version::TUP_LEGACY {
            let values: BTreeMap<String, BTreeMap<String, Bytes>> = input.require(0)?;
            for (name, typed) in values {
                if let Some((type_name, value)) = typed.into_iter().next() {
                    attributes.values.insert(name, Attribute { type_name, value });
                }
            }
        } else {
            let values: BTreeMap<String, Bytes> = input.require(0)?;
            for (name, value) in values {
                attributes.values.insert(name, Attribute { type_name: String::new(), value });
            }
        }
        Ok(attributes)
    }

    /// Writes the attributes for a packet of version 2 or 3.
    pub fn write(&self, packet_version: i16) -> Bytes {
        let mut buffer = BytesMut::new();
        let mut out = Encoder::new(&mut buffer);
        out.begin_map(0, self.values.len());
        for (name, attribute) in &self.values {
            out.put(0, name);
            if packet_version == version::TUP_LEGACY {
                out.begin_map(1, 1);
                out.put(0, &attribute.type_name);
            }
            out.put(1, &attribute.value);
        }
        buffer.freeze()
    }

    /// Sets the value with this name.
    pub fn put<T: Encode + ?Sized>(&mut self, name: &str, value: &T) {
        self.values.insert(name.to_owned(), Attribute { type_name: T::type_name(), value: to_bytes(0, value) });
    }

    /// Reads the value with this name; `None` if there is no such name.
    pub fn get<T: Decode>(&self, name: &str) -> Result<Option<T>, DecodeError> {
        match self.values.get(name) {
            Some(attribute) => Decoder::over(&attribute.value).require(0).map(Some),
            None => Ok(None),
        }
    }

    /// All names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}
