//! The objects that only this reconciler reads.

mod cached_pod;
mod claim;
mod pod;

pub use cached_pod::CachedPod;
pub use claim::{ClaimView, resource as claim_resource};
pub use pod::{ContainerState, PodCondition, PodView, resource as pod_resource};
