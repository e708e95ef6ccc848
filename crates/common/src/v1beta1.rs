//! All types of v1beta1.
//!
//! The version is not served by default, and has no TFrameworkConfig and no TFrameworkKey.

pub use crate::kinds::{
    shared::*,
    taccount::v1beta1::TAccount,
    tconfig::v1beta1::TConfig,
    tendpoint::v1beta1::TEndpoint,
    texitedrecord::v1beta1::TExitedRecord,
    timage::v1beta1::{TImage, TImageBuild, TImageRelease},
    tplugin::v1beta1::TPlugin,
    tserver::{
        v1beta1::{Mount, TServer, TServerK8s, TServerNormal, TServerRelease, TServerSpec},
        v1beta2::MountSource,
    },
    ttemplate::v1beta1::TTemplate,
    ttree::v1beta1::TTree,
};
