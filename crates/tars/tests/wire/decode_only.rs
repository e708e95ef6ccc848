//! Input that only has to be read, or refused.

use crate::support::hex;
use tars::codec::{Decode, DecodeError, Decoder, Problem, from_bytes};

fn read<T: Decode>(tag: u8, input: &str) -> Result<T, DecodeError> {
    from_bytes(tag, &hex(input))
}

#[test]
fn what_is_read() {
    assert_eq!(read::<i32>(1, "1200000001"), Ok(1), "D01");
    assert_eq!(read::<i32>(1, "1000"), Ok(0), "D02");
    assert_eq!(read::<i32>(1, "f20100000005"), Ok(5), "D03");
    assert_eq!(read::<i64>(1, "11ff7f"), Ok(-129), "D05");
    assert_eq!(read::<String>(1, "1700000003616263"), Ok("abc".to_owned()), "D06");
    assert_eq!(read::<f64>(1, "143fc00000"), Ok(1.5), "D08");
    assert_eq!(read::<f64>(1, "1c"), Ok(0.0), "D10");
    let absent = Decoder::new(&hex("20ff")).read_optional::<i32>(1);
    assert_eq!(absent.map(|value| value.unwrap_or(42)), Ok(42), "D13");
    assert_eq!(read::<i32>(4, "0601610c19000206016206016328000106016b10013601634005"), Ok(5), "D16");
}

#[test]
fn what_is_refused() {
    let refused = [
        ("D04 LONG into int", read::<i32>(1, "1300000000000000ff").map(drop)),
        ("D07 ZERO TAG into string", read::<String>(1, "1c").map(drop)),
        ("D09 DOUBLE into float", read::<f32>(1, "153ff8000000000000").map(drop)),
        ("D11 SHORT into byte", read::<i8>(1, "110080").map(drop)),
        ("D12 absent", read::<i32>(1, "20ff").map(drop)),
        ("D14 truncated int", read::<i32>(1, "1201").map(drop)),
        ("D15 truncated string", read::<String>(1, "160561").map(drop)),
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
    assert_eq!(unknown, Err("3 is no value of enum Strict (at byte 2)".to_owned()));
    assert_eq!(read::<Open>(0, "0c"), Ok(Open::Zero));
    assert_eq!(read::<Open>(0, "0003"), Ok(Open::Other(3)));
    assert_eq!(tars::codec::to_bytes(0, &Open::Other(3)), hex("0003"));
}
