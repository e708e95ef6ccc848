//! JSON of many similar objects in little memory.
//!
//! ```text
//! first object of a kind ──► the sample
//! each object ──► LZ4 with the sample as dictionary ──► what it does not share with the sample
//! ```
//!
//! The objects of a kind differ by names, numbers and a few fields, so an object takes a tenth of its text.

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use serde_json::Value;
use std::{fmt, sync::OnceLock};

/// Packs the objects of one kind.
#[derive(Debug, Default)]
pub struct Packer {
    sample: OnceLock<Box<[u8]>>,
}

impl Packer {
    pub const fn new() -> Self {
        Self { sample: OnceLock::new() }
    }

    /// Packs `value`. The same value gives the same bytes.
    pub fn pack(&'static self, value: &Value) -> Packed {
        if value.is_null() {
            return Packed::default();
        }
        let text = value.to_string();
        let sample = self.sample.get_or_init(|| text.as_bytes().into());
        Packed(Some((self, compress_prepend_size_with_dict(text.as_bytes(), sample).into_boxed_slice())))
    }

    fn unpack(&self, bytes: &[u8]) -> Option<Value> {
        let text = decompress_size_prepended_with_dict(bytes, self.sample.get()?).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// A packed value; null by default.
#[derive(Clone, Default)]
pub struct Packed(Option<(&'static Packer, Box<[u8]>)>);

impl Packed {
    pub fn unpack(&self) -> Value {
        // The packer made the bytes from a value, with the sample that it still has, so they unpack.
        self.0.as_ref().and_then(|(packer, bytes)| packer.unpack(bytes)).unwrap_or_default()
    }

    fn bytes(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|(_, bytes)| &**bytes)
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unpack().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(number: u32) -> Value {
        let ports: Vec<_> =
            (0..20).map(|port| json!({"name": format!("port-{port}"), "port": port, "protocol": "TCP"})).collect();
        json!({"metadata": {"name": format!("server-{number}")}, "spec": {"ports": ports}})
    }

    #[test]
    fn similar_objects_take_a_tenth_of_their_text_and_come_back_as_they_were() {
        static PACKER: Packer = Packer::new();
        for number in 0..10 {
            let packed = PACKER.pack(&object(number));
            let length = packed.bytes().map_or(0, <[u8]>::len);
            assert!(length * 10 < object(number).to_string().len(), "{length} bytes");
            assert_eq!(packed.unpack(), object(number));
            assert!(packed == PACKER.pack(&object(number)) && packed != PACKER.pack(&object(number + 1)));
        }
    }

    #[test]
    fn anything_comes_back_as_it_was() {
        static PACKER: Packer = Packer::new();
        for value in [Value::Null, json!({}), json!("x"), json!([1, null, {"ä": "\u{1F600}"}]), object(7), json!(false)] {
            assert_eq!(PACKER.pack(&value).unpack(), value);
        }
        assert_eq!(Packed::default().unpack(), Value::Null);
    }
}
