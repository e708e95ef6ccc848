//! Measures how fast lists of endpoints and packets are read and written, and how often they allocate.
//!
//! `cargo bench -p tars --bench codec`

use bytes::{Bytes, BytesMut};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{
    alloc::System,
    hint::black_box,
    time::{Duration, Instant},
};
use tars::{
    codec::{Decoder, Encoder, to_bytes},
    framework::endpoint::EndpointF,
    packet::{Packet, RequestPacket, RequestView, ResponsePacket},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How long each operation is measured.
const TIME: Duration = Duration::from_secs(1);
/// How many repetitions pass before the clock is read again.
const BATCH: u32 = 64;

fn main() {
    println!("{:<44} {:>10} {:>12} {:>12} {:>14}", "operation", "bytes", "ns/op", "MB/s", "allocations/op");
    for count in [3, 100] {
        let endpoints: Vec<EndpointF> = (0..count)
            .map(|index| EndpointF {
                host: format!("test-hello-{index}.test-hello"),
                port: 10_000,
                timeout: 60_000,
                istcp: 1,
                ..EndpointF::default()
            })
            .collect();
        let encoded = to_bytes(0, &endpoints);
        measure(&format!("decode {count} endpoints"), encoded.len(), || {
            black_box(Decoder::new(black_box(&encoded)).require::<Vec<EndpointF>>(0)).is_ok()
        });
        let mut out = BytesMut::new();
        measure(&format!("encode {count} endpoints, buffer reused"), encoded.len(), || {
            out.clear();
            Encoder::new(&mut out).put(0, black_box(&endpoints));
            !out.is_empty()
        });
    }
    measure_packets();
}

fn measure_packets() {
    let request = RequestPacket {
        request_id: 70_000,
        servant: "tars.tarsregistry.QueryObj".to_owned(),
        func: "findObjectByIdInSameGroup".to_owned(),
        buffer: to_bytes(1, "Test.Hello.HelloObj"),
        timeout: 3_000,
        ..RequestPacket::default()
    };
    let mut frame = BytesMut::new();
    let written = request.write(&mut frame, usize::MAX);
    let content = Bytes::from(frame).slice(4..);
    measure("see a lookup request in place", content.len(), || black_box(RequestView::read(black_box(&content))).is_ok());
    measure("read a lookup request", content.len(), || black_box(RequestPacket::read(black_box(&content))).is_ok());
    let response = ResponsePacket { request_id: 70_000, buffer: Bytes::from(vec![7; 200]), ..ResponsePacket::default() };
    let mut out = BytesMut::new();
    measure("write a response of 200 bytes", 220, || {
        out.clear();
        written.is_ok() && black_box(response.write(&mut out, 1 << 20)).is_ok()
    });
}

/// Repeats `operation`, which returns whether it worked, and prints a line of figures.
fn measure(name: &str, bytes: usize, mut operation: impl FnMut() -> bool) {
    for _ in 0..BATCH {
        assert!(operation(), "{name} failed");
    }
    let region = Region::new(ALLOCATOR);
    assert!(operation(), "{name} failed");
    let allocations = region.change().allocations;
    let (start, mut repetitions) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME {
        for _ in 0..BATCH {
            black_box(operation());
        }
        repetitions += BATCH;
    }
    let seconds = start.elapsed().as_secs_f64() / f64::from(repetitions);
    let size = u32::try_from(bytes).map_or(f64::NAN, f64::from);
    println!("{name:<44} {bytes:>10} {:>12.1} {:>12.0} {allocations:>14}", seconds * 1e9, size / seconds / 1e6);
}
