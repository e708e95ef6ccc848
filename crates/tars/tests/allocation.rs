//! Whatever input arrives, the decoder allocates no more than a multiple of its length. This test has a process of its own,
//! because it counts all allocations of the process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{
    alloc::System,
    collections::{BTreeMap, HashMap},
};
use tars::{
    codec::{Decode, from_bytes},
    framework::{endpoint::ObjectItem, query::GetMasterSlaveLock},
    packet::{Packet, RequestPacket, RequestView, tup::UniAttribute},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many bytes may be allocated for each byte of input, and for an empty input. That is twice what a decoder may use
/// (`Limits::for_input`), because maps grow by doubling, and a little more for errors.
const FACTOR: usize = 2 * 96;
const BASE: usize = 2 * 4096 + 1024;

fn check_value<T: Decode>(what: &str, input: &[u8]) {
    let region = Region::new(ALLOCATOR);
    drop(from_bytes::<T>(0, input));
    check(what, input, region.change().bytes_allocated);
}

fn check(what: &str, input: &[u8], allocated: usize) {
    let limit = BASE + FACTOR * input.len();
    assert!(allocated <= limit, "{what}: {allocated} bytes for {} bytes of input, limit {limit}: {input:02x?}", input.len());
}

fn check_all(input: &[u8]) {
    check_value::<ObjectItem>("ObjectItem", input);
    check_value::<Vec<GetMasterSlaveLock>>("vector of empty structs", input);
    check_value::<Vec<BTreeMap<String, String>>>("vector of ordered maps", input);
    check_value::<Vec<HashMap<String, String>>>("vector of hash maps", input);
    check_value::<Vec<Vec<Vec<String>>>>("nested vectors", input);
    check_value::<Vec<i64>>("vector<long>", input);
    check_value::<Vec<i8>>("vector<byte>", input);
    check_value::<Bytes>("bytes", input);
    check_value::<String>("string", input);
    let shared = Bytes::copy_from_slice(input);
    let region = Region::new(ALLOCATOR);
    drop(RequestView::read(input));
    drop(RequestPacket::read(&shared));
    drop((UniAttribute::read(2, &shared), UniAttribute::read(3, &shared)));
    // The input was read four times, each time within a limit of its own.
    check("packets", &input.repeat(4), region.change().bytes_allocated.saturating_sub(3 * BASE));
}

/// A list under tag 0 that repeats `element` up to about 64 KiB.
fn list_of(element: &[u8]) -> Vec<u8> {
    let count = i32::try_from(65_536 / element.len()).unwrap();
    let mut input = vec![0x09, 0x02];
    input.extend_from_slice(&count.to_be_bytes());
    for _ in 0..count {
        input.extend_from_slice(element);
    }
    input
}

#[test]
fn allocation_is_bounded_by_the_input() {
    // These elements take little space on the wire and much in memory.
    for element in [
        &[0x0c][..],
        &[0x06, 0x00],
        &[0x0a, 0x0b],
        &[0x09, 0x0c],
        &[0x08, 0x0c],
        &[0x08, 0x00, 0x01, 0x06, 0x00, 0x16, 0x00],
        &[0x0a, 0x06, 0x00, 0x1c, 0x2c, 0x3c, 0x4c, 0x0b],
    ] {
        check_all(&list_of(element));
    }
    // These values claim more content than the input has.
    for claim in [
        &[0x09, 0x02, 0x7f, 0xff, 0xff, 0xff][..],
        &[0x08, 0x02, 0x7f, 0xff, 0xff, 0xff],
        &[0x0d, 0x00, 0x02, 0x7f, 0xff, 0xff, 0xff],
        &[0x07, 0xff, 0xff, 0xff, 0xff],
        &[0x09, 0x00, 0x7f],
    ] {
        let mut input = claim.repeat(50);
        check_all(claim);
        input.extend_from_slice(&[0; 128]);
        check_all(&input);
    }
    // Random input of bytes that have a meaning.
    let meaningful = [0x00, 0x01, 0x02, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x10, 0x16, 0x19, 0x1a, 0x26, 0x7f, 0xf9];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..20_000 {
        let input: Vec<u8> = (0..round % 200)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                meaningful[usize::try_from(state % 18).unwrap()]
            })
            .collect();
        check_all(&input);
    }
}
