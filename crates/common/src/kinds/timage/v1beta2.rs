//! TImage v1beta2.

use super::{TImageBuild, TImageServerType, TImageType, object, release, root};
use crate::{lenient::decode_or_default, rules};

object!(v1beta2);
release!(#[schemars(length(max = 500))]);
