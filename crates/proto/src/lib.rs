//! The gRPC contracts between the services and with everybody else, generated at build time from `/proto`.
//!
//! ```text
//! proto/tars/registry/v1/registry.proto ──► tars_proto::registry::v1::{name_service_server, name_service_client, …}
//!                                       └─► tars_proto::registry::v1::DESCRIPTORS   for reflection
//! ```
//!
//! One module per package; a package never changes incompatibly, a new version is a new package. The meaning of each message is
//! documented in its `.proto` file, from where it is copied into the documentation of the generated types.

#![deny(missing_docs)]

/// The name service.
pub mod registry {
    /// Version 1: `NameService`.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        reason = "generated: the documented source is the .proto file, and modules, clients and servers get no comments there"
    )]
    pub mod v1 {
        tonic::include_proto!("tars.registry.v1");

        /// The encoded `FileDescriptorSet` of the package.
        pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tars.registry.v1.bin"));
    }
}
