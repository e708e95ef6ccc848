//! Types and pure rules of the `k8s.tars.io` group.

pub mod admission;
pub mod convert;
pub mod crd;
mod kind;
pub mod kinds;
pub mod lenient;
pub mod names;
pub mod rules;
mod schema;
pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;
