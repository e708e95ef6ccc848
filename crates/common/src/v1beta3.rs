//! All types of v1beta3, the version that the API server stores and that our services use.

pub use crate::kinds::{
    shared::*,
    taccount::v1beta3::TAccount,
    tconfig::v1beta3::TConfig,
    tendpoint::v1beta3::TEndpoint,
    texitedrecord::v1beta3::TExitedRecord,
    tframeworkconfig::{
        ImageRegistry, RecordLimit, UpChainEndpoint,
        v1beta3::{ImageBuild, ImageRef, NodeImage, TFrameworkConfig},
    },
    tframeworkkey::{TFrameworkKeySpec, v1beta3::TFrameworkKey},
    timage::{
        TImageBuild,
        v1beta3::{TImage, TImageRelease},
    },
    tplugin::v1beta3::TPlugin,
    tserver::{
        Capabilities, ExecProbe, FsGroupChangePolicy, GrpcProbe, HttpHeader, HttpProbe, ImagePullPolicy, LauncherType, NfsVolume,
        PodSecurityContext, Probe, Profile, ProfileType, ReadinessProbe, RollingUpdate, SeLinuxChangePolicy, SeLinuxOptions,
        SecurityContext, SupplementalGroupsPolicy, Sysctl, TServerNormal, TaintEffect, TcpProbe, Toleration, TolerationOperator,
        UpdateStrategy, UpdateStrategyType, UriScheme,
        v1beta3::{Mount, MountSource, TServer, TServerK8s, TServerRelease, TServerSpec},
    },
    ttemplate::v1beta3::TTemplate,
    ttree::v1beta3::TTree,
};
