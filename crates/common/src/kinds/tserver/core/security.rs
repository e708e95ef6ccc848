//! Converts security contexts. Values that the API server does not store (empty texts and lists) are left out.

use super::{
    super::{
        Capabilities, FsGroupChangePolicy, PodSecurityContext, Profile, SeLinuxChangePolicy, SeLinuxOptions, SecurityContext,
        SupplementalGroupsPolicy, Sysctl,
    },
    drop_empty, has_fields,
};
use k8s_openapi::api::core::v1 as core;

impl From<&SecurityContext> for core::SecurityContext {
    fn from(context: &SecurityContext) -> Self {
        Self {
            allow_privilege_escalation: context.allow_privilege_escalation,
            app_armor_profile: context.app_armor_profile.as_ref().map(Into::into),
            capabilities: context.capabilities.as_ref().map(Into::into).filter(has_fields),
            privileged: context.privileged,
            read_only_root_filesystem: context.read_only_root_filesystem,
            run_as_group: context.run_as_group,
            run_as_non_root: context.run_as_non_root,
            run_as_user: context.run_as_user,
            se_linux_options: context.se_linux_options.as_ref().map(Into::into).filter(has_fields),
            seccomp_profile: context.seccomp_profile.as_ref().map(Into::into),
            ..Self::default()
        }
    }
}

impl From<&PodSecurityContext> for core::PodSecurityContext {
    fn from(context: &PodSecurityContext) -> Self {
        let sysctl = |sysctl: &Sysctl| core::Sysctl { name: sysctl.name.clone(), value: sysctl.value.clone() };
        let (groups, sysctls) = (&context.supplemental_groups, &context.sysctls);
        Self {
            app_armor_profile: context.app_armor_profile.as_ref().map(Into::into),
            fs_group: context.fs_group,
            fs_group_change_policy: context.fs_group_change_policy.map(FsGroupChangePolicy::as_str).map(str::to_owned),
            run_as_group: context.run_as_group,
            run_as_non_root: context.run_as_non_root,
            run_as_user: context.run_as_user,
            se_linux_change_policy: context.se_linux_change_policy.map(SeLinuxChangePolicy::as_str).map(str::to_owned),
            se_linux_options: context.se_linux_options.as_ref().map(Into::into).filter(has_fields),
            seccomp_profile: context.seccomp_profile.as_ref().map(Into::into),
            supplemental_groups: (!groups.is_empty()).then(|| groups.clone()),
            supplemental_groups_policy: context
                .supplemental_groups_policy
                .map(SupplementalGroupsPolicy::as_str)
                .map(str::to_owned),
            sysctls: (!sysctls.is_empty()).then(|| sysctls.iter().map(sysctl).collect()),
            ..Self::default()
        }
    }
}

impl From<&Capabilities> for core::Capabilities {
    fn from(capabilities: &Capabilities) -> Self {
        let names = |names: &Vec<String>| (!names.is_empty()).then(|| names.clone());
        Self { add: names(&capabilities.add), drop: names(&capabilities.drop) }
    }
}

impl From<&Profile> for core::SeccompProfile {
    fn from(profile: &Profile) -> Self {
        Self { type_: profile.type_.as_str().to_owned(), localhost_profile: drop_empty(profile.localhost_profile.as_ref()) }
    }
}

impl From<&Profile> for core::AppArmorProfile {
    fn from(profile: &Profile) -> Self {
        Self { type_: profile.type_.as_str().to_owned(), localhost_profile: drop_empty(profile.localhost_profile.as_ref()) }
    }
}

impl From<&SeLinuxOptions> for core::SELinuxOptions {
    fn from(options: &SeLinuxOptions) -> Self {
        Self {
            level: drop_empty(options.level.as_ref()),
            role: drop_empty(options.role.as_ref()),
            type_: drop_empty(options.type_.as_ref()),
            user: drop_empty(options.user.as_ref()),
        }
    }
}
