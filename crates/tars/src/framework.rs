//! The interfaces that come with the Tars framework, with their types (`docs/reference/wire.md#12`).
//!
//! For each interface `X` there is a trait `X` for servants, an `XDispatch` that serves an implementation of the trait, and an
//! `XClient` that calls a servant of another process; see [`crate::interface`].

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
