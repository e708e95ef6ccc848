//! All types of v1beta2.

pub use crate::kinds::{
    shared::*,
    taccount::v1beta2::TAccount,
    tconfig::v1beta2::TConfig,
    tendpoint::v1beta2::TEndpoint,
    texitedrecord::v1beta2::TExitedRecord,
    tframeworkconfig::{
        ImageRegistry, RecordLimit, UpChainEndpoint,
        v1beta2::{ImageBuild, NodeImage, TFrameworkConfig},
    },
    tframeworkkey::{TFrameworkKeySpec, v1beta2::TFrameworkKey},
    timage::{
        TImageBuild,
        v1beta2::{TImage, TImageRelease},
    },
    tplugin::v1beta2::TPlugin,
    tserver::{
        ImagePullPolicy, LauncherType, RollingUpdate, TServerNormal, UpdateStrategy, UpdateStrategyType,
        v1beta2::{Mount, MountSource, TServer, TServerK8s, TServerRelease, TServerSpec},
    },
    ttemplate::v1beta2::TTemplate,
    ttree::v1beta2::TTree,
};
