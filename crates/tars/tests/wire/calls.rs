//! Calls over TCP and UDP, one after the other and many at once.

use crate::{
    support::{OBJECT, Raw, Running, client, request, soon, to_hex},
    vectors as golden,
};
use bytes::Bytes;
use std::time::Duration;
use tars::{
    client::{CallError, CallOptions, ClientOptions},
    codec::{Decoder, to_bytes},
    endpoint::Endpoint,
    packet::{LENGTH_SIZE, PING, Packet, RequestPacket, ResponsePacket, header, packet_type, ret, tup::UniAttribute},
    server::AdapterLimits,
};
use tokio::{net::UdpSocket, sync::mpsc};

#[tokio::test]
async fn each_return_code_of_the_framework() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    let other_servant = RequestPacket { servant: "A.B.C".to_owned(), ..request(4, "echo", b"") };
    let json = RequestPacket { version: 5, ..request(7, "echo", b"{}") };
    for (packet, code, text) in [
        (request(1, PING, b""), ret::SUCCESS, ""),
        (request(2, "echo", b"abc"), ret::SUCCESS, ""),
        (request(3, "nothing", b""), ret::NO_FUNCTION, "function `nothing` does not exist"),
        (other_servant, ret::NO_SERVANT, "adapter EchoAdapter does not serve `A.B.C`"),
        (request(5, "upper", b""), ret::DECODE, "argument text: required value with tag 1 is missing (at byte 0)"),
        (request(6, "custom", b""), -77, "custom"),
        (json, ret::DECODE, "packet version 5 is not served; use 1, 2 or 3"),
        (request(8, "boom", b""), ret::UNKNOWN, "boom"),
        (request(9, "panic", b""), ret::UNKNOWN, "the servant panicked in `panic`"),
    ] {
        raw.send(&packet).await;
        let response = raw.response().await;
        assert_eq!((response.request_id, response.ret, response.desc.as_str()), (packet.request_id, code, text));
        assert_eq!((response.version, response.packet_type), (packet.version, 0), "{text}");
        let body: &[u8] = if packet.request_id == 2 { b"abc" } else { b"" };
        assert_eq!(response.buffer, body, "{text}");
    }
}

#[tokio::test]
async fn a_ping_is_answered_byte_for_byte() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    // A one-way ping gets no answer, so the answer to the second ping comes first.
    raw.send(&RequestPacket { packet_type: packet_type::ONE_WAY, ..request(70_000, PING, b"") }).await;
    raw.send(&request(1, PING, b"")).await;
    let vector = golden::PING_RESPONSE;
    assert_eq!(to_hex(&raw.frame().await.unwrap()), to_hex(&vector.bytes()), "{vector}");
}

#[tokio::test]
async fn one_way_requests_are_never_answered() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    for (id, func) in [(1, "echo"), (2, "later"), (3, "nothing"), (4, "panic"), (5, "upper")] {
        raw.send(&RequestPacket { packet_type: packet_type::ONE_WAY, ..request(id, func, b"") }).await;
    }
    raw.send(&RequestPacket { servant: "A.B.C".to_owned(), packet_type: packet_type::ONE_WAY, ..request(6, "x", b"") }).await;
    raw.send(&request(7, "later", b"")).await;
    assert_eq!(raw.response().await.request_id, 7);
    // When the server has stopped, all tasks are done, and anything that they wrote would arrive now.
    server.stop.cancel();
    let notice = raw.response().await;
    assert_eq!(notice.request_id, 0, "{notice:?}");
    assert!(raw.is_closed().await);
}

