//! The objects that only this reconciler reads.

mod claim;
mod pod;

pub use claim::{ClaimView, resource as claim_resource};
pub use pod::{ContainerState, PodCondition, PodView, resource as pod_resource};
