//! The types that all versions of the group share.

pub use crate::kinds::{
    taccount::{TAccountAuthentication, TAccountAuthorization, TAccountRole, TAccountSpec, TAccountToken},
    tendpoint::{
        ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, PodContainerStatus,
        TEndpointHostPort, TEndpointNormal, TEndpointPod, TEndpointPort, TEndpointRelease, TEndpointServant, TEndpointSpec,
        TEndpointStatus, TEndpointTars,
    },
    texitedrecord::TExitedPod,
    timage::{TImageBuildState, TImageServerType, TImageType},
    tplugin::TPluginSpec,
    tserver::{
        AbilityAffinity, AccessMode, ClaimMetadata, ClaimResources, ClaimSpec, ClaimTemplate, ClaimVolume, ComputeResources,
        ConfigMapKeySelector, ConfigMapVolume, EmptyDirMedium, EmptyDirVolume, EnvFromRef, EnvFromSource, EnvVar, EnvVarSource,
        FieldRef, HostPathType, HostPathVolume, HostPort, KeyToPath, LabelSelector, LabelSelectorOperator, LabelSelectorRule,
        MountName, MountPropagation, NodeSelectorOperator, NodeSelectorRule, PodManagementPolicy, Quantity, ResourceFieldRef,
        ResourceList, SecretKeySelector, SecretVolume, StorageAmount, SubType, TLocalVolume, TServerPort, TServerRollout,
        TServerServant, TServerStatus, TServerTars, VolumeMode,
    },
    ttemplate::TTemplateSpec,
    ttree::{TTreeApp, TTreeBusiness},
};
