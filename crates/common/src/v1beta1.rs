//! All types of v1beta1.
//!
//! The version is not served by default, and has no TFrameworkConfig and no TFrameworkKey.

pub use crate::kinds::taccount::{
    TAccountAuthentication, TAccountAuthorization, TAccountRole, TAccountSpec, TAccountToken, v1beta1::TAccount,
};
pub use crate::kinds::tconfig::v1beta1::TConfig;
pub use crate::kinds::tendpoint::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, PodContainerStatus,
    TEndpointHostPort, TEndpointNormal, TEndpointPod, TEndpointPort, TEndpointRelease, TEndpointServant, TEndpointSpec,
    TEndpointStatus, TEndpointTars, v1beta1::TEndpoint,
};
pub use crate::kinds::texitedrecord::{TExitedPod, v1beta1::TExitedRecord};
pub use crate::kinds::timage::{
    TImageBuildState, TImageServerType, TImageType,
    v1beta1::{TImage, TImageBuild, TImageRelease},
};
pub use crate::kinds::tplugin::{TPluginSpec, v1beta1::TPlugin};
pub use crate::kinds::tserver::v1beta1::TServerNormal;
pub use crate::kinds::tserver::{
    AbilityAffinity, AccessMode, ClaimMetadata, ClaimResources, ClaimSpec, ClaimTemplate, ClaimVolume, ComputeResources,
    ConfigMapKeySelector, ConfigMapVolume, EmptyDirMedium, EmptyDirVolume, EnvFromRef, EnvFromSource, EnvVar, EnvVarSource,
    FieldRef, HostPathType, HostPathVolume, HostPort, KeyToPath, LabelSelector, LabelSelectorOperator, LabelSelectorRule,
    MountName, MountPropagation, MountSource, NodeSelectorOperator, NodeSelectorRule, PodManagementPolicy, Quantity,
    ResourceFieldRef, ResourceList, SecretKeySelector, SecretVolume, StorageAmount, SubType, TLocalVolume, TServerPort,
    TServerServant, TServerStatus, TServerTars, VolumeMode,
    v1beta1::{Mount, TServer, TServerK8s, TServerRelease, TServerSpec},
};
pub use crate::kinds::ttemplate::{TTemplateSpec, v1beta1::TTemplate};
pub use crate::kinds::ttree::{TTreeApp, TTreeBusiness, v1beta1::TTree};
