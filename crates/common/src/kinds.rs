//! The eleven kinds, one module each. A submodule with the name of a version has the types that differ between versions; the versions
//! share all other types. Users of this crate import from [`crate::v1beta3`], which has all types of one version.

pub(crate) mod shared;
pub mod taccount;
pub mod tconfig;
pub mod tendpoint;
pub mod texitedrecord;
pub mod tframeworkconfig;
pub mod tframeworkkey;
pub mod timage;
pub mod tplugin;
pub mod tserver;
pub mod ttemplate;
pub mod ttree;
