//! Reads any bytes as many types. No reading may panic, and a value that was read stays the same when it is written and read
//! again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use tars::{codec::{Decode, Encode, from_bytes, to_bytes}, framework::{endpoint::{EndpointF, ObjectItem}, registry::ServerDescriptor, stat::{StatMicMsgBody, StatMicMsgHead}}, packet::{DEFAULT_MAX_FRAME, Packet, RequestPacket, RequestView, ResponsePacket, read_frame_length, tup::UniAttribute}};

fn check_stable<T: Decode + Encode>(input: &[u8]) {
    if let Ok(value) = from_bytes::<T>(0, input) {
        let written = to_bytes(0, &value);
        let again = from_bytes::<T>(0, &written).map(|value| to_bytes(0, &value));
        assert_eq!(again, Ok(written));
    }
}

fuzz_target!(|input: &[u8]| {
    check_stable::<ObjectItem>(input);
    check_stable::<Vec<EndpointF>>(input);
    check_stable::<ServerDescriptor>(input);
    check_stable::<BTreeMap<StatMicMsgHead, StatMicMsgBody>>(input);
    check_stable::<Vec<i8>>(input);
    let _ = read_frame_length(input, DEFAULT_MAX_FRAME);
    let shared = Bytes::copy_from_slice(input);
    let seen = RequestView::read(input);
    assert_eq!(seen.is_ok(), RequestPacket::read(&shared).is_ok());
    if let Ok(packet) = ResponsePacket::read(&shared) {
        let frame = packet.to_frame().expect("a packet that was read is smaller than a frame may be");
        assert_eq!(ResponsePacket::read(&frame.slice(4..)), Ok(packet));
    }
    for version in [2, 3] {
        let _ = UniAttribute::read(version, &shared);
    }
});
