//! Properties of the codec that hold for all values and all bytes.

use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tars::{
    TarsEnum, TarsStruct,
    codec::{Decode, Decoder, Encode, TypeCode, from_bytes, to_bytes},
    framework::{
        endpoint::{EndpointF, ObjectItem},
        registry::ServerDescriptor,
    },
    packet::{LENGTH_SIZE, Packet, RequestPacket, RequestView, ResponsePacket, read_frame_length, tup::UniAttribute},
};

#[derive(Debug, Clone, Copy, PartialEq, Default, TarsEnum)]
enum Colour {
    #[default]
    Red,
    Green = 70_000,
    Blue = -1,
}

#[derive(Debug, Clone, PartialEq, TarsStruct)]
struct Everything {
    #[tars(tag = 0, require)]
    flag: bool,
    #[tars(tag = 1, optional, default = 7)]
    int8: i8,
    #[tars(tag = 2, optional)]
    uint8: u8,
    #[tars(tag = 3, require)]
    int16: i16,
    #[tars(tag = 4, optional, default = 65_535_u16)]
    uint16: u16,
    #[tars(tag = 5, require)]
    int32: i32,
    #[tars(tag = 14, optional)]
    uint32: u32,
    #[tars(tag = 15, optional)]
    int64: i64,
    #[tars(tag = 16, optional, default = "x")]
    text: String,
    #[tars(tag = 17, optional)]
    bytes: Bytes,
    #[tars(tag = 18, optional)]
    signed: Vec<i8>,
    #[tars(tag = 19, optional)]
    unsigned: Vec<u8>,
    #[tars(tag = 20, optional)]
    float: f32,
    #[tars(tag = 21, optional)]
    double: f64,
    #[tars(tag = 22, optional)]
    colour: Colour,
    #[tars(tag = 23, optional)]
    nested: Vec<Vec<String>>,
    #[tars(tag = 24, optional)]
    map: BTreeMap<String, BTreeMap<i32, Bytes>>,
    #[tars(tag = 255, optional)]
    inner: Vec<Inner>,
}

#[derive(Debug, Clone, PartialEq, TarsStruct)]
struct Inner {
    #[tars(tag = 3, require)]
    name: String,
    #[tars(tag = 9, optional)]
    value: i64,
}

/// An earlier version of [`Everything`] with few of its fields.
#[derive(Debug, Clone, PartialEq, TarsStruct)]
struct Earlier {
    #[tars(tag = 3, require)]
    int16: i16,
    #[tars(tag = 20, optional)]
    float: f32,
}

