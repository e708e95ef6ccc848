//! All types of v1beta2.

pub use crate::kinds::taccount::{
    TAccountAuthentication, TAccountAuthorization, TAccountRole, TAccountSpec, TAccountToken, v1beta2::TAccount,
};
pub use crate::kinds::tconfig::v1beta2::TConfig;
pub use crate::kinds::tendpoint::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, PodContainerStatus,
    TEndpointHostPort, TEndpointNormal, TEndpointPod, TEndpointPort, TEndpointRelease, TEndpointServant, TEndpointSpec,
    TEndpointStatus, TEndpointTars, v1beta2::TEndpoint,
};
pub use crate::kinds::texitedrecord::{TExitedPod, v1beta2::TExitedRecord};
pub use crate::kinds::tframeworkconfig::{
    ImageRegistry, RecordLimit, UpChainEndpoint,
    v1beta2::{ImageBuild, NodeImage, TFrameworkConfig},
};
pub use crate::kinds::tframeworkkey::{TFrameworkKeySpec, v1beta2::TFrameworkKey};
pub use crate::kinds::timage::{
    TImageBuild, TImageBuildState, TImageServerType, TImageType,
    v1beta2::{TImage, TImageRelease},
};
pub use crate::kinds::tplugin::{TPluginSpec, v1beta2::TPlugin};
pub use crate::kinds::tserver::{
    AbilityAffinity, AccessMode, ClaimMetadata, ClaimResources, ClaimSpec, ClaimTemplate, ClaimVolume, ComputeResources,
    ConfigMapKeySelector, ConfigMapVolume, EmptyDirMedium, EmptyDirVolume, EnvFromRef, EnvFromSource, EnvVar, EnvVarSource,
    FieldRef, HostPathType, HostPathVolume, HostPort, KeyToPath, LabelSelector, LabelSelectorOperator, LabelSelectorRule,
    MountName, MountPropagation, MountSource, NodeSelectorOperator, NodeSelectorRule, PodManagementPolicy, Quantity,
    ResourceFieldRef, ResourceList, SecretKeySelector, SecretVolume, StorageAmount, SubType, TLocalVolume, TServerPort,
    TServerServant, TServerStatus, TServerTars, VolumeMode,
    v1beta2::{Mount, TServer, TServerK8s, TServerRelease, TServerSpec},
};
pub use crate::kinds::tserver::{
    ImagePullPolicy, LauncherType, RollingUpdate, TServerNormal, UpdateStrategy, UpdateStrategyType,
};
pub use crate::kinds::ttemplate::{TTemplateSpec, v1beta2::TTemplate};
pub use crate::kinds::ttree::{TTreeApp, TTreeBusiness, v1beta2::TTree};
