//! TImage v1beta3.

pub use super::v1beta2::TImageRelease;
use super::{TImageBuild, TImageServerType, TImageType, object, root};
use crate::{lenient::null_default, rules};

object!(v1beta3);
