//! The name service: tells Tars clients where servants are, and tarsnode how to run its server.
//!
//! ```text
//!                 watch                                  ┌─► QueryObj   17890  Tars: endpoints of a servant
//! TEndpoint ─────────┐                                   │
//! TTemplate ─────────┼─► Writer ─► Snapshot ─► Index ────┼─► NameService 17892  gRPC: the same
//! TFrameworkConfig ──┘   (one)      (immutable)          │
//!                                                        └─► RegistryObj 17891  Tars: configuration of a server
//! pod condition tars.io/active ◄─── Reporter ◄───────────────┘                        state of a server
//! ```
//!
//! Everything is rebuilt from the API server; nothing is kept on disk. One task owns the index and applies changes in order; readers
//! take a snapshot and never wait. While the API server is away the last known state is served.
//!
//! The scope is one namespace, that of the framework.

pub mod args;
pub mod contact;
pub mod grpc;
pub mod index;
pub mod metrics;
pub mod objects;
pub mod query;
pub mod readiness;
pub mod registry_obj;
pub mod render;
pub mod run;
pub mod watch;
