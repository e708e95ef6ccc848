//! The interfaces that come with the Tars framework: their types, servants and clients.
//!
//! Each interface `X` is a trait for servants, an `XDispatch` that serves an implementation of it, and an `XClient` that calls one
//! elsewhere; see [`crate::interface`].

pub mod admin;
pub mod auth;
pub mod config;
pub mod endpoint;
pub mod log;
pub mod node;
pub mod notify;
pub mod property;
pub mod query;
pub mod registry;
pub mod stat;