#[tokio::test]
async fn requests_may_be_pipelined_and_cut_anywhere() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    let mut stream = Vec::new();
    for id in 1..=200 {
        let func = if id % 3 == 0 { "later" } else { "echo" };
        let body = vec![u8::try_from(id).unwrap(); usize::try_from(id).unwrap() * 7];
        stream.extend_from_slice(&request(id, func, &body).to_frame().unwrap());
    }
    for piece in stream.chunks(97) {
        raw.write(piece).await;
    }
    let mut seen = Vec::new();
    for _ in 0..200 {
        let response = raw.response().await;
        let id = response.request_id;
        assert_eq!(response.buffer, vec![u8::try_from(id).unwrap(); usize::try_from(id).unwrap() * 7], "{id}");
        seen.push(id);
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=200).collect::<Vec<_>>());
    let stats = &server.stats.snapshot()[0];
    assert_eq!((stats.connections, stats.accepted, stats.requests, stats.malformed), (1, 1, 200, 0));
    assert_eq!(stats.bytes_in, u64::try_from(stream.len()).unwrap());
}

#[tokio::test]
async fn small_requests_with_large_answers_are_all_answered() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    let requests: Vec<u8> = (1..=100).flat_map(|id| request(id, "blob", b"").to_frame().unwrap()).collect();
    raw.write(&requests).await;
    for id in 1..=100 {
        let response = raw.response().await;
        assert_eq!((response.request_id, response.buffer.len()), (id, 100_000));
    }
}

#[tokio::test]
async fn a_request_that_waits_does_not_hold_up_the_next() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(1, "hold", b"first")).await;
    raw.send(&request(2, "later", b"second")).await;
    assert_eq!(raw.response().await.request_id, 2);
    server.echo.release.notify_one();
    assert_eq!(raw.response().await.request_id, 1);
}

#[tokio::test]
async fn named_arguments_of_both_versions() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    for version in [2, 3] {
        let mut arguments = UniAttribute::default();
        arguments.put("text", "tars");
        let packet = RequestPacket { version, buffer: arguments.write(version), ..request(7, "upper", b"") };
        raw.send(&packet).await;
        let answer = RequestPacket::read(&raw.frame().await.unwrap().slice(LENGTH_SIZE..)).unwrap();
        assert_eq!((answer.version, answer.request_id, answer.timeout), (version, 7, 0));
        assert!(answer.status.is_empty(), "{:?}", answer.status);
        let results = UniAttribute::read(version, &answer.buffer).unwrap();
        assert_eq!(results.names().collect::<Vec<_>>(), ["", "length", "tars_ret"]);
        assert_eq!(results.get("tars_ret"), Ok(Some("TARS".to_owned())));
        assert_eq!(results.get(""), Ok(Some("TARS".to_owned())));
        assert_eq!(results.get("length"), Ok(Some(4)));

        raw.send(&RequestPacket { version, ..request(8, "custom", b"") }).await;
        let answer = RequestPacket::read(&raw.frame().await.unwrap().slice(LENGTH_SIZE..)).unwrap();
        assert_eq!(answer.status.get(header::RESULT_CODE).map(String::as_str), Some("-77"));
        assert_eq!(answer.status.get(header::RESULT_DESC).map(String::as_str), Some("custom"));
    }
}

#[tokio::test]
async fn a_client_calls_over_tcp_and_udp() {
    for (protocol, endpoint) in [("tcp", Endpoint::tcp("127.0.0.1", 0)), ("udp", Endpoint::udp("127.0.0.1", 0))] {
        let server = Running::with(endpoint, AdapterLimits::default()).await;
        let proxy = server.proxy(protocol);
        proxy.ping().await.unwrap();
        let answer = proxy.call("echo", Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(answer.body, "abc", "{protocol}");
        let options = CallOptions::default().context("key", "value");
        let answer = proxy.call_with("echo", Bytes::new(), &options).await.unwrap();
        assert_eq!(answer.context.get("key").map(String::as_str), Some("value"), "{protocol}");
        let answer = proxy.call("upper", to_bytes(1, "tars")).await.unwrap();
        let mut results = Decoder::over(&answer.body);
        assert_eq!(results.require::<String>(0).as_deref(), Ok("TARS"), "{protocol}");
        assert_eq!(results.require::<i32>(2), Ok(4), "{protocol}");
        proxy.call_one_way("nothing", Bytes::new(), &CallOptions::default()).await.unwrap();
        let refused = proxy.call("custom", Bytes::new()).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("{OBJECT}: `custom` answered return code -77: custom"));
        assert_eq!(refused.ret(), -77);
    }
}

