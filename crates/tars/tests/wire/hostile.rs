//! Bad packets: each closes its own connection, is logged, and does no harm to other connections.

use crate::{
    support::{Raw, Running, capture_log, hex, request, soon, to_hex, until},
    vectors as golden,
};
use std::time::Duration;
use tars::{endpoint::Endpoint, packet::Packet, server::AdapterLimits};
use tokio::{net::UdpSocket, time::timeout};

#[tokio::test]
async fn a_bad_packet_closes_its_connection_only() {
    let (too_short, too_large) = (to_hex(&golden::LENGTH_3.bytes()), to_hex(&golden::LENGTH_ABOVE_10_MIB.bytes()));
    let cases = [
        ("length 3", too_short.as_str(), "frame claims 3 bytes, less than its own length field of 4"),
        ("zero length", "00000000", "frame claims 0 bytes, less than its own length field of 4"),
        ("10 MiB and a byte", too_large.as_str(), "frame of 10485761 bytes is larger than the maximum of 10485760"),
        ("4 GiB", "ffffffff", "frame of 4294967295 bytes is larger than the maximum of 10485760"),
        ("empty packet", "00000004", "undecodable packet: RequestPacket.iVersion: required value with tag 1 is missing"),
        ("noise", "00000008deadbeef", "undecodable packet: RequestPacket.iVersion: type code 14 does not exist"),
        (
            "a string of 4 GiB",
            "0000001110012c3c400157ffffffff6162",
            "undecodable packet: RequestPacket.sServantName: needs 4294967295",
        ),
        ("bytes beyond the packet", "0000001710012c3c4001560161660162770d00027fffffff", "undecodable packet"),
    ];
    for (what, input, reason) in cases {
        let (mut log, _guard) = capture_log();
        let server = Running::tcp().await;
        let mut good = Raw::connect(server.addr).await;
        good.send(&request(1, "hold", b"kept")).await;
        let mut bad = Raw::connect(server.addr).await;
        let peer = bad.0.local_addr().unwrap();
        bad.write(&hex(input)).await;
        assert!(bad.is_closed().await, "{what}");

        let line = soon("a line in the log", log.recv()).await.unwrap();
        assert!(line.contains(&format!("peer={peer}")) && line.contains(reason), "{what}: {line}");
        server.echo.release.notify_one();
        assert_eq!(good.response().await.buffer, "kept", "{what}");
        let stats = &server.stats.snapshot()[0];
        assert_eq!((stats.malformed, stats.connections), (1, 1), "{what}");
    }
}

#[tokio::test]
async fn good_requests_before_a_bad_packet_are_answered() {
    let server = Running::tcp().await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(1, "echo", b"good")).await;
    assert_eq!(raw.response().await.buffer, "good");
    raw.write(&hex("00000003")).await;
    assert!(raw.is_closed().await);
}

#[tokio::test]
async fn a_flood_of_bad_packets_is_one_line_in_the_log() {
    let (mut log, _guard) = capture_log();
    let server = Running::tcp().await;
    for _ in 0..20 {
        let mut bad = Raw::connect(server.addr).await;
        bad.write(&hex("ffffffff")).await;
        assert!(bad.is_closed().await);
    }
    assert_eq!(server.stats.snapshot()[0].malformed, 20);
    assert!(log.try_recv().is_ok());
    let mut others = 0;
    while log.try_recv().is_ok() {
        others += 1;
    }
    // Each second that this took may have added one line.
    assert!(others < 5, "{others} more lines");
}

#[tokio::test]
async fn a_client_that_sends_half_a_packet_waits_alone() {
    let server = Running::tcp().await;
    let mut half = Raw::connect(server.addr).await;
    // The length announces 10 MiB. The server reserves no memory for them before they arrive.
    half.write(&hex("00a0000010012c")).await;
    let mut good = Raw::connect(server.addr).await;
    good.send(&request(1, "echo", b"x")).await;
    assert_eq!(good.response().await.buffer, "x");
    drop(half);
    until("the end of the half connection", || server.stats.snapshot()[0].connections == 1).await;
    assert_eq!(server.stats.snapshot()[0].malformed, 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_either() {
    let server = Running::tcp().await;
    let mut deaf = Raw::connect(server.addr).await;
    let frame = request(1, "echo", &vec![7; 60_000]).to_frame().unwrap();
    // This is far more than the buffers of both sockets hold, so at some point the server reads no more.
    let flood = async {
        for _ in 0..2_000 {
            deaf.write(&frame).await;
        }
    };
    let blocked = timeout(Duration::from_millis(500), flood).await.is_err();
    assert!(blocked, "the server took 120 MB of requests whose answers nobody reads");
    let mut good = Raw::connect(server.addr).await;
    good.send(&request(1, "echo", b"x")).await;
    assert_eq!(good.response().await.buffer, "x");
}

#[tokio::test]
async fn a_bad_datagram_is_dropped() {
    let (mut log, _guard) = capture_log();
    let server = Running::with(Endpoint::udp("127.0.0.1", 0), AdapterLimits::default()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.addr).await.unwrap();
    for bad in ["", "0000", "00000003", "00000005", "ffffffff00", "00000008deadbeef"] {
        socket.send(&hex(bad)).await.unwrap();
    }
    socket.send(&request(1, "echo", b"x").to_frame().unwrap()).await.unwrap();
    let mut answer = [0; 100];
    soon("an answer", socket.recv(&mut answer)).await.unwrap();
    assert_eq!(server.stats.snapshot()[0].malformed, 6);
    let line = log.try_recv().unwrap();
    assert!(line.contains("datagram dropped") && line.contains("peer=127.0.0.1:"), "{line}");
}
