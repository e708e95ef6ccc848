//! Serves HTTP on connections of which none can shut out the others.
//!
//! # Many idle connections
//! The number of connections is bounded, and a newcomer is never refused: when all places are taken, another connection loses its place
//! at once. The first to go is the one that has waited for longest of those that never got an answer, then the one that has been idle for
//! longest, and only then one with a request. A client that opens thousands of connections and sends nothing thus drives out its own
//! connections only. Without that client's help two limits free the places as well: a connection must send its first request soon, and
//! may not be idle for long afterwards. A request lasts until its answer has been sent to the end, so a long stream is not idle.
//!
//! # The end of a process behind a Service
//! After the stop, clients still open connections for a moment, because the nodes learn late that the pod is leaving. An HTTP/1.1 client
//! can also send a request at the moment at which an idle connection is closed, and then does not know whether the server has seen it.
//! So for the time of [`Limits::linger`] connections are still accepted, idle ones stay open, and each answer asks its client
//! to close the connection. HTTP/2 has a frame for this purpose, which is sent at once.

use crate::quiet_log::QuietLog;
use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Version, header::CONNECTION},
};
use first_byte::FirstByte;
use http_body_util::BodyExt;
use hyper::service::{Service, service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use places::{Place, Places};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod first_byte;
mod places;

/// The wait after an error of accepting. The usual cause is that the process has no free file descriptor, which lasts for a while.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// An HTTP/2 client that is gone without a word is noticed by a ping after this time without a frame.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long an HTTP/2 client may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open connections may finish their requests at the end, after [`Limits::linger`].
const DRAIN: Duration = Duration::from_secs(10);

/// What one peer may use. The default is for a webhook, whose only caller is the API server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections may be open; at least 1. An API server keeps a few open.
    pub connections: usize,
    /// How long a handshake may take. The API server needs milliseconds.
    pub handshake: Duration,
    /// How long the headers of the first request may take, from their first byte.
    pub first_request: Duration,
    /// How long a connection may be without a request, also before the first one: the API server dials ahead. It is longer than the 90
    /// seconds after which the API server closes an idle connection, so that no request meets a connection that is being closed.
    pub idle: Duration,
    /// How long connections are still accepted after the stop. A Service in front of the process needs a second or two to send its
    /// clients elsewhere.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 1024, handshake: seconds(5), first_request: seconds(10), idle: seconds(120), linger: seconds(5) }
    }
}

/// The versions of HTTP that are spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    /// HTTP/1.1 and HTTP/2, as the client likes.
    Any,
    /// HTTP/2 only, as gRPC needs it.
    Two,
}

/// How a process says goodbye to its connections.
#[derive(Clone)]
struct Goodbye {
    /// The process is asked to stop. No connection should be used for another request.
    stop: CancellationToken,
    /// The time to linger is over. Connections without a request are closed.
    close: CancellationToken,
}

/// Serves `router` on the connections of `listener` until `stop` is cancelled and the time to linger is over. Then open connections may
/// still finish their requests. `shake_hands` makes the stream of a connection, for example by TLS; an error ends that connection only.
///
/// A failed handshake is logged at level debug, because port scans and probes cause many of them. An error of accepting a connection does
/// not end the service. It is logged when it begins, and once a minute while it lasts.
pub(crate) async fn serve<S, F>(
    limits: Limits,
    http: Http,
    listener: TcpListener,
    router: Router,
    shake_hands: impl Fn(TcpStream) -> F,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let connections = TaskTracker::new();
    let places = Places::new(limits);
    let full = QuietLog::default();
    let goodbye = Goodbye { stop, close: CancellationToken::new() };
    let lingered = linger(&goodbye.stop, limits.linger);
    tokio::pin!(lingered);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(|| listener.accept()) => accepted,
            () = &mut lingered => break,
        };
        // Small answers must not wait for each other. A failure only makes them slower.
        let _ = stream.set_nodelay(true);
        let (place, evicted) = places.take();
        if evicted && let Some(others) = full.permit() {
            tracing::warn!(%peer, limit = limits.connections, others, "too many connections are open, the least useful one was closed");
        }
        let (handshake, router, goodbye) = (shake_hands(stream), router.clone(), goodbye.clone());
        connections.spawn(async move {
            tokio::select! {
                () = place.wait_for_loss() => tracing::debug!(%peer, "the connection lost its place"),
                () = async {
                    match tokio::time::timeout(limits.handshake, handshake).await {
                        Ok(Ok(stream)) => serve_connection(stream, http, peer, &place, router, goodbye).await,
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "the handshake failed"),
                        Err(_) => tracing::debug!(%peer, "the handshake took too long"),
                    }
                } => {}
            }
        });
    }
    goodbye.close.cancel();
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!("some connections were still open at the end of the time to drain");
    }
}

async fn linger(stop: &CancellationToken, time: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(time).await;
}

/// Accepts the next connection. No error ends the service: a port can be the only way to the cluster's admission.
async fn accept<T, F: Future<Output = io::Result<T>>>(mut attempt: impl FnMut() -> F) -> T {
    let failures = QuietLog::default();
    loop {
        match attempt().await {
            Ok(accepted) => return accepted,
            // The peer has closed the connection before we accepted it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if let Some(others) = failures.permit() {
                    tracing::error!(%error, others, "connections cannot be accepted at present, trying again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    http: Http,
    peer: SocketAddr,
    place: &Arc<Place>,
    router: Router,
    goodbye: Goodbye,
) {
    let router = TowerToHyperService::new(router);
    let is_http2 = AtomicBool::new(http == Http::Two);
    let service = service_fn(|request| {
        let version = request.version();
        if version == Version::HTTP_2 {
            is_http2.store(true, Relaxed);
        }
        let (under_way, answer, stop) = (place.begin(), router.call(request), goodbye.stop.clone());
        async move {
            let mut answer = answer.await?;
            under_way.note_answer();
            if version != Version::HTTP_2 && stop.is_cancelled() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // The body owns the request, which thus ends when the body has been sent or given up.
            Ok::<_, std::convert::Infallible>(answer.map(|body: Body| {
                body.map_frame(move |frame| {
                    let _ = &under_way;
                    frame
                })
            }))
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    if http == Http::Two {
        builder = builder.http2_only();
    }
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(FirstByte::watch(stream, place)), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = wait_to_close(&goodbye, &is_http2) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "the connection ended early");
    }
}

/// Waits until a connection may be told that it ends.
async fn wait_to_close(goodbye: &Goodbye, is_http2: &AtomicBool) {
    goodbye.stop.cancelled().await;
    if !is_http2.load(Relaxed) {
        goodbye.close.cancelled().await;
    }
}

#[cfg(test)]
mod tests;