#[tokio::test]
async fn calls_of_one_client_share_a_connection() {
    let server = Running::tcp().await;
    let client = client(ClientOptions::default());
    let calls = (0..500_i32).map(|number| {
        let proxy = client.proxy(&server.proxy_string("tcp")).unwrap();
        let func = if number % 2 == 0 { "echo" } else { "later" };
        async move {
            let body = Bytes::from(number.to_string());
            assert_eq!(proxy.call(func, body.clone()).await.unwrap().body, body);
        }
    });
    futures::future::join_all(calls).await;
    let stats = &server.stats.snapshot()[0];
    assert_eq!((stats.accepted, stats.requests), (1, 500));
}

#[tokio::test]
async fn packets_of_the_largest_size_pass_and_larger_ones_do_not() {
    let server = Running::tcp().await;
    let proxy = server.proxy("tcp");
    let large = Bytes::from(vec![7; 10 * 1024 * 1024 - 200]);
    assert_eq!(proxy.call("later", large.clone()).await.unwrap().body, large);
    let error = proxy.call("echo", Bytes::from(vec![7; 10 * 1024 * 1024])).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { .. }), "{error}");
    let error = proxy.call("large", Bytes::new()).await.unwrap_err();
    assert_eq!(error.ret(), ret::ENCODE);
    proxy.ping().await.unwrap();
}

#[tokio::test]
async fn a_server_pushes() {
    let server = Running::tcp().await;
    let proxy = server.proxy("tcp");
    let (sender, mut pushes) = mpsc::unbounded_channel();
    proxy.on_push(move |push| drop(sender.send(push)));
    assert_eq!(proxy.call("push", Bytes::new()).await.unwrap().body, "Ok(())");
    let push = soon("a push", pushes.recv()).await.unwrap();
    assert_eq!((push.packet.request_id, &push.packet.buffer[..]), (0, &b"pushed"[..]));

    let udp = Running::with(Endpoint::udp("127.0.0.1", 0), AdapterLimits::default()).await;
    assert_eq!(udp.proxy("udp").call("push", Bytes::new()).await.unwrap().body, "Err(NotConnected)");
}

#[tokio::test]
async fn a_call_without_answer_times_out_and_is_forgotten() {
    let server = Running::tcp().await;
    let proxy = server.proxy("tcp");
    let options = CallOptions::default().timeout(Duration::from_millis(30));
    let error = proxy.call_with("hold", Bytes::new(), &options).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{OBJECT}: `hold` was not answered within 30 ms"));
    assert_eq!(error.ret(), ret::INVOKE_TIMEOUT);
    // The answer that comes too late does not disturb later calls.
    server.echo.release.notify_one();
    assert_eq!(proxy.call("later", Bytes::from_static(b"x")).await.unwrap().body, "x");
}

#[tokio::test]
async fn a_datagram_gets_one_datagram() {
    let server = Running::with(Endpoint::udp("127.0.0.1", 0), AdapterLimits::default()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.addr).await.unwrap();
    socket.send(&request(5, "echo", b"abc").to_frame().unwrap()).await.unwrap();
    let mut datagram = vec![0; 1000];
    let count = soon("an answer", socket.recv(&mut datagram)).await.unwrap();
    let answer = ResponsePacket::read(&Bytes::copy_from_slice(&datagram[LENGTH_SIZE..count])).unwrap();
    assert_eq!((answer.request_id, &answer.buffer[..]), (5, &b"abc"[..]));
}
