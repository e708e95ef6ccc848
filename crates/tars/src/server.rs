//! Serves servants over TCP and UDP.
//!
//! ```text
//! Server ─► Adapter (endpoint, limits) ─► connection ─► frame ─► servant known? ─► Dispatch::answer_now ─► answer
//!                                                                                      │ None
//!                                                                                      └─► queue ─► Dispatch::call ─► answer
//! ```
//!
//! Requests of a connection may be pipelined; answers go back as they come and many at once. An answer that needs no waiting is
//! given by [`Dispatch::answer_now`] without even a copy of the request; everything else becomes a task when it has to wait.
//!
//! A packet that can't be decoded closes its connection and nothing else. While the server stops, each TCP client is first asked to
//! reconnect elsewhere; its connection closes when it has been quiet for a while and every answer is out, see [`Draining`].

mod adapter;
mod admit;
mod connection;
mod datagram;
mod dispatch;
mod draining;
mod quiet_log;

use crate::endpoint::Protocol;
use adapter::AdapterState;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use adapter::{Adapter, AdapterLimits, AdapterStats};
pub use dispatch::{AnswerFuture, Call, Dispatch, Peer, PushError, Request, Response, ServantError};
pub use draining::Draining;

/// Why a server could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// There is no adapter.
    #[error("the server has no adapter; add one with `ServerBuilder::adapter`")]
    NoAdapter,
    /// TLS is not served.
    #[error("adapter {adapter}: endpoint `{endpoint}` asks for ssl, which is not served; use tcp or udp")]
    Ssl {
        /// Name of the adapter.
        adapter: String,
        /// Its endpoint.
        endpoint: String,
    },
    /// The address can't be listened on.
    #[error("adapter {adapter}: could not listen on `{endpoint}`")]
    Listen {
        /// Name of the adapter.
        adapter: String,
        /// Its endpoint.
        endpoint: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Collects the adapters of a server.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    adapters: Vec<Adapter>,
    draining: Draining,
}

impl ServerBuilder {
    /// Adds an adapter.
    #[must_use]
    pub fn adapter(mut self, adapter: Adapter) -> Self {
        self.adapters.push(adapter);
        self
    }

    /// How connections end when the server stops.
    #[must_use]
    pub fn draining(mut self, draining: Draining) -> Self {
        self.draining = draining;
        self
    }

    /// Listens on all endpoints; connections are accepted from [`Server::serve`] on.
    pub async fn bind(self) -> Result<Server, BindError> {
        if self.adapters.is_empty() {
            return Err(BindError::NoAdapter);
        }
        let mut bound = Vec::with_capacity(self.adapters.len());
        for adapter in self.adapters {
            bound.push(bind(adapter).await?);
        }
        Ok(Server { adapters: bound, draining: self.draining })
    }
}

async fn bind(adapter: Adapter) -> Result<Bound, BindError> {
    let endpoint = adapter.endpoint.clone();
    let host = endpoint.bind.as_deref().unwrap_or(&endpoint.host);
    let listened = match endpoint.protocol {
        Protocol::Ssl => return Err(BindError::Ssl { adapter: adapter.name, endpoint: endpoint.to_string() }),
        Protocol::Tcp => TcpListener::bind((host, endpoint.port))
            .await
            .and_then(|listener| Ok((listener.local_addr()?, Socket::Tcp(listener)))),
        Protocol::Udp => UdpSocket::bind((host, endpoint.port))
            .await
            .and_then(|socket| Ok((socket.local_addr()?, Socket::Udp(Arc::new(socket))))),
    };
    match listened {
        Ok((addr, socket)) => Ok(Bound { state: Arc::new(AdapterState::new(adapter)), addr, socket }),
        Err(source) => Err(BindError::Listen { adapter: adapter.name, endpoint: endpoint.to_string(), source }),
    }
}

struct Bound {
    state: Arc<AdapterState>,
    addr: SocketAddr,
    socket: Socket,
}

enum Socket {
    Tcp(TcpListener),
    Udp(Arc<UdpSocket>),
}

/// A server that listens.
pub struct Server {
    adapters: Vec<Bound>,
    draining: Draining,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.adapters.iter().map(|bound| (&bound.state.name, bound.addr))).finish()
    }
}

impl Server {
    /// Starts to describe a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The address that the adapter listens on: its port is the real one also when the endpoint said 0.
    pub fn local_addr(&self, adapter: &str) -> Option<SocketAddr> {
        self.adapters.iter().find(|bound| bound.state.name == adapter).map(|bound| bound.addr)
    }

    /// A handle to the counters of all adapters, which stays valid while and after the server runs.
    pub fn stats(&self) -> Stats {
        Stats(self.adapters.iter().map(|bound| Arc::clone(&bound.state)).collect())
    }

    /// Serves until `stop` is cancelled, then until every connection has ended in the way that [`Draining`] describes.
    pub async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        for Bound { state, socket, addr } in self.adapters {
            tracing::info!(adapter = %state.name, %addr, "serving");
            match socket {
                Socket::Tcp(listener) => {
                    let accepting = connection::accept(listener, state, self.draining, stop.clone(), tasks.clone());
                    tasks.spawn(accepting);
                }
                Socket::Udp(socket) => {
                    tasks.spawn(datagram::serve(socket, state, stop.clone(), tasks.clone()));
                }
            }
        }
        stop.cancelled().await;
        tasks.close();
        tasks.wait().await;
    }
}

/// The counters of all adapters of a server.
#[derive(Clone)]
pub struct Stats(Vec<Arc<AdapterState>>);

impl Stats {
    /// The present counts, in the order in which the adapters were added.
    pub fn snapshot(&self) -> Vec<AdapterStats> {
        self.0.iter().map(|state| state.stats()).collect()
    }
}

impl std::fmt::Debug for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.snapshot()).finish()
    }
}
