//! UDP: each datagram is one frame, and the answer goes back to its sender (`docs/reference/wire.md#6.4`).

use super::{
    adapter::{AdapterState, add},
    admit::{self, Step},
    dispatch::Peer,
};
use crate::{
    endpoint::Protocol,
    packet::{LENGTH_SIZE, read_frame_length},
};
use bytes::{Bytes, BytesMut};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::UdpSocket;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many bytes a datagram has at most.
const MAX_DATAGRAM: usize = 65_535;

/// Answers datagrams until `stop`.
pub(super) async fn serve(socket: Arc<UdpSocket>, adapter: Arc<AdapterState>, stop: CancellationToken, tasks: TaskTracker) {
    let mut input = vec![0; MAX_DATAGRAM];
    let mut out = BytesMut::new();
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut input) => received,
            () = stop.cancelled() => return,
        };
        match received {
            Ok((count, addr)) => {
                add(&adapter.counters.bytes_in, count);
                out.clear();
                if let Err(reason) = handle(&socket, &adapter, &input[..count], addr, &mut out, &tasks) {
                    add(&adapter.counters.malformed, 1);
                    adapter.warn(addr, "datagram dropped", &reason);
                }
                send(&socket, &adapter, addr, &out).await;
            }
            // The system reports an error here if a client did not accept an earlier answer.
            Err(error) => tracing::debug!(adapter = %adapter.name, %error, "could not receive a datagram"),
        }
    }
}

fn handle(
    socket: &Arc<UdpSocket>,
    adapter: &Arc<AdapterState>,
    datagram: &[u8],
    addr: SocketAddr,
    out: &mut BytesMut,
    tasks: &TaskTracker,
) -> Result<(), String> {
    let length = read_frame_length(datagram, adapter.limits.max_frame).map_err(|error| error.to_string())?;
    if length != Some(datagram.len()) {
        return Err(format!("datagram of {} bytes claims a frame of {}", datagram.len(), length.unwrap_or_default()));
    }
    let content = &datagram[LENGTH_SIZE..];
    let peer = Peer::new(addr, Protocol::Udp, None);
    let undecodable = |error| format!("undecodable packet: {error}");
    if let Step::NeedsTask(dispatch) = admit::answer_now(adapter, content, &peer, out).map_err(undecodable)? {
        let content = Bytes::copy_from_slice(content);
        if let Some(job) = admit::enqueue(adapter, dispatch, &content, &peer, out).map_err(undecodable)? {
            let (socket, adapter) = (Arc::clone(socket), Arc::clone(adapter));
            tasks.spawn(async move {
                if let Some(frame) = job.run().await {
                    send(&socket, &adapter, addr, &frame).await;
                }
            });
        }
    }
    Ok(())
}

async fn send(socket: &UdpSocket, adapter: &AdapterState, addr: SocketAddr, frame: &[u8]) {
    if frame.is_empty() {
        return;
    }
    match socket.send_to(frame, addr).await {
        Ok(count) => add(&adapter.counters.bytes_out, count),
        Err(error) => adapter.warn(addr, "answer not sent", &format_args!("{} bytes: {error}", frame.len())),
    }
}
