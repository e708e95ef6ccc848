//! Serves servants over TCP and UDP (`docs/reference/wire.md#10`).
//!
//! ```text
//! Server ─► Adapter (endpoint, limits) ─► connection ─► frame ─► servant known? ─► Dispatch::answer_now ─► answer
//!                                                                                      │ None
//!                                                                                      └─► queue ─► Dispatch::call ─► answer
//! ```
//!
//! The requests of a connection may be pipelined. Answers go back in the order in which they are ready, many in one write. If an
//! answer needs no waiting, [`Dispatch::answer_now`] gives it without a copy of the request. Any other request gets a task as
//! soon as it has to wait.
//!
//! A packet that cannot be decoded closes its connection and no other. When the server stops, it first asks each TCP client to
//! reconnect elsewhere. It closes a connection when the connection was quiet for a while and every answer is sent, see
//! [`Draining`].

mod adapter;
mod admit;
mod connection;
mod datagram;
mod dispatch;
mod draining;
mod quiet_log;

use crate::endpoint::Protocol;
use adapter::AdapterState;
use std::{fmt, io, net::SocketAddr, sync::Arc};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use adapter::{Adapter, AdapterLimits, AdapterStats};
pub use dispatch::{AnswerFuture, Call, Dispatch, Peer, PushError, Request, Response, ServantError};
pub use draining::Draining;

/// Why a server could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The server has no adapter.
    #[error("the server has no adapter; add one with `ServerBuilder::adapter`")]
    NoAdapter,
    /// An endpoint asks for TLS, which is not served.
    #[error("adapter {adapter}: endpoint `{endpoint}` asks for ssl, which is not served; use tcp or udp")]
    Ssl {
        /// Name of the adapter.
        adapter: String,
        /// Endpoint of the adapter.
        endpoint: String,
    },
    /// The system does not let the server listen on an address.
    #[error("adapter {adapter}: could not listen on `{endpoint}`")]
    Listen {
        /// Name of the adapter.
        adapter: String,
        /// Endpoint of the adapter.
        endpoint: String,
        /// The error of the system.
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

    /// Sets how connections end when the server stops.
    #[must_use]
    pub fn draining(mut self, draining: Draining) -> Self {
        self.draining = draining;
        self
    }

    /// Listens on all endpoints. The server accepts connections only in [`Server::serve`].
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

/// A server that listens on the endpoints of its adapters.
pub struct Server {
    adapters: Vec<Bound>,
    draining: Draining,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.adapters.iter().map(|bound| (&bound.state.name, bound.addr))).finish()
    }
}

impl Server {
    /// Begins to describe a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The address that the adapter listens on. Its port is the real one, also if the endpoint has port 0. `None` if there is no
    /// such adapter.
    pub fn local_addr(&self, adapter: &str) -> Option<SocketAddr> {
        self.adapters.iter().find(|bound| bound.state.name == adapter).map(|bound| bound.addr)
    }

    /// The counters of all adapters. They stay valid while the server runs and after that.
    pub fn stats(&self) -> Stats {
        Stats(self.adapters.iter().map(|bound| Arc::clone(&bound.state)).collect())
    }

    /// Serves until `stop` is cancelled and every connection has ended as [`Draining`] says.
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
    /// Reads the counters, in the order in which the adapters were added.
    pub fn snapshot(&self) -> Vec<AdapterStats> {
        self.0.iter().map(|state| state.stats()).collect()
    }
}

impl fmt::Debug for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.snapshot()).finish()
    }
}
