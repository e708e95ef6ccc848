//! Checks a request, in the order of `docs/reference/wire.md#10.2`, and leads it to its answer.

use super::{
    adapter::{AdapterState, add},
    dispatch::{Call, Dispatch, Peer, Request, Response, ServantError},
};
use crate::{
    codec::{DecodeError, Encoder},
    packet::{FrameError, PING, Packet, RequestPacket, RequestView, header, packet_type, ret, version, write_frame},
};
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::sync::OwnedSemaphorePermit;

/// The step that a connection still has to take for a request.
pub(super) enum Step {
    /// Nothing: the request is answered, or needs no answer.
    Done,
    /// The request must run in a task of its own.
    NeedsTask(Arc<dyn Dispatch>),
}

/// The fields of a request that decide about its answer or are repeated in it.
#[derive(Debug, Clone, Copy)]
struct ReplyHead {
    version: i16,
    message_type: i32,
    request_id: i32,
    one_way: bool,
}

/// Reads a request from the content of a frame. If the answer is known at once, it is appended to `out`.
pub(super) fn answer_now(adapter: &AdapterState, content: &[u8], peer: &Peer, out: &mut BytesMut) -> Result<Step, DecodeError> {
    let view = RequestView::read(content)?;
    add(&adapter.counters.requests, 1);
    let head = ReplyHead {
        version: view.version,
        message_type: view.message_type,
        request_id: view.request_id,
        one_way: view.packet_type == packet_type::ONE_WAY,
    };
    let response = match find_answer(adapter, &view, peer) {
        Ok(response) => response,
        Err(dispatch) => return Ok(Step::NeedsTask(Arc::clone(dispatch))),
    };
    write_reply(out, head, &response, adapter.limits.max_frame);
    Ok(Step::Done)
}

/// Returns the answer, or the servant that needs a task to give it.
fn find_answer<'a>(adapter: &'a AdapterState, view: &RequestView<'_>, peer: &Peer) -> Result<Response, &'a Arc<dyn Dispatch>> {
    if !matches!(view.version, version::TARS | version::TUP_LEGACY | version::TUP) {
        let text = format!("packet version {} is not served; use 1, 2 or 3", view.version);
        return Ok(Response::error(ret::DECODE, text));
    }
    let Some(dispatch) = adapter.servant(&view.servant) else {
        let text = format!("adapter {} does not serve `{}`", adapter.name, view.servant);
        return Ok(Response::error(ret::NO_SERVANT, text));
    };
    if view.func == PING {
        return Ok(Response::default());
    }
    dispatch.answer_now(&Call::new(view, peer)).ok_or(dispatch)
}

/// A request that was accepted and is not started yet.
pub(super) struct Job {
    adapter: Arc<AdapterState>,
    dispatch: Arc<dyn Dispatch>,
    request: Request,
    head: ReplyHead,
    slot: Option<OwnedSemaphorePermit>,
}

/// Accepts a request into the queue. If four fifths of the queue are taken, it refuses the request with an answer in `out`; if
/// the whole queue is taken, without an answer.
pub(super) fn enqueue(
    adapter: &Arc<AdapterState>,
    dispatch: Arc<dyn Dispatch>,
    content: &Bytes,
    peer: &Peer,
    out: &mut BytesMut,
) -> Result<Option<Job>, DecodeError> {
    let packet = RequestPacket::read(content)?;
    let head = ReplyHead {
        version: packet.version,
        message_type: packet.message_type,
        request_id: packet.request_id,
        one_way: packet.packet_type == packet_type::ONE_WAY,
    };
    let slot = Arc::clone(&adapter.slots).try_acquire_owned().ok();
    if slot.is_none() {
        let capacity = adapter.limits.queue_capacity;
        let queued = adapter.queued.fetch_add(1, Relaxed) + 1;
        if queued > capacity - capacity / 5 {
            adapter.queued.fetch_sub(1, Relaxed);
            add(&adapter.counters.overloaded, 1);
            if queued <= capacity {
                let text = format!("adapter {} has {queued} requests in its queue", adapter.name);
                write_reply(out, head, &Response::error(ret::OVERLOAD, text), adapter.limits.max_frame);
            }
            return Ok(None);
        }
    }
    let request = Request::new(packet, peer.clone());
    Ok(Some(Job { adapter: Arc::clone(adapter), dispatch, request, head, slot }))
}

