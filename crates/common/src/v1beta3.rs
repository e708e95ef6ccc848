//! All types of v1beta3, the version that the API server stores and that our services use.

pub use crate::kinds::taccount::{
    TAccountAuthentication, TAccountAuthorization, TAccountRole, TAccountSpec, TAccountToken, v1beta3::TAccount,
};
pub use crate::kinds::tconfig::v1beta3::TConfig;
pub use crate::kinds::tendpoint::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, PodContainerStatus,
    TEndpointHostPort, TEndpointNormal, TEndpointPod, TEndpointPort, TEndpointRelease, TEndpointServant, TEndpointSpec,
    TEndpointStatus, TEndpointTars, v1beta3::TEndpoint,
};
pub use crate::kinds::texitedrecord::{TExitedPod, v1beta3::TExitedRecord};
pub use crate::kinds::tframeworkconfig::{
    ImageRegistry, RecordLimit, UpChainEndpoint,
    v1beta3::{ImageBuild, ImageRef, NodeImage, TFrameworkConfig},
};
pub use crate::kinds::tframeworkkey::{TFrameworkKeySpec, v1beta3::TFrameworkKey};
pub use crate::kinds::timage::{
    TImageBuild, TImageBuildState, TImageServerType, TImageType,
    v1beta3::{TImage, TImageRelease},
};
pub use crate::kinds::tplugin::{TPluginSpec, v1beta3::TPlugin};
pub use crate::kinds::tserver::{
    AbilityAffinity, AccessMode, ClaimMetadata, ClaimResources, ClaimSpec, ClaimTemplate, ClaimVolume, ComputeResources,
    ConfigMapKeySelector, ConfigMapVolume, EmptyDirMedium, EmptyDirVolume, EnvFromRef, EnvFromSource, EnvVar, EnvVarSource,
    FieldRef, HostPathType, HostPathVolume, HostPort, KeyToPath, LabelSelector, LabelSelectorOperator, LabelSelectorRule,
    MountName, MountPropagation, MountSource, NodeSelectorOperator, NodeSelectorRule, PodManagementPolicy, Quantity,
    ResourceFieldRef, ResourceList, SecretKeySelector, SecretVolume, StorageAmount, SubType, TLocalVolume, TServerPort,
    TServerServant, TServerStatus, TServerTars, VolumeMode,
    v1beta3::{Mount, TServer, TServerK8s, TServerRelease, TServerSpec},
};
pub use crate::kinds::tserver::{
    Capabilities, ExecProbe, FsGroupChangePolicy, GrpcProbe, HttpHeader, HttpProbe, ImagePullPolicy, LauncherType,
    PodSecurityContext, Probe, Profile, ProfileType, ReadinessProbe, RollingUpdate, SeLinuxChangePolicy, SeLinuxOptions,
    SecurityContext, SupplementalGroupsPolicy, Sysctl, TServerNormal, TcpProbe, UpdateStrategy, UpdateStrategyType, UriScheme,
};
pub use crate::kinds::ttemplate::{TTemplateSpec, v1beta3::TTemplate};
pub use crate::kinds::ttree::{TTreeApp, TTreeBusiness, v1beta3::TTree};
