//! The Tars wire: values, packets, servers and clients. Nothing here knows of Kubernetes.
//!
//! ```text
//! codec ──► packet ──► server   one Dispatch per servant, TCP and UDP
//!   │          └─────► client   proxies, found directly or through the name service
//!   └────► framework            the interfaces that every Tars system has
//! ```
//!
//! Sections in the documentation (such as "section 3.1") are those of the project's description of the wire protocol.

#![deny(missing_docs)]

// The derives name their crate `::tars`, also inside it.
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
