//! The eleven kinds, one module each. What differs between versions is in a sub-module of the version's name; what does not is
//! shared. Readers want [`crate::v1beta3`], which has everything of one version in one place.

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
