//! Exchanges golden vectors with the name service through real sockets, and checks that bad input harms no other client.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic, too")]

mod support;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::json;
use std::sync::OnceLock;
use support::{Service, Wire, endpoint, from_hex, golden, response, servant, template, to_hex};
use tars::{
    codec::{Decoder, Encoder},
    framework::{endpoint::EndpointF, query::GetMasterSlaveLock},
    packet::{Packet, RequestPacket, ret},
};
use tarsregistry::index::{Change, QUERY_OBJECT, REGISTRY_OBJECT};

fn config_server() -> Change {
    let tars = json!({"template": "t", "servants": [servant("ConfigObj", 10001, true)]});
    endpoint("tars-tarsconfig", &tars, &[("tars-tarsconfig-1", "Activating"), ("tars-tarsconfig-0", "Active")])
}

fn hello_server() -> Change {
    let tars = json!({"asyncThread": 3, "template": "t", "servants": [servant("HelloObj", 10000, true)]});
    endpoint("test-hello", &tars, &[])
}

fn request(servant: &str, func: &str, arguments: impl FnOnce(&mut Encoder<'_>)) -> Bytes {
    let mut buffer = BytesMut::new();
    arguments(&mut Encoder::new(&mut buffer));
    let packet = RequestPacket {
        request_id: 77,
        servant: servant.into(),
        func: func.into(),
        buffer: buffer.freeze(),
        timeout: 3000,
        ..RequestPacket::default()
    };
    packet.to_frame().unwrap()
}

#[tokio::test]
async fn golden_lookups() {
    let udp = json!({"template": "t", "servants": [servant("HelloObj", 10000, false)]});
    let udp = endpoint("test-hello", &udp, &[("test-hello-0", "Active")]);
    let service = Service::start([config_server(), udp]).await;
    let mut wire = Wire::connect(service.query).await;
    assert_eq!(wire.ask_hex(golden::PING).await, golden::PING_ANSWER);
    assert_eq!(wire.ask_hex(golden::FIND_BY_ID).await, golden::FIND_BY_ID_ANSWER);
    // A response repeats the message type of its request. The golden request has one, and the golden response has none.
    let answer = wire.ask_hex(golden::FIND_IN_GROUP_WITH_OUT_PARAMETERS).await;
    assert_eq!(results(&answer), results(golden::FIND_IN_GROUP_ANSWER));
    assert_eq!(results(&wire.ask_hex(golden::FIND_IN_UNKNOWN_SET).await), golden::FIND_IN_UNKNOWN_SET_RESULTS);
    let answer = wire.ask_hex(golden::FIND_BY_ID_IN_VERSION_3).await;
    assert!(answer.contains(&to_hex(b"tars-tarsconfig-0.tars-tarsconfig")) && answer.contains(&to_hex(b"tars_ret")), "{answer}");
    let answer = wire.ask(&request(QUERY_OBJECT, "findObjectById", |out| out.put_string(1, "Test.Hello.HelloObj"))).await;
    assert_eq!(to_hex(&response(&answer).buffer), format!("090001{}", golden::UDP_ENDPOINT));
}

/// The results in an answer.
fn results(frame: &str) -> String {
    to_hex(&response(&from_hex(frame)).buffer)
}

#[tokio::test]
async fn the_name_service_and_unknown_objects() {
    let service = Service::start([]).await;
    let mut wire = Wire::connect(service.query).await;
    let own = request(QUERY_OBJECT, "findObjectByIdInSameGroup", |out| out.put_string(1, QUERY_OBJECT));
    assert_eq!(to_hex(&response(&wire.ask(&own).await).buffer), golden::FIND_NAME_SERVICE_RESULTS);
    for (function, places, expected) in [
        ("findObjectById", 0, "090c"),
        ("findObjectById4Any", 0, "0c290c390c"),
        ("findObjectById4All", 0, "0c290c390c"),
        ("findObjectByIdInSameGroup", 0, "0c290c390c"),
        ("findObjectByIdInSameStation", 1, "0c390c490c"),
        ("findObjectByIdInSameSet", 1, "0c390c490c"),
    ] {
        for id in ["No.Such.Obj", "malformed", ""] {
            let asked = request(QUERY_OBJECT, function, |out| {
                out.put_string(1, id);
                (0..places).for_each(|_| out.put_string(2, "place"));
            });
            let answer = response(&wire.ask(&asked).await);
            assert_eq!((answer.ret, to_hex(&answer.buffer)), (0, expected.to_owned()), "{function} {id}");
        }
    }
}

#[tokio::test]
async fn all_functions_tell_the_same_endpoints() {
    let service = Service::start([config_server()]).await;
    let mut wire = Wire::connect(service.query).await;
    let mut lists = Vec::new();
    for (function, first) in [
        ("findObjectById4Any", 2),
        ("findObjectById4All", 2),
        ("findObjectByIdInSameGroup", 2),
        ("findObjectByIdInSameStation", 3),
        ("findObjectByIdInSameSet", 3),
    ] {
        let asked = request(QUERY_OBJECT, function, |out| {
            out.put_string(1, "tars.tarsconfig.ConfigObj");
            if first == 3 {
                out.put_string(2, "x.y.z");
            }
            // A list that the client sends as out-parameter must not come back.
            out.put(first, &vec![EndpointF { host: "poison".into(), ..EndpointF::default() }]);
        });
        let answer = response(&wire.ask(&asked).await);
        let mut results = Decoder::new(&answer.buffer);
        assert_eq!(results.require::<i32>(0).unwrap(), 0);
        let active: Vec<EndpointF> = results.require(first).unwrap();
        let inactive: Vec<EndpointF> = results.require(first + 1).unwrap();
        lists.push((active, inactive));
    }
    assert!(lists.windows(2).all(|pair| pair[0] == pair[1]), "{lists:?}");
    assert_eq!(lists[0].0.len(), 1);
    assert_eq!(lists[0].1[0].host, "tars-tarsconfig-1.tars-tarsconfig");
}

/// Writes the arguments of a request.
type Write = fn(&mut Encoder<'_>);

#[tokio::test]
async fn what_is_not_served_has_its_code() {
    let service = Service::start([]).await;
    let mut wire = Wire::connect(service.query).await;
    let two_texts: Write = |out| {
        out.put_string(1, "a.b.c");
        out.put_string(2, "x");
    };
    let map_and_text: Write = |out| {
        out.begin_map(1, 0);
        out.put_string(2, "x");
    };
    let lock: Write = |out| out.put(1, &GetMasterSlaveLock::default());
    for (function, arguments) in [
        ("findObjectNodeName", two_texts),
        ("registerChange", map_and_text),
        ("registerQuery", two_texts),
        ("getLocker", lock),
        ("nonsense", two_texts),
    ] {
        let answer = response(&wire.ask(&request(QUERY_OBJECT, function, arguments)).await);
        assert_eq!(answer.ret, ret::NO_FUNCTION, "{function}");
    }
    let answer = response(&wire.ask(&request(REGISTRY_OBJECT, "findObjectById", |out| out.put_string(1, "a.b.c"))).await);
    assert_eq!(answer.ret, ret::NO_SERVANT);
    let no_argument = response(&wire.ask(&request(QUERY_OBJECT, "findObjectById", |_| ())).await);
    assert_eq!(no_argument.ret, ret::DECODE);
    let no_set = request(QUERY_OBJECT, "findObjectByIdInSameSet", |out| out.put_string(1, "a.b.c"));
    assert_eq!(response(&wire.ask(&no_set).await).ret, ret::DECODE);
}

#[tokio::test]
async fn golden_descriptors() {
    let service = Service::start([hello_server(), template("t", "t", "<tars>\n</tars>\n")]).await;
    let mut wire = Wire::connect(service.registry).await;
    let answer = response(&from_hex(&wire.ask_hex(golden::GET_DESCRIPTOR).await));
    assert_eq!((answer.request_id, answer.ret, to_hex(&answer.buffer)), (10, 0, golden::GET_DESCRIPTOR_RESULTS.to_owned()));
    for (app, server) in [("Test", "Absent"), ("", "Hello"), ("Test", "")] {
        let asked = request(REGISTRY_OBJECT, "getServerDescriptor", |out| {
            out.put_string(1, app);
            out.put_string(2, server);
        });
        assert_eq!(to_hex(&response(&wire.ask(&asked).await).buffer), golden::GET_UNKNOWN_DESCRIPTOR_RESULTS);
    }
}

#[tokio::test]
async fn golden_state_reports() {
    let service = Service::start([]).await;
    let others = json!([{"type": "Ready", "status": "False"}, {"type": "tars.io/active", "status": "False", "reason": "m"}]);
    service.api.put_pod("test-hello-0", "Test", "Hello", &others);
    let mut wire = Wire::connect(service.registry).await;
    assert_eq!(wire.ask_hex(golden::UPDATE_STATE).await, golden::UPDATE_STATE_ANSWER);
    let patches = service.api.patches();
    assert_eq!(patches.len(), 1);
    assert_eq!(patches[0].path, "/api/v1/namespaces/tars/pods/test-hello-0/status");
    assert_eq!(patches[0].content_type, "application/strategic-merge-patch+json");
    let body = r#"{"status":{"conditions":[{"type":"tars.io/active","status":"True","reason":"Active/Active/57"}]}}"#;
    assert_eq!(patches[0].body, body);
    // The same report once more writes nothing.
    assert_eq!(wire.ask_hex(golden::UPDATE_STATE).await, golden::UPDATE_STATE_ANSWER);
    assert_eq!(service.api.patches().len(), 1);
    assert_eq!(service.api.conditions("test-hello-0")[0], json!({"type": "Ready", "status": "False"}));
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_an_error_for_its_caller() {
    let service = Service::start([]).await;
    service.api.put_pod("test-hello-0", "Test", "Hello", &json!([]));
    let mut wire = Wire::connect(service.registry).await;
    for (pod, setting, words) in [
        ("test-absent-0", "Active", "does not exist"),
        ("../secrets/x", "Active", "not valid"),
        ("test-hello-0", "active", "does not exist"),
    ] {
        let asked = request(REGISTRY_OBJECT, "updateServerState", |out| {
            out.put_string(1, pod);
            out.put_string(2, setting);
            out.put_string(3, "Active");
        });
        let answer = response(&wire.ask(&asked).await);
        assert!(answer.ret == ret::UNKNOWN && answer.desc.contains(words), "{pod}: {} {}", answer.ret, answer.desc);
    }
    assert!(service.api.patches().is_empty());
}

#[tokio::test]
async fn clients_are_asked_to_reconnect_before_the_server_goes() {
    let service = Service::start([]).await;
    let mut wire = Wire::connect(service.query).await;
    assert_eq!(wire.ask_hex(golden::PING).await, golden::PING_ANSWER);
    service.stop.cancel();
    let notice = response(&wire.receive().await.expect("a notice"));
    assert_eq!((notice.request_id, notice.desc.as_str()), (0, "_reconnect_"));
    assert_eq!(wire.ask_hex(golden::PING).await, golden::PING_ANSWER, "calls are answered while it drains");
    assert_eq!(wire.receive().await, None);
    service.done.await.unwrap();
}

/// One runtime and one service, which all cases of the property below share.
fn shared() -> &'static (tokio::runtime::Runtime, std::net::SocketAddr) {
    static SHARED: OnceLock<(tokio::runtime::Runtime, std::net::SocketAddr)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = runtime.block_on(Service::start([config_server()]));
        (runtime, service.query)
    })
}

