//! TPlugin v1beta3.

pub use super::v1beta2::TPluginSpec;

super::object!(v1beta3);
