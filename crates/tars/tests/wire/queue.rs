//! More requests and connections than a server accepts.

use crate::support::{Raw, Running, request, until};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tars::{
    endpoint::Endpoint,
    packet::{RequestPacket, ret},
    server::AdapterLimits,
};

async fn server(concurrency: usize, queue_capacity: usize) -> Running {
    let limits = AdapterLimits { concurrency, queue_capacity, connections: 3, ..AdapterLimits::default() };
    Running::with(Endpoint::tcp("127.0.0.1", 0), limits).await
}

#[tokio::test]
async fn a_full_queue_is_told_and_a_fuller_one_is_silent() {
    let server = server(2, 10).await;
    let mut raw = Raw::connect(server.addr).await;
    // Two requests run. Eight wait, which is four fifths of ten.
    for id in 1..=10 {
        raw.send(&request(id, "hold", b"")).await;
    }
    until("eight requests in the queue", || server.stats.snapshot()[0].queued == 8).await;
    assert_eq!(server.stats.snapshot()[0].running, 2);
    raw.send(&request(11, "hold", b"")).await;
    let refused = raw.response().await;
    assert_eq!((refused.request_id, refused.ret), (11, ret::OVERLOAD));
    assert_eq!(refused.desc, "adapter EchoAdapter has 9 requests in its queue");
    // A request that needs no task is still answered.
    raw.send(&request(12, "echo", b"")).await;
    assert_eq!(raw.response().await.request_id, 12);
    for held in 1..=10 {
        until("the next to run", || server.echo.held.load(SeqCst) >= held.min(10)).await;
        server.echo.release.notify_one();
        assert_eq!(raw.response().await.ret, ret::SUCCESS);
    }
    let stats = &server.stats.snapshot()[0];
    assert_eq!((stats.queued, stats.running, stats.overloaded), (0, 0, 1));
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_told() {
    let server = server(1, 10).await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(1, "hold", b"")).await;
    raw.send(&RequestPacket { timeout: 20, ..request(2, "later", b"") }).await;
    let late = raw.response().await;
    assert_eq!((late.request_id, late.ret), (2, ret::QUEUE_TIMEOUT));
    assert_eq!(late.desc, "the request waited 20 ms in the queue of adapter EchoAdapter");
    server.echo.release.notify_one();
    assert_eq!(raw.response().await.request_id, 1);
    let stats = &server.stats.snapshot()[0];
    assert_eq!((stats.queued, stats.timed_out), (0, 1));
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let server = server(1, 1).await;
    let mut accepted = Vec::new();
    for id in 1..=3 {
        let mut raw = Raw::connect(server.addr).await;
        raw.send(&request(id, "echo", b"")).await;
        raw.response().await;
        accepted.push(raw);
    }
    assert!(Raw::connect(server.addr).await.is_closed().await);
    assert_eq!(server.stats.snapshot()[0].refused, 1);
    accepted.pop();
    until("a free place", || server.stats.snapshot()[0].connections == 2).await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(4, "echo", b"")).await;
    assert_eq!(raw.response().await.request_id, 4);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = AdapterLimits { idle_timeout: Duration::from_millis(50), ..AdapterLimits::default() };
    let server = Running::with(Endpoint::tcp("127.0.0.1", 0), limits).await;
    let mut raw = Raw::connect(server.addr).await;
    raw.send(&request(1, "hold", b"")).await;
    let mut idle = Raw::connect(server.addr).await;
    assert!(idle.is_closed().await);
    // A request that is under way keeps its connection open.
    server.echo.release.notify_one();
    assert_eq!(raw.response().await.request_id, 1);
    assert!(raw.is_closed().await);
}