/// A good frame that is cut short and has some wrong bytes.
fn nearly_a_frame() -> impl Strategy<Value = Vec<u8>> {
    let good = request(QUERY_OBJECT, "findObjectByIdInSameGroup", |out| out.put_string(1, "tars.tarsconfig.ConfigObj"));
    let flips = prop::collection::vec((0..good.len(), any::<u8>()), 0..6);
    (flips, 0..good.len()).prop_map(move |(flips, cut)| {
        let mut frame = good.to_vec();
        for (at, byte) in flips {
            frame[at] = byte;
        }
        frame.truncate(good.len() - cut / 2);
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bad_bytes_harm_nobody_else(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), nearly_a_frame()]) {
        let (runtime, address) = shared();
        let answers = runtime.block_on(async {
            let mut good = Wire::connect(*address).await;
            let before = good.ask_hex(golden::PING).await;
            let mut bad = Wire::connect(*address).await;
            bad.send(&bytes).await;
            let after = good.ask_hex(golden::PING).await;
            drop(bad);
            let fresh = Wire::connect(*address).await.ask_hex(golden::PING).await;
            [before, after, fresh]
        });
        prop_assert!(answers.iter().all(|answer| answer == golden::PING_ANSWER), "{answers:?}");
    }
}

#[tokio::test]
async fn a_packet_that_claims_four_gibibytes_costs_its_sender_the_connection() {
    let service = Service::start([]).await;
    let mut bad = Wire::connect(service.query).await;
    bad.send(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3]).await;
    assert_eq!(bad.receive().await, None);
    assert_eq!(Wire::connect(service.query).await.ask_hex(golden::PING).await, golden::PING_ANSWER);
}
