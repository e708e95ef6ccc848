//! Input that is only read, or refused.

use crate::{
    support::hex,
    vectors::{self as golden, Vector},
};
use tars::codec::{Decode, DecodeError, Decoder, Problem, from_bytes, to_bytes};

fn read<T: Decode>(tag: u8, input: &str) -> Result<T, DecodeError> {
    from_bytes(tag, &hex(input))
}

/// Reads the value under tag 1.
fn read_golden<T: Decode>(vector: &Vector) -> Result<T, DecodeError> {
    from_bytes(1, &vector.bytes())
}

#[test]
fn what_is_read() {
    assert_eq!(read_golden::<i32>(&golden::INT_1_AS_INT), Ok(1));
    assert_eq!(read_golden::<i32>(&golden::INT_0_AS_BYTE), Ok(0));
    assert_eq!(read_golden::<i32>(&golden::TAG_1_IN_TWO_BYTES), Ok(5));
    assert_eq!(read_golden::<i64>(&golden::LONG_MINUS_129), Ok(-129));
    assert_eq!(read_golden::<String>(&golden::STRING_ABC_AS_STRING4), Ok("abc".to_owned()));
    assert_eq!(read_golden::<f64>(&golden::DOUBLE_1_5_AS_FLOAT), Ok(1.5));
    assert_eq!(read_golden::<f64>(&golden::DOUBLE_0_AS_ZERO_TAG), Ok(0.0));
    let absent = Decoder::new(&golden::TAG_2_ONLY.bytes()).read_optional::<i32>(1);
    assert_eq!(absent.map(|value| value.unwrap_or(42)), Ok(42));
    assert_eq!(from_bytes::<i32>(4, &golden::INT_BEHIND_OTHER_VALUES.bytes()), Ok(5));
}

#[test]
fn golden_input_that_is_refused() {
    fn refuses<T: Decode>(vector: &Vector) {
        assert!(read_golden::<T>(vector).is_err(), "{vector} was read");
    }
    refuses::<i32>(&golden::LONG_FOR_INT);
    refuses::<String>(&golden::ZERO_TAG_FOR_STRING);
    refuses::<f32>(&golden::DOUBLE_FOR_FLOAT);
    refuses::<i8>(&golden::SHORT_FOR_BYTE);
    refuses::<i32>(&golden::TAG_2_ONLY);
    refuses::<i32>(&golden::TRUNCATED_INT);
    refuses::<String>(&golden::TRUNCATED_STRING);
}

#[test]
fn other_input_that_is_refused() {
    let refused = [
        ("SHORT into bool", read::<bool>(1, "110080").map(drop)),
        ("INT into short", read::<i16>(1, "1200008000").map(drop)),
        ("INT into unsigned byte", read::<u8>(1, "1200008000").map(drop)),
        ("LONG into unsigned short", read::<u16>(1, "1300000000000000ff").map(drop)),
        ("FLOAT into int", read::<i32>(1, "143fc00000").map(drop)),
        ("INT into float", read::<f32>(1, "1200000001").map(drop)),
        ("SIMPLE LIST into vector<int>", read::<Vec<i32>>(1, "1d00000101").map(drop)),
        ("SIMPLE LIST of SHORT", read::<Vec<i8>>(1, "1d01000101").map(drop)),
        ("MAP into vector", read::<Vec<i32>>(1, "180c").map(drop)),
        ("type code 14", read::<i32>(1, "1e").map(drop)),
        ("type code 15 on the way", read::<i32>(1, "0f1001").map(drop)),
        ("negative count", read::<Vec<i32>>(1, "1900ff").map(drop)),
        ("count beyond the input", read::<Vec<i32>>(1, "19027fffffff").map(drop)),
        ("LONG as count", read::<Vec<i32>>(1, "19030000000000000001").map(drop)),
        ("missing count", read::<Vec<i32>>(1, "19").map(drop)),
        ("count of a map beyond the input", read::<std::collections::BTreeMap<i8, i8>>(1, "1800020000").map(drop)),
        ("unfinished long head", read::<i32>(1, "f0").map(drop)),
        ("string of 4 GiB", read::<String>(1, "17ffffffff61").map(drop)),
    ];
    for (what, result) in refused {
        assert!(result.is_err(), "{what} was read");
    }
}

#[test]
fn nesting_is_bounded_when_read_and_when_skipped() {
    for (what, start, level) in [("structs", "", "0a"), ("lists", "", "090001"), ("maps", "08", "0001000118")] {
        let deep = format!("{start}{}10", level.repeat(1000));
        let result = read::<i32>(1, &deep);
        let problem = result.map_err(|error| error.problem().clone());
        assert_eq!(problem, Err(Problem::TooDeep { limit: 64 }), "{what}");
    }
}

#[test]
fn an_error_names_struct_field_and_place() {
    use tars::framework::endpoint::ObjectItem;
    use tars::packet::{Packet, RequestPacket};

    let error = read::<ObjectItem>(0, "0a0900010a0601680b0b").map_err(|error| error.to_string());
    assert_eq!(
        error,
        Err("ObjectItem.vActiveEndpoints > EndpointF.port: required value with tag 1 is missing (at byte 8)".to_owned())
    );
    let error = RequestPacket::read(&hex("1c").into()).map_err(|error| error.to_string());
    assert_eq!(error, Err("RequestPacket.cPacketType: required value with tag 2 is missing (at byte 1)".to_owned()));
}

#[test]
fn text_that_is_not_utf8_does_not_fail_a_packet() {
    assert_eq!(read::<String>(0, "0603ff6162"), Ok("\u{fffd}ab".to_owned()));
}

#[test]
fn an_enum_refuses_or_keeps_unknown_numbers() {
    #[derive(Debug, PartialEq, tars::TarsEnum)]
    enum Strict {
        One = 1,
        Two,
    }
    #[derive(Debug, PartialEq, tars::TarsEnum)]
    enum Open {
        Zero,
        #[tars(other)]
        Other(i32),
    }
    assert_eq!(read::<Strict>(0, "0001"), Ok(Strict::One));
    assert_eq!(read::<Strict>(0, "0002"), Ok(Strict::Two));
    let unknown = read::<Strict>(0, "0003").map_err(|error| error.to_string());
    assert_eq!(unknown, Err("enum Strict has no value 3 (at byte 2)".to_owned()));
    assert_eq!(read::<Open>(0, "0c"), Ok(Open::Zero));
    assert_eq!(read::<Open>(0, "0003"), Ok(Open::Other(3)));
    assert_eq!(to_bytes(0, &Open::Other(3)), hex("0003"));
}