impl Job {
    /// Waits for a slot, runs the servant, and returns the frame to send; `None` for a one-way request.
    pub(super) async fn run(self) -> Option<Bytes> {
        let Self { adapter, dispatch, request, head, slot } = self;
        let slot = match slot {
            Some(slot) => Ok(slot),
            None => wait_for_slot(&adapter, request.timeout).await,
        };
        let response = match slot {
            Ok(slot) => {
                let func = request.func.clone();
                let answer = AssertUnwindSafe(dispatch.call(request)).catch_unwind().await;
                drop(slot);
                answer.unwrap_or_else(|_| Response::error(ret::UNKNOWN, format!("the servant panicked in `{func}`")))
            }
            Err(timeout) => timeout.into(),
        };
        if head.one_way {
            return None;
        }
        let mut out = BytesMut::new();
        write_reply(&mut out, head, &response, adapter.limits.max_frame);
        Some(out.freeze())
    }
}

async fn wait_for_slot(adapter: &Arc<AdapterState>, timeout: i32) -> Result<OwnedSemaphorePermit, ServantError> {
    // Gives the place in the queue back, also if the task is dropped while it waits.
    struct Place<'a>(&'a AdapterState);
    impl Drop for Place<'_> {
        fn drop(&mut self) {
            self.0.queued.fetch_sub(1, Relaxed);
        }
    }

    let _place = Place(adapter);
    let limit = match u64::try_from(timeout) {
        Ok(0) | Err(_) => adapter.limits.queue_timeout,
        Ok(milliseconds) => adapter.limits.queue_timeout.min(Duration::from_millis(milliseconds)),
    };
    // The semaphore is never closed, so the only reason for not getting a slot is the timeout.
    if let Ok(Ok(slot)) = tokio::time::timeout(limit, Arc::clone(&adapter.slots).acquire_owned()).await {
        return Ok(slot);
    }
    add(&adapter.counters.timed_out, 1);
    let text = format!("the request waited {} ms in the queue of adapter {}", limit.as_millis(), adapter.name);
    Err(ServantError::new(ret::QUEUE_TIMEOUT, text))
}

/// Appends the frame of the answer. An answer that is too large is replaced by an error.
fn write_reply(out: &mut BytesMut, head: ReplyHead, response: &Response, max: usize) {
    if head.one_way {
        return;
    }
    if let Err(error) = write_packet(out, head, response, max) {
        let error = Response::error(ret::ENCODE, format!("the answer cannot be sent: {error}"));
        // Such a short error fails only if `max` leaves no room for any answer.
        let _ = write_packet(out, head, &error, max);
    }
}

fn write_packet(out: &mut BytesMut, head: ReplyHead, response: &Response, max: usize) -> Result<(), FrameError> {
    let Response { ret, body, desc, context, status } = response;
    out.reserve(64 + body.len() + desc.len());
    if !matches!(head.version, version::TUP | version::TUP_LEGACY) {
        return write_frame(out, max, |packet: &mut Encoder<'_>| {
            packet.put(1, &head.version);
            packet.put(2, &packet_type::NORMAL);
            packet.put(3, &head.request_id);
            packet.put(4, &head.message_type);
            packet.put(5, ret);
            packet.put(6, body);
            packet.put(7, status);
            if !desc.is_empty() {
                packet.put::<str>(8, desc);
            }
            packet.put_optional(9, context, context);
        });
    }
    let mut status = status.clone();
    if *ret != ret::SUCCESS {
        status.insert(header::RESULT_CODE.to_owned(), ret.to_string());
    }
    if !desc.is_empty() {
        status.insert(header::RESULT_DESC.to_owned(), desc.clone().into_owned());
    }
    write_frame(out, max, |packet| {
        packet.put(1, &head.version);
        packet.put(2, &packet_type::NORMAL);
        packet.put(3, &head.message_type);
        packet.put(4, &head.request_id);
        packet.put(5, "");
        packet.put(6, "");
        packet.put(7, body);
        packet.put(8, &0_i32);
        packet.put(9, context);
        packet.put(10, &status);
    })
}