fn inner() -> impl Strategy<Value = Inner> {
    (".*", any::<i64>()).prop_map(|(name, value)| Inner { name, value })
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn everything() -> impl Strategy<Value = Everything> {
    let integers =
        (any::<bool>(), any::<i8>(), any::<u8>(), any::<i16>(), any::<u16>(), any::<i32>(), any::<u32>(), any::<i64>());
    let texts = (".{0,300}", bytes(), prop::collection::vec(any::<i8>(), 0..9), prop::collection::vec(any::<u8>(), 0..9));
    // NaN is written and read as any other number is, but it does not equal itself.
    let floats =
        (any::<f32>().prop_filter("NaN", |value| !value.is_nan()), any::<f64>().prop_filter("NaN", |value| !value.is_nan()));
    let colour = prop_oneof![Just(Colour::Red), Just(Colour::Green), Just(Colour::Blue)];
    let nested = prop::collection::vec(prop::collection::vec(".*", 0..4), 0..4);
    let map = prop::collection::btree_map(".*", prop::collection::btree_map(any::<i32>(), bytes(), 0..3), 0..4);
    (integers, texts, floats, colour, nested, map, prop::collection::vec(inner(), 0..4)).prop_map(
        |((flag, int8, uint8, int16, uint16, int32, uint32, int64), texts, (float, double), colour, nested, map, inner)| {
            let (text, bytes, signed, unsigned) = texts;
            Everything {
                flag,
                int8,
                uint8,
                int16,
                uint16,
                int32,
                uint32,
                int64,
                text,
                bytes,
                signed,
                unsigned,
                float,
                double,
                colour,
                nested,
                map,
                inner,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in everything(), tag in any::<u8>()) {
        let written = to_bytes(tag, &value);
        prop_assert_eq!(from_bytes::<Everything>(tag, &written), Ok(value.clone()));
        // A decoder that shares its input reads the same.
        prop_assert_eq!(Decoder::over(&written).require::<Everything>(tag), Ok(value));
    }

    #[test]
    fn integers_take_their_smallest_form(value in any::<i64>(), shift in 0_u32..64) {
        let value = value >> shift;
        let written = to_bytes(0, &value);
        let len = match value {
            0 => 1,
            -128..=127 => 2,
            -32_768..=32_767 => 3,
            -2_147_483_648..=2_147_483_647 => 5,
            _ => 9,
        };
        prop_assert_eq!(written.len(), len);
        prop_assert_eq!(from_bytes::<i64>(0, &written), Ok(value));
    }

    #[test]
    fn an_earlier_version_ignores_fields_it_does_not_know(value in everything()) {
        let earlier = from_bytes::<Earlier>(0, &to_bytes(0, &value));
        prop_assert_eq!(earlier, Ok(Earlier { int16: value.int16, float: value.float }));
    }

    #[test]
    fn every_truncation_is_an_error(value in everything(), cut in any::<prop::sample::Index>()) {
        let written = to_bytes(0, &value);
        let cut = cut.index(written.len());
        prop_assert!(from_bytes::<Everything>(0, &written[..cut]).is_err());
    }

    #[test]
    fn skipping_ends_where_reading_does(value in everything()) {
        let mut written = to_bytes(0, &value).to_vec();
        written.extend_from_slice(&to_bytes(1, "end"));
        let mut input = Decoder::new(&written);
        prop_assert_eq!(input.find(0), Ok(Some(TypeCode::StructBegin)));
        prop_assert_eq!(input.skip(TypeCode::StructBegin), Ok(()));
        prop_assert_eq!(input.require::<String>(1), Ok("end".to_owned()));
    }

    #[test]
    fn random_bytes_do_no_harm(input in prop::collection::vec(any::<u8>(), 0..200)) {
        check_harmless(&input);
    }

    /// A damaged value leads the decoder deeper than random bytes do.
    #[test]
    fn damaged_values_do_no_harm(
        value in everything(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut written = to_bytes(0, &value).to_vec();
        for (place, byte) in damage {
            let place = place.index(written.len());
            written[place] = byte;
        }
        check_harmless(&written);
    }

    #[test]
    fn a_request_is_seen_as_it_is_read(servant in ".*", func in ".*", buffer in bytes(), id in any::<i32>(),
        context in prop::collection::btree_map(".*", ".*", 0..4), damage in any::<(prop::sample::Index, u8)>(),
    ) {
        let packet = RequestPacket { servant, func, buffer, request_id: id, context, ..RequestPacket::default() };
        let frame = packet.to_frame().map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read_frame_length(&frame, 1 << 20), Ok(Some(frame.len())));
        let mut content = frame[LENGTH_SIZE..].to_vec();
        prop_assert_eq!(RequestPacket::read(&content.clone().into()), Ok(packet));
        let place = damage.0.index(content.len());
        content[place] = damage.1;
        let (seen, read) = (RequestView::read(&content), RequestPacket::read(&content.clone().into()));
        prop_assert_eq!(seen.is_ok(), read.is_ok());
        if let (Ok(seen), Ok(read)) = (seen, read) {
            prop_assert_eq!(seen.context.to_headers(), read.context);
            prop_assert_eq!(&*seen.buffer, &*read.buffer);
        }
    }
}

/// Reads `input` as many types. No reading may panic, and a value that was read can be written and read again.
fn check_harmless(input: &[u8]) {
    check_stable::<Everything>(input);
    check_stable::<ObjectItem>(input);
    check_stable::<Vec<EndpointF>>(input);
    check_stable::<ServerDescriptor>(input);
    check_stable::<BTreeMap<String, Vec<i64>>>(input);
    check_stable::<Vec<i8>>(input);
    check_stable::<String>(input);
    let shared = Bytes::copy_from_slice(input);
    let _ = RequestView::read(input);
    let _ = RequestPacket::read(&shared);
    let _ = ResponsePacket::read(&shared);
    for version in [2, 3] {
        let _ = UniAttribute::read(version, &shared);
    }
    let _ = read_frame_length(input, 1 << 20);
}

fn check_stable<T: Decode + Encode>(input: &[u8]) {
    if let Ok(value) = from_bytes::<T>(0, input) {
        let written = to_bytes(0, &value);
        let again = from_bytes::<T>(0, &written).map(|value| to_bytes(0, &value));
        assert_eq!(again, Ok(written), "input {input:02x?}");
    }
}
