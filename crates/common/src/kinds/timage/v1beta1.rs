//! TImage v1beta1.

use super::{TImageBuild, TImageServerType, TImageType, object, release, root};
use crate::lenient::null_default;
use crate::rules;

object!(v1beta1);
release!(#[schemars(regex(pattern = rules::IMAGE), length(max = 500))]);
