//! A server that stops loses no call.

use crate::{
    support::{OBJECT, Raw, Running, client, request, soon, to_hex, until},
    vectors as golden,
};
use bytes::Bytes;
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tars::{
    client::{CallOptions, ClientOptions},
    endpoint::Endpoint,
    packet::{LENGTH_SIZE, Packet, RECONNECT, RequestPacket, ResponsePacket, packet_type},
    server::{AdapterLimits, Draining},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

#[tokio::test]
async fn clients_are_asked_to_reconnect_and_calls_under_way_are_answered() {
    let mut server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(1, "hold", b"under way")).await;
    until("the call to be held", || server.echo.held.load(SeqCst) == 1).await;
    server.stop.cancel();
    let push = golden::RECONNECT_PUSH;
    assert_eq!(to_hex(&raw.frame().await.unwrap()), to_hex(&push.bytes()), "{push}");
    // This stands for a request that was sent before the notice arrived.
    raw.send(&request(2, "echo", b"crossed")).await;
    assert_eq!(raw.response().await.buffer, "crossed");
    server.echo.release.notify_one();
    assert_eq!(raw.response().await.buffer, "under way");
    assert!(raw.is_closed().await);
    drop(raw);
    soon("the end of the server", server.task.take().unwrap()).await.unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err());
}

#[tokio::test]
async fn a_busy_client_that_ignores_the_notice_is_left_in_the_end() {
    let draining =
        Draining { quiet: Duration::from_secs(5), stop_reading: Duration::from_millis(100), abort: Duration::from_secs(10) };
    let mut server = Running::draining(Endpoint::tcp("127.0.0.1", 0), AdapterLimits::default(), draining).await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(1, "echo", b"")).await;
    raw.response().await;
    server.stop.cancel();
    assert_eq!(raw.response().await.desc, RECONNECT);
    let mut answered = 0;
    soon("the server to close the connection", async {
        for id in 2.. {
            if raw.0.write_all(&request(id, "echo", b"").to_frame().unwrap()).await.is_err() {
                break;
            }
            if raw.frame().await.is_none() {
                break;
            }
            answered += 1;
        }
    })
    .await;
    assert!(answered > 0);
    drop(raw);
    soon("the end of the server", server.task.take().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_never_ends_does_not_keep_the_server() {
    let draining =
        Draining { quiet: Duration::from_millis(20), stop_reading: Duration::from_millis(50), abort: Duration::from_millis(100) };
    let mut server = Running::draining(Endpoint::tcp("127.0.0.1", 0), AdapterLimits::default(), draining).await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(1, "hold", b"")).await;
    until("the call to be held", || server.echo.held.load(SeqCst) == 1).await;
    server.stop.cancel();
    assert_eq!(raw.response().await.desc, RECONNECT);
    assert!(raw.is_closed().await);
    drop(raw);
    soon("the end of the server", server.task.take().unwrap()).await.unwrap();
}

/// One of two servers stops while calls go on, and no call fails.
#[tokio::test]
async fn a_client_moves_on_without_a_failed_call() {
    let first = Running::tcp().await;
    let second = Running::tcp().await;
    let endpoints = [&first, &second].map(|server| format!("tcp -h 127.0.0.1 -p {}", server.addr.port())).join(":");
    let proxy = client(ClientOptions::default()).proxy(&format!("{OBJECT}@{endpoints}")).unwrap();
    let held = tokio::spawn({
        let proxy = proxy.clone();
        async move { proxy.call("hold", Bytes::from_static(b"held")).await }
    });
    until("the call to be held", || first.echo.held.load(SeqCst) + second.echo.held.load(SeqCst) == 1).await;
    let (stopping, staying) = if first.echo.held.load(SeqCst) == 1 { (first, second) } else { (second, first) };
    for round in 0..300 {
        if round == 100 {
            stopping.stop.cancel();
        }
        assert_eq!(proxy.call("later", Bytes::from_static(b"x")).await.unwrap().body, "x", "round {round}");
    }
    stopping.echo.release.notify_one();
    assert_eq!(held.await.unwrap().unwrap().body, "held");
    assert!(staying.stats.snapshot()[0].requests >= 200, "{:?}", staying.stats.snapshot());
    proxy.call_one_way("echo", Bytes::new(), &CallOptions::default()).await.unwrap();
    assert_eq!(packet_type::ONE_WAY, 1);
}

/// A server asks to reconnect and goes on. Later calls use a new connection, and the old connection still brings its answer.
#[tokio::test]
async fn the_old_connection_drains_while_a_new_one_is_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy_string = format!("{OBJECT}@tcp -h 127.0.0.1 -p {}", listener.local_addr().unwrap().port());
    let proxy = client(ClientOptions::default()).proxy(&proxy_string).unwrap();

    let call = |func: &'static str| {
        let proxy = proxy.clone();
        tokio::spawn(async move { proxy.call(func, Bytes::from_static(func.as_bytes())).await })
    };
    let first_call = call("first");
    let mut old = Raw(soon("a connection", listener.accept()).await.unwrap().0);
    let first = read_request(&mut old).await;
    old.write(&golden::RECONNECT_PUSH.bytes()).await;
    // The notice arrives before the answer to this call, so the client has read the notice when the call ends.
    let second_call = call("second");
    let second = read_request(&mut old).await;
    answer(&mut old, &second).await;
    assert_eq!(second_call.await.unwrap().unwrap().body, "second");

    let third_call = call("third");
    let mut new = Raw(soon("a second connection", listener.accept()).await.unwrap().0);
    let third = read_request(&mut new).await;
    answer(&mut new, &third).await;
    assert_eq!(third_call.await.unwrap().unwrap().body, "third");
    answer(&mut old, &first).await;
    assert_eq!(first_call.await.unwrap().unwrap().body, "first");
    assert!(old.is_closed().await, "the client closes the old connection after its last answer");
}

async fn read_request(raw: &mut Raw) -> RequestPacket {
    let frame = raw.frame().await.unwrap();
    RequestPacket::read(&frame.slice(LENGTH_SIZE..)).unwrap()
}

async fn answer(raw: &mut Raw, request: &RequestPacket) {
    let response = ResponsePacket { request_id: request.request_id, buffer: request.buffer.clone(), ..ResponsePacket::default() };
    raw.write(&response.to_frame().unwrap()).await;
}
