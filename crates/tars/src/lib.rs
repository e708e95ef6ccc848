//! The Tars wire: values, packets, servers and clients. This crate knows nothing of Kubernetes.
//!
//! ```text
//! codec ──► packet ──► server        one Dispatch per servant, over TCP and UDP
//!   │          └─────► client        proxies, with fixed endpoints or with those of the name service
//!   └────► framework                 the interfaces that every Tars system has
//! config, server, client ──► application     a whole server from one configuration file
//! ```
//!
//! The rules of the wire stand in `docs/reference/wire.md`. A comment cites a rule by its number, such as
//! `docs/reference/wire.md#3.1`.

#![deny(missing_docs)]

// The code that the derives generate calls this crate `::tars`, also inside the crate itself.
extern crate self as tars;

pub mod application;
pub mod args;
pub mod client;
pub mod codec;
pub mod config;
pub mod endpoint;
pub mod framework;
pub mod packet;
pub mod server;

#[doc(hidden)]
pub use bytes;
pub use tars_derive::{TarsEnum, TarsStruct, interface};
