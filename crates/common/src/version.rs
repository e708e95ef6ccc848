//! The versions of the group.

use crate::names::GROUP;

/// A version of the group. Versions are ordered by age, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `v1beta1`. It exists for stored objects and is not served by default.
    V1Beta1,
    /// `v1beta2`. It is deprecated.
    V1Beta2,
    /// `v1beta3`. It is stored by default, and our services work with it.
    V1Beta3,
}

impl Version {
    /// All versions, the oldest first.
    pub const ALL: [Self; 3] = [Self::V1Beta1, Self::V1Beta2, Self::V1Beta3];
    /// The version that our services read and write.
    pub const CURRENT: Self = Self::V1Beta3;

    /// The name, as in CRDs: `v1beta3`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1Beta1 => "v1beta1",
            Self::V1Beta2 => "v1beta2",
            Self::V1Beta3 => "v1beta3",
        }
    }

    /// The `apiVersion` of an object in this version: `k8s.tars.io/v1beta3`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1Beta1 => "k8s.tars.io/v1beta1",
            Self::V1Beta2 => "k8s.tars.io/v1beta2",
            Self::V1Beta3 => "k8s.tars.io/v1beta3",
        }
    }

    /// Parses an `apiVersion`; `None` if the group is not ours or has no such version.
    pub fn parse(api_version: &str) -> Option<Self> {
        let name = api_version.strip_prefix(GROUP)?.strip_prefix('/')?;
        Self::ALL.into_iter().find(|version| version.as_str() == name)
    }

    /// Whether the API server warns about the use of this version.
    pub fn is_deprecated(self) -> bool {
        self < Self::CURRENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_of_the_group_parse() {
        for version in Version::ALL {
            assert_eq!(version.api_version(), format!("{GROUP}/{}", version.as_str()));
            assert_eq!(Version::parse(version.api_version()), Some(version));
        }
        for other in ["v1", "apps/v1", "k8s.tars.io/v1", "k8s.tars.io", "k8s.tars.io/v1beta3/x", ""] {
            assert_eq!(Version::parse(other), None, "{other}");
        }
    }
}
