//! Golden vectors of whole frames, in both directions.

use crate::support::{hex, to_hex};
use bytes::Bytes;
use tars::packet::{
    Headers, LENGTH_SIZE, Packet, RECONNECT, RequestPacket, RequestView, ResponsePacket, header, message_type, packet_type,
    version,
};

const QUERY: &str = "tars.tarsregistry.QueryObj";

fn request(request_id: i32, func: &str, body: &str) -> RequestPacket {
    RequestPacket {
        request_id,
        servant: QUERY.to_owned(),
        func: func.to_owned(),
        buffer: hex(body).into(),
        timeout: 3000,
        ..RequestPacket::default()
    }
}

fn response(request_id: i32, body: &str) -> ResponsePacket {
    ResponsePacket { request_id, buffer: hex(body).into(), ..ResponsePacket::default() }
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn requests(id: &str, packet: &RequestPacket, frame: &str) {
    assert_eq!(packet.to_frame().map(|frame| to_hex(&frame)).as_deref(), Ok(frame), "{id} written");
    let content = Bytes::from(hex(frame)).slice(LENGTH_SIZE..);
    assert_eq!(RequestPacket::read(&content).as_ref(), Ok(packet), "{id} read");
    let view = RequestView::read(&content).unwrap_or_else(|error| panic!("{id} seen: {error}"));
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
    assert_eq!(&seen, packet, "{id} seen");
}

#[track_caller]
fn responses(id: &str, packet: &ResponsePacket, frame: &str) {
    assert_eq!(packet.to_frame().map(|frame| to_hex(&frame)).as_deref(), Ok(frame), "{id} written");
    let content = Bytes::from(hex(frame)).slice(LENGTH_SIZE..);
    assert_eq!(ResponsePacket::read(&content).as_ref(), Ok(packet), "{id} read");
}

#[test]
fn requests_in_both_directions() {
    requests(
        "F01",
        &request(1, "tars_ping", ""),
        "0000003b10012c3c4001561a746172732e7461727372656769737472792e51756572794f626a6609746172735f70696e677d000c810bb8980ca80c",
    );
    requests(
        "F03",
        &RequestPacket { packet_type: packet_type::ONE_WAY, ..request(70000, "tars_ping", "") },
        "0000003f100120013c4200011170561a746172732e7461727372656769737472792e51756572794f626a6609746172735f70696e677d000c810bb8980ca80c",
    );
    let id = "1619746172732e74617273636f6e6669672e436f6e6669674f626a";
    requests(
        "F04",
        &request(2, "findObjectById", id),
        "0000005c10012c3c4002561a746172732e7461727372656769737472792e51756572794f626a660e66696e644f626a656374427949647d00001b1619746172732e74617273636f6e6669672e436f6e6669674f626a810bb8980ca80c",
    );
    let dyed = RequestPacket {
        message_type: message_type::DYED,
        context: headers(&[(header::NODE_NAME, "10.0.0.9")]),
        status: headers(&[(header::DYED, "u1")]),
        ..request(3, "findObjectByIdInSameGroup", &format!("{id}290c390c"))
    };
    requests(
        "F07",
        &dyed,
        "0000009810012c30044003561a746172732e7461727372656769737472792e51756572794f626a661966696e644f626a65637442794964496e53616d6547726f75707d00001f1619746172732e74617273636f6e6669672e436f6e6669674f626a290c390c810bb898000106096e6f64655f6e616d65160831302e302e302e39a80001060f5354415455535f445945445f4b455916027531",
    );
    let lowest =
        RequestPacket { request_id: i32::MIN, servant: "A.B.C".to_owned(), func: "f".to_owned(), ..RequestPacket::default() };
    requests("F16", &lowest, "0000001f10012c3c42800000005605412e422e436601667d000c8c980ca80c");
    let admin = |request_id, func: &str, body: &str| RequestPacket {
        servant: "AdminObj".to_owned(),
        timeout: 300,
        ..request(request_id, func, body)
    };
    requests(
        "F17",
        &admin(1, "notify", "1616746172732e7365746c6f676c6576656c204445425547"),
        "0000003f10012c3c4001560841646d696e4f626a66066e6f746966797d0000181616746172732e7365746c6f676c6576656c20444542554781012c980ca80c",
    );
    requests(
        "F18",
        &admin(3, "shutdown", ""),
        "0000002810012c3c4003560841646d696e4f626a660873687574646f776e7d000c81012c980ca80c",
    );
    requests(
        "F19",
        &request(1, "findObjectByIdInSameSet", "1613746172732e746172736c6f672e4c6f674f626a26076d74742e732e31390c490c"),
        "0000006c10012c3c4001561a746172732e7461727372656769737472792e51756572794f626a661766696e644f626a65637442794964496e53616d655365747d0000221613746172732e746172736c6f672e4c6f674f626a26076d74742e732e31390c490c810bb8980ca80c",
    );
    let attributes = "080001060269641d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a";
    let tup = RequestPacket { version: version::TUP, timeout: 0, ..request(7, "findObjectById", attributes) };
    requests(
        "F31",
        &tup,
        "0000006510032c3c4007561a746172732e7461727372656769737472792e51756572794f626a660e66696e644f626a656374427949647d000026080001060269641d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a8c980ca80c",
    );
    let answer = RequestPacket {
        version: version::TUP,
        request_id: 7,
        buffer: hex("08000206001d00000f0900010a0601681001200230014c0b0608746172735f7265741d00000f0900010a0601681001200230014c0b")
            .into(),
        ..RequestPacket::default()
    };
    requests(
        "F33",
        &answer,
        "0000004c10032c3c4007560066007d00003508000206001d00000f0900010a0601681001200230014c0b0608746172735f7265741d00000f0900010a0601681001200230014c0b8c980ca80c",
    );
}

#[test]
fn requests_to_the_registry_in_both_directions() {
    let registry = |request_id, func: &str, body: &str| RequestPacket {
        servant: "tars.tarsregistry.RegistryObj".to_owned(),
        timeout: 6000,
        ..request(request_id, func, body)
    };
    requests(
        "R02",
        &registry(10, "getServerDescriptor", "160454657374260548656c6c6f"),
        "0000005610012c3c400a561d746172732e7461727372656769737472792e52656769737472794f626a661367657453657276657244657363726970746f727d00000d160454657374260548656c6c6f811770980ca80c",
    );
    let state = RequestPacket {
        context: headers(&[("PID", "57")]),
        ..registry(8, "updateServerState", "160c746573742d68656c6c6f2d3026064163746976653606416374697665")
    };
    requests(
        "R07",
        &state,
        "0000006f10012c3c4008561d746172732e7461727372656769737472792e52656769737472794f626a661175706461746553657276657253746174657d00001e160c746573742d68656c6c6f2d3026064163746976653606416374697665811770980001060350494416023537a80c",
    );
    responses("R08", &response(8, ""), "0000001010012c30084c5c6d000c780c");
    let beat = RequestPacket {
        servant: "tars.tarsregistry.Registry".to_owned(),
        timeout: 1000,
        ..request(11, "keepAlive", "1a060831302e302e302e3516066163746976652603417070360653696d706c650b")
    };
    requests(
        "R22",
        &beat,
        "0000005d10012c3c400b561a746172732e7461727372656769737472792e526567697374727966096b656570416c6976657d0000211a060831302e302e302e3516066163746976652603417070360653696d706c650b8103e8980ca80c",
    );
}

#[test]
fn responses_in_both_directions() {
    let g53 = "0a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b";
    let second = g53.replace("672d30", "672d31");
    responses("F02", &response(1, ""), "0000001010012c30014c5c6d000c780c");
    responses(
        "F05",
        &response(2, &format!("090001{g53}")),
        "0000004410012c30024c5c6d0000330900010a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b780c",
    );
    responses("F06", &response(12, "090c"), "0000001310012c300c4c5c6d000002090c780c");
    responses(
        "F08",
        &response(3, &format!("0c290001{g53}390001{second}")),
        "0000007810012c30034c5c6d0000670c2900010a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b3900010a0621746172732d74617273636f6e6669672d312e746172732d74617273636f6e666967112711220000ea6030014c0b780c",
    );
    responses("F09", &response(4, "0c290c390c"), "0000001610012c30044c5c6d0000050c290c390c780c");
    responses(
        "F10",
        &response(3, "0c2900010a0611746172732d7461727372656769737472791145e221177030014c0b390c"),
        "0000003510012c30034c5c6d0000240c2900010a0611746172732d7461727372656769737472791145e221177030014c0b390c780c",
    );
    responses("F11", &ResponsePacket { ret: -3, ..response(5, "") }, "0000001110012c30054c50fd6d000c780c");
    responses("F12", &ResponsePacket { ret: -4, ..response(9, "") }, "0000001110012c30094c50fc6d000c780c");
    responses("F13", &ResponsePacket { ret: -6, ..response(9, "") }, "0000001110012c30094c50fa6d000c780c");
    let boom = ResponsePacket { ret: -99, desc: "boom".to_owned(), context: headers(&[("a", "b")]), ..response(6, "") };
    responses("F14", &boom, "0000002010012c30064c509d6d000c780c8604626f6f6d980001060161160162");
    responses(
        "F15",
        &ResponsePacket { desc: RECONNECT.to_owned(), ..response(0, "") },
        "0000001c10012c3c4c5c6d000c780c860b5f7265636f6e6e6563745f",
    );
    responses(
        "L3",
        &response(2, "0900010a0601681001200230014c0b"),
        "0000002010012c30024c5c6d00000f0900010a0601681001200230014c0b780c",
    );
    responses(
        "L4",
        &response(3, "0c2900010a06093132372e302e302e31115dc1210bb830014c0b390c"),
        "0000002d10012c30034c5c6d00001c0c2900010a06093132372e302e302e31115dc1210bb830014c0b390c780c",
    );
    responses(
        "L5",
        &ResponsePacket { ret: 1, desc: "func mismatch".to_owned(), ..response(4, "") },
        "0000002010012c30044c50016d000c780c860d66756e63206d69736d61746368",
    );
    responses(
        "L6",
        &ResponsePacket { ret: -77, desc: "custom".to_owned(), ..response(4, "") },
        "0000001910012c30044c50b36d000c780c8606637573746f6d",
    );
    let absent = "can not find Tag 1. But require. EOF".to_owned();
    responses(
        "L7",
        &ResponsePacket { ret: 1, desc: absent, ..response(5, "") },
        "0000003710012c30054c50016d000c780c862463616e206e6f742066696e642054616720312e2042757420726571756972652e20454f46",
    );
}

#[test]
fn arguments_of_a_station_lookup() {
    let f20 = "1619746172732e74617273636f6e6669672e436f6e6669674f626a2602737a390c490c";
    let input = hex(f20);
    let mut input = tars::codec::Decoder::new(&input);
    assert_eq!(input.require::<String>(1).as_deref(), Ok("tars.tarsconfig.ConfigObj"), "F20 read");
    assert_eq!(input.require::<String>(2).as_deref(), Ok("sz"), "F20 read");
    let mut out = bytes::BytesMut::new();
    let mut written = tars::codec::Encoder::new(&mut out);
    written.put(1, "tars.tarsconfig.ConfigObj");
    written.put(2, "sz");
    written.put(3, &Vec::<tars::framework::endpoint::EndpointF>::new());
    written.put(4, &Vec::<tars::framework::endpoint::EndpointF>::new());
    assert_eq!(to_hex(&out), f20, "F20 written");
}
