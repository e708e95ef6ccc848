//! The golden vectors of the name service through real sockets, and what bad input does to others.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic, too")]

mod support;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::json;
use std::sync::OnceLock;
use support::{Service, Wire, endpoint, from_hex, response, servant, template, to_hex};
use tars::{
    codec::{Decoder, Encoder},
    framework::{endpoint::EndpointF, query::GetMasterSlaveLock},
    packet::{Packet, RequestPacket, ret},
};
use tarsregistry::index::{Change, QUERY_OBJECT, REGISTRY_OBJECT};

const PING: &str =
    "0000003b10012c3c4001561a746172732e7461727372656769737472792e51756572794f626a6609746172735f70696e677d000c810bb8980ca80c";
const PING_ANSWER: &str = "0000001010012c30014c5c6d000c780c";

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
    assert_eq!(wire.ask_hex(PING).await, PING_ANSWER);
    // F04, F05: the active endpoint of tarsconfig.
    let by_id = "0000005c10012c3c4002561a746172732e7461727372656769737472792e51756572794f626a660e66696e644f626a656374427949647d00001b1619746172732e74617273636f6e6669672e436f6e6669674f626a810bb8980ca80c";
    let answer = "0000004410012c30024c5c6d0000330900010a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b780c";
    assert_eq!(wire.ask_hex(by_id).await, answer);
    // F07, F08: with headers, and with out-parameters sent empty.
    let in_group = "0000009810012c30044003561a746172732e7461727372656769737472792e51756572794f626a661966696e644f626a65637442794964496e53616d6547726f75707d00001f1619746172732e74617273636f6e6669672e436f6e6669674f626a290c390c810bb898000106096e6f64655f6e616d65160831302e302e302e39a80001060f5354415455535f445945445f4b455916027531";
    let answer = "0000007810012c30034c5c6d0000670c2900010a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b3900010a0621746172732d74617273636f6e6669672d312e746172732d74617273636f6e666967112711220000ea6030014c0b780c";
    // The response repeats the request's message type, which the vector's request has and its response has not.
    assert_eq!(body(&wire.ask_hex(in_group).await), body(answer));
    // F19: a set nobody heard of, an object that does not exist.
    let in_set = "0000006c10012c3c4001561a746172732e7461727372656769737472792e51756572794f626a661766696e644f626a65637442794964496e53616d655365747d0000221613746172732e746172736c6f672e4c6f674f626a26076d74742e732e31390c490c810bb8980ca80c";
    assert_eq!(to_hex(&response(&from_hex(&wire.ask_hex(in_set).await)).buffer), "0c390c490c");
    // F31: version 3.
    let tup = "0000006510032c3c4007561a746172732e7461727372656769737472792e51756572794f626a660e66696e644f626a656374427949647d000026080001060269641d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a8c980ca80c";
    let answer = wire.ask_hex(tup).await;
    assert!(answer.contains(&to_hex(b"tars-tarsconfig-0.tars-tarsconfig")) && answer.contains(&to_hex(b"tars_ret")), "{answer}");
    // G55: an endpoint over UDP.
    let answer = wire.ask(&request(QUERY_OBJECT, "findObjectById", |out| out.put_string(1, "Test.Hello.HelloObj"))).await;
    let element = "0a0617746573742d68656c6c6f2d302e746573742d68656c6c6f112710220000ea603c4c0b";
    assert_eq!(to_hex(&response(&answer).buffer), format!("090001{element}"));
}

fn body(frame: &str) -> String {
    to_hex(&response(&from_hex(frame)).buffer)
}

