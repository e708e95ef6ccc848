//! The gRPC contracts of the services, generated at build time from the folder `proto` of the repository.
//!
//! ```text
//! proto/tars/registry/v1/registry.proto ──► tars_proto::registry::v1::{name_service_server, name_service_client, …}
//!                                       └─► tars_proto::registry::v1::DESCRIPTORS   for reflection
//! proto/tars/webhook/v1/webhook.proto ────► tars_proto::webhook::v1, likewise
//! proto/tars/controller/v1/controller.proto ► tars_proto::controller::v1, likewise
//! ```
//!
//! Each package has one module. A package never changes incompatibly; a new version is a new package. The `.proto` files document each
//! message, and the generated types get the same documentation.

#![deny(missing_docs)]

/// The controller.
pub mod controller {
    /// Version 1: `ControlService`.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        reason = "the code is generated; the .proto file documents messages, and the generator documents no modules, clients and servers"
    )]
    pub mod v1 {
        tonic::include_proto!("tars.controller.v1");

        /// The encoded `FileDescriptorSet` of the package, for server reflection.
        pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tars.controller.v1.bin"));
    }
}

/// The name service.
pub mod registry {
    /// Version 1: `NameService`.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        reason = "the code is generated; the .proto file documents messages, and the generator documents no modules, clients and servers"
    )]
    pub mod v1 {
        tonic::include_proto!("tars.registry.v1");

        /// The encoded `FileDescriptorSet` of the package, for server reflection.
        pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tars.registry.v1.bin"));
    }
}

/// The admission webhook.
pub mod webhook {
    /// Version 1: `AdmissionService`.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        reason = "the code is generated; the .proto file documents messages, and the generator documents no modules, clients and servers"
    )]
    pub mod v1 {
        tonic::include_proto!("tars.webhook.v1");

        /// The encoded `FileDescriptorSet` of the package, for server reflection.
        pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tars.webhook.v1.bin"));
    }
}
