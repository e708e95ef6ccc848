//! Golden vectors of whole frames: each is written and read.

use crate::{
    support::to_hex,
    vectors::{self as golden, Vector},
};
use bytes::{Bytes, BytesMut};
use std::fmt::Debug;
use tars::{
    codec::{Decoder, Encoder, to_bytes},
    framework::endpoint::EndpointF,
    packet::{
        Headers, LENGTH_SIZE, PING, Packet, RECONNECT, RequestPacket, RequestView, ResponsePacket, header, message_type,
        packet_type, ret, tup::UniAttribute, version,
    },
};

const QUERY: &str = "tars.tarsregistry.QueryObj";
const CONFIG: &str = "tars.tarsconfig.ConfigObj";
const NO_ENDPOINTS: &[EndpointF] = &[];

fn request(request_id: i32, func: &str, body: impl Into<Bytes>) -> RequestPacket {
    RequestPacket {
        request_id,
        servant: QUERY.to_owned(),
        func: func.to_owned(),
        buffer: body.into(),
        timeout: 3000,
        ..RequestPacket::default()
    }
}

fn response(request_id: i32, body: impl Into<Bytes>) -> ResponsePacket {
    ResponsePacket { request_id, buffer: body.into(), ..ResponsePacket::default() }
}

/// Encoded arguments or results.
fn body(write: impl FnOnce(&mut Encoder<'_>)) -> Bytes {
    let mut out = BytesMut::new();
    write(&mut Encoder::new(&mut out));
    out.freeze()
}

fn tcp(host: &str, port: i32, timeout: i32) -> EndpointF {
    EndpointF { host: host.to_owned(), port, timeout, istcp: 1, ..EndpointF::default() }
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// `packet` is written as `vector` and read from it; the content of the frame is returned.
#[track_caller]
fn both<P: Packet + PartialEq + Debug>(vector: &Vector, packet: &P) -> Bytes {
    let frame = Bytes::from(vector.bytes());
    assert_eq!(packet.to_frame().map(|frame| to_hex(&frame)), Ok(to_hex(&frame)), "{vector} written");
    let content = frame.slice(LENGTH_SIZE..);
    assert_eq!(P::read(&content).as_ref(), Ok(packet), "{vector} read");
    content
}

#[track_caller]
fn requests(vector: &Vector, packet: &RequestPacket) {
    let content = both(vector, packet);
    let view = RequestView::read(&content).unwrap_or_else(|error| panic!("{vector} seen: {error}"));
    let seen = RequestPacket {
        version: view.version,
        packet_type: view.packet_type,
        message_type: view.message_type,
        request_id: view.request_id,
        servant: view.servant.into_owned(),
        func: view.func.into_owned(),
        buffer: view.buffer.into_owned().into(),
        timeout: view.timeout,
        context: view.context.to_headers(),
        status: view.status.to_headers(),
    };
    assert_eq!(&seen, packet, "{vector} seen");
}

#[track_caller]
fn responses(vector: &Vector, packet: &ResponsePacket) {
    both(vector, packet);
}

#[test]
fn requests_to_the_name_service() {
    requests(&golden::PING_REQUEST, &request(1, PING, ""));
    let one_way = RequestPacket { packet_type: packet_type::ONE_WAY, ..request(70000, PING, "") };
    requests(&golden::ONE_WAY_PING_REQUEST, &one_way);
    requests(&golden::LOOKUP_REQUEST, &request(2, "findObjectById", to_bytes(1, CONFIG)));
    let arguments = body(|out| {
        out.put(1, CONFIG);
        out.put(2, NO_ENDPOINTS);
        out.put(3, NO_ENDPOINTS);
    });
    let dyed = RequestPacket {
        message_type: message_type::DYED,
        context: headers(&[(header::NODE_NAME, "10.0.0.9")]),
        status: headers(&[(header::DYED, "u1")]),
        ..request(3, "findObjectByIdInSameGroup", arguments)
    };
    requests(&golden::LOOKUP_REQUEST_WITH_HEADERS, &dyed);
    let arguments = body(|out| {
        out.put(1, "tars.tarslog.LogObj");
        out.put(2, "mtt.s.1");
        out.put(3, NO_ENDPOINTS);
        out.put(4, NO_ENDPOINTS);
    });
    requests(&golden::SET_LOOKUP_REQUEST, &request(1, "findObjectByIdInSameSet", arguments));
    let lowest =
        RequestPacket { request_id: i32::MIN, servant: "A.B.C".to_owned(), func: "f".to_owned(), ..RequestPacket::default() };
    requests(&golden::REQUEST_WITH_LOWEST_ID, &lowest);
}

#[test]
fn requests_to_the_admin_object() {
    let admin = |request_id, func: &str, body: Bytes| RequestPacket {
        servant: "AdminObj".to_owned(),
        timeout: 300,
        ..request(request_id, func, body)
    };
    requests(&golden::NOTIFY_REQUEST, &admin(1, "notify", to_bytes(1, "tars.setloglevel DEBUG")));
    requests(&golden::SHUTDOWN_REQUEST, &admin(3, "shutdown", Bytes::new()));
}

#[test]
fn requests_and_responses_with_named_arguments() {
    let tup = RequestPacket { version: version::TUP, timeout: 0, ..request(7, "findObjectById", golden::ATTRIBUTES.bytes()) };
    requests(&golden::NAMED_LOOKUP_REQUEST, &tup);
    let mut results = UniAttribute::default();
    results.put("", &[tcp("h", 1, 2)][..]);
    results.put("tars_ret", &[tcp("h", 1, 2)][..]);
    let answer =
        RequestPacket { version: version::TUP, request_id: 7, buffer: results.write(version::TUP), ..RequestPacket::default() };
    requests(&golden::NAMED_LOOKUP_RESPONSE, &answer);
}

#[test]
fn requests_to_the_registry() {
    let registry = |request_id, func: &str, arguments: &Vector| RequestPacket {
        servant: "tars.tarsregistry.RegistryObj".to_owned(),
        timeout: 6000,
        ..request(request_id, func, arguments.bytes())
    };
    requests(&golden::DESCRIPTOR_REQUEST, &registry(10, "getServerDescriptor", &golden::DESCRIPTOR_ARGUMENTS));
    let state =
        RequestPacket { context: headers(&[("PID", "57")]), ..registry(8, "updateServerState", &golden::STATE_ARGUMENTS) };
    requests(&golden::STATE_REQUEST, &state);
    responses(&golden::STATE_RESPONSE, &response(8, ""));
    let beat = RequestPacket {
        servant: "tars.tarsregistry.Registry".to_owned(),
        timeout: 1000,
        ..request(11, "keepAlive", golden::K8STARS_KEEP_ALIVE.bytes())
    };
    requests(&golden::K8STARS_KEEP_ALIVE_REQUEST, &beat);
}

/// Results of the functions that answer 0, the active and the inactive endpoints.
fn two_lists(active: &[EndpointF], inactive: &[EndpointF]) -> Bytes {
    body(|out| {
        out.put(0, &0_i32);
        out.put(2, active);
        out.put(3, inactive);
    })
}

#[test]
fn responses_of_the_name_service() {
    let config = |index| tcp(&format!("tars-tarsconfig-{index}.tars-tarsconfig"), 10001, 60000);
    responses(&golden::PING_RESPONSE, &response(1, ""));
    responses(&golden::LOOKUP_RESPONSE, &response(2, to_bytes(0, &[config(0)][..])));
    responses(&golden::EMPTY_LOOKUP_RESPONSE, &response(12, to_bytes(0, NO_ENDPOINTS)));
    responses(&golden::TWO_LISTS_RESPONSE, &response(3, two_lists(&[config(0)], &[config(1)])));
    responses(&golden::EMPTY_TWO_LISTS_RESPONSE, &response(4, two_lists(&[], &[])));
    let own = two_lists(&[tcp("tars-tarsregistry", 17890, 6000)], &[]);
    responses(&golden::REGISTRY_LOOKUP_RESPONSE, &response(3, own));
    responses(&golden::LIVE_LOOKUP_RESPONSE, &response(2, to_bytes(0, &[tcp("h", 1, 2)][..])));
    let live = two_lists(&[tcp("127.0.0.1", 24001, 3000)], &[]);
    responses(&golden::LIVE_TWO_LISTS_RESPONSE, &response(3, live));
}

#[test]
fn responses_with_an_error() {
    let failed = |request_id, ret, desc: &str| ResponsePacket { ret, desc: desc.to_owned(), ..response(request_id, "") };
    responses(&golden::NO_FUNCTION_RESPONSE, &failed(5, ret::NO_FUNCTION, ""));
    responses(&golden::NO_SERVANT_RESPONSE, &failed(9, ret::NO_SERVANT, ""));
    responses(&golden::QUEUE_TIMEOUT_RESPONSE, &failed(9, ret::QUEUE_TIMEOUT, ""));
    let boom = ResponsePacket { context: headers(&[("a", "b")]), ..failed(6, ret::UNKNOWN, "boom") };
    responses(&golden::FAILURE_RESPONSE, &boom);
    responses(&golden::LIVE_UNKNOWN_FUNCTION_RESPONSE, &failed(4, 1, "func mismatch"));
    responses(&golden::LIVE_TYPED_ERROR_RESPONSE, &failed(4, -77, "custom"));
    responses(&golden::LIVE_MISSING_ARGUMENT_RESPONSE, &failed(5, 1, "can not find Tag 1. But require. EOF"));
}

#[test]
fn the_push_that_asks_to_reconnect() {
    responses(&golden::RECONNECT_PUSH, &ResponsePacket { desc: RECONNECT.to_owned(), ..response(0, "") });
}

#[test]
fn arguments_of_a_station_lookup() {
    let vector = golden::STATION_LOOKUP_ARGUMENTS;
    let bytes = vector.bytes();
    let mut input = Decoder::new(&bytes);
    assert_eq!(input.require::<String>(1).as_deref(), Ok(CONFIG), "{vector} read");
    assert_eq!(input.require::<String>(2).as_deref(), Ok("sz"), "{vector} read");
    let written = body(|out| {
        out.put(1, CONFIG);
        out.put(2, "sz");
        out.put(3, NO_ENDPOINTS);
        out.put(4, NO_ENDPOINTS);
    });
    assert_eq!(to_hex(&written), to_hex(&bytes), "{vector} written");
}