#[tokio::test]
async fn the_name_service_and_unknown_objects() {
    let service = Service::start([]).await;
    let mut wire = Wire::connect(service.query).await;
    let own = request(QUERY_OBJECT, "findObjectByIdInSameGroup", |out| out.put_string(1, QUERY_OBJECT));
    // F10.
    let expected = "0c2900010a0611746172732d7461727372656769737472791145e221177030014c0b390c";
    assert_eq!(to_hex(&response(&wire.ask(&own).await).buffer), expected);
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
            // What the client sends as out-parameters must not come back.
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

/// Writes arguments.
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
    // R02, R04.
    let asked = "0000005610012c3c400a561d746172732e7461727372656769737472792e52656769737472794f626a661367657453657276657244657363726970746f727d00000d160454657374260548656c6c6f811770980ca80c";
    let expected = "0c3a060f3c746172733e0a3c2f746172733e0a1003280001061a546573742e48656c6c6f2e48656c6c6f4f626a416461707465721a061a546573742e48656c6c6f2e48656c6c6f4f626a416461707465721623746370202d6820247b6c6f63616c69707d202d70203130303030202d74203630303030200331271046005613546573742e48656c6c6f2e48656c6c6f4f626a612710720000ea608604746172730b0b";
    let answer = response(&from_hex(&wire.ask_hex(asked).await));
    assert_eq!((answer.request_id, answer.ret, to_hex(&answer.buffer)), (10, 0, expected.to_owned()));
    // R05, and empty names.
    for (app, server) in [("Test", "Absent"), ("", "Hello"), ("Test", "")] {
        let asked = request(REGISTRY_OBJECT, "getServerDescriptor", |out| {
            out.put_string(1, app);
            out.put_string(2, server);
        });
        assert_eq!(to_hex(&response(&wire.ask(&asked).await).buffer), "00ff3a0600280c0b");
    }
}

#[tokio::test]
async fn golden_state_reports() {
    let service = Service::start([]).await;
    let others = json!([{"type": "Ready", "status": "False"}, {"type": "tars.io/active", "status": "False", "message": "m"}]);
    service.api.put_pod("test-hello-0", "Test", "Hello", &others);
    let mut wire = Wire::connect(service.registry).await;
    // R07, R08.
    let asked = "0000006f10012c3c4008561d746172732e7461727372656769737472792e52656769737472794f626a661175706461746553657276657253746174657d00001e160c746573742d68656c6c6f2d3026064163746976653606416374697665811770980001060350494416023537a80c";
    assert_eq!(wire.ask_hex(asked).await, "0000001010012c30084c5c6d000c780c");
    let patches = service.api.patches();
    assert_eq!(patches.len(), 1);
    assert_eq!(patches[0].path, "/api/v1/namespaces/tars/pods/test-hello-0/status");
    assert_eq!(patches[0].content_type, "application/strategic-merge-patch+json");
    let body = r#"{"status":{"conditions":[{"type":"tars.io/active","status":"True","reason":"Active/Active/57"}]}}"#;
    assert_eq!(patches[0].body, body);
    // The same once more writes nothing.
    assert_eq!(wire.ask_hex(asked).await, "0000001010012c30084c5c6d000c780c");
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
    assert_eq!(wire.ask_hex(PING).await, PING_ANSWER);
    service.stop.cancel();
    let notice = response(&wire.receive().await.expect("a notice"));
    assert_eq!((notice.request_id, notice.desc.as_str()), (0, "_reconnect_"));
    assert_eq!(wire.ask_hex(PING).await, PING_ANSWER, "calls are answered while it drains");
    assert_eq!(wire.receive().await, None);
    service.done.await.unwrap();
}

/// One runtime and one service for all cases of the property below.
fn shared() -> &'static (tokio::runtime::Runtime, std::net::SocketAddr) {
    static SHARED: OnceLock<(tokio::runtime::Runtime, std::net::SocketAddr)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = runtime.block_on(Service::start([config_server()]));
        (runtime, service.query)
    })
}

/// Bytes that look like a frame up to some point.
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
            let before = good.ask_hex(PING).await;
            let mut bad = Wire::connect(*address).await;
            bad.send(&bytes).await;
            let after = good.ask_hex(PING).await;
            drop(bad);
            let fresh = Wire::connect(*address).await.ask_hex(PING).await;
            [before, after, fresh]
        });
        prop_assert!(answers.iter().all(|answer| answer == PING_ANSWER), "{answers:?}");
    }
}

#[tokio::test]
async fn a_packet_that_claims_four_gibibytes_costs_its_sender_the_connection() {
    let service = Service::start([]).await;
    let mut bad = Wire::connect(service.query).await;
    bad.send(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3]).await;
    assert_eq!(bad.receive().await, None);
    assert_eq!(Wire::connect(service.query).await.ask_hex(PING).await, PING_ANSWER);
}
