//! What only this room keeps of the objects that it watches.

mod claim;
mod pod;

pub use crate::views::server_key;
pub use claim::ClaimView;
pub use pod::{ContainerState, PodCondition, PodView};
