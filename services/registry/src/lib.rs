//! The name service: it tells Tars clients where servants are, and tarsnode how to run its server.
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
//! The state is read from the API server at each start; nothing is kept on disk. One task owns the index and applies changes in
//! order. Readers take a snapshot and never wait. While the API server is away, the last known state is served.
//!
//! One process serves one namespace, that of the framework. The rules are in docs/reference/name-service.md.

pub mod args;
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
