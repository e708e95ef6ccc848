//! Types and pure rules of the `k8s.tars.io` group.

mod kind;
pub mod kinds;
pub mod lenient;
pub mod names;
pub mod rules;
pub mod v1beta1;
pub mod v1beta2;
pub mod v1beta3;
