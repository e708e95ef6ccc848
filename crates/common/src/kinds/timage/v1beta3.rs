//! TImage v1beta3.

pub use super::v1beta2::TImageRelease;
use super::{TImageBuild, TImageServerType, TImageType, object, root};
use crate::{lenient::decode_or_default, rules};

object!(v1beta3);
