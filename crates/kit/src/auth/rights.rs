//! Which right a function needs.

use prost::Message;
use prost_types::FileDescriptorSet;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What a caller must be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everybody may call the function, also without a token.
    Open,
    /// The function only reads: the verb `get`.
    Get,
    /// The function changes something: the verb `update`.
    Update,
}

/// A verb on a gRPC service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Right {
    pub(super) access: Access,
    pub(super) resource: Arc<str>,
}

impl Right {
    pub(super) const fn verb(&self) -> &'static str {
        match self.access {
            Access::Open | Access::Get => "get",
            Access::Update => "update",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} the resource {} of the API group {}", self.verb(), self.resource, super::GROUP)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    Right(Right),
}

/// The table of functions does not fit the contracts.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A contract does not decode.
    #[error("the descriptors of the gRPC contracts do not decode, rebuild the binary")]
    Descriptors(#[from] prost::DecodeError),
    /// A function of a contract has no entry in the table.
    #[error("{0} has no entry in the table of rights, add one")]
    Unlisted(String),
    /// The table has an entry without a function.
    #[error("{0} is in the table of rights and in no contract, remove it")]
    Unknown(String),
}

/// What each function of a gRPC port needs. A function that is not listed is refused.
#[derive(Debug)]
pub struct Rights(BTreeMap<&'static str, Need>);

/// The functions that every port has. Whether a process is alive and ready is no secret.
const COMMON: [(&str, Access); 4] = [
    ("/grpc.health.v1.Health/Check", Access::Open),
    ("/grpc.health.v1.Health/List", Access::Open),
    ("/grpc.health.v1.Health/Watch", Access::Open),
    (REFLECTION, Access::Get),
];
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// The resource of reflection, which is older than our names.
const REFLECTION_RESOURCE: &str = "reflection";

impl Rights {
    /// Makes the table from `access`, a list of paths such as `/tars.registry.v1.NameService/Resolve`. The resource of a right is the name
    /// of the service in lower case. The table must have each function of `contracts`, which are encoded file descriptor sets, and no
    /// other; health and reflection are there already.
    pub fn list(contracts: &[&'static [u8]], access: &[(&'static str, Access)]) -> Result<Self, TableError> {
        let need = |path: &str, access| match access {
            Access::Open => Need::Nothing,
            _ if path == REFLECTION => Need::Right(Right { access, resource: REFLECTION_RESOURCE.into() }),
            _ => Need::Right(Right { access, resource: read_service(path).to_lowercase().into() }),
        };
        let table = Self(access.iter().chain(&COMMON).map(|(path, access)| (*path, need(path, *access))).collect());
        let mut offered = Vec::new();
        for contract in contracts {
            offered.extend(list_paths(&FileDescriptorSet::decode(*contract)?));
        }
        if let Some(path) = offered.iter().find(|path| !table.0.contains_key(path.as_str())) {
            return Err(TableError::Unlisted(path.clone()));
        }
        if let Some((path, _)) = access.iter().find(|(path, _)| !offered.iter().any(|offered| offered == path)) {
            return Err(TableError::Unknown((*path).to_owned()));
        }
        Ok(table)
    }

    /// Finds the entry of a path, and the path as a label of metrics.
    pub(super) fn find(&self, path: &str) -> Option<(&'static str, &Need)> {
        self.0.get_key_value(path).map(|(path, need)| (*path, need))
    }
}

/// The name of the service without its package.
fn read_service(path: &str) -> &str {
    let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    service.rsplit('.').next().unwrap_or_default()
}

fn list_paths(set: &FileDescriptorSet) -> impl Iterator<Item = String> {
    set.file.iter().flat_map(|file| {
        file.service.iter().flat_map(|service| {
            service.method.iter().map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str = "/grpc.health.v1.Health/Check";

    fn right(rights: &Rights, path: &str) -> Option<String> {
        match rights.find(path)?.1 {
            Need::Nothing => Some("open".to_owned()),
            Need::Right(right) => Some(right.to_string()),
        }
    }

    #[test]
    fn a_function_without_an_entry_is_unknown() {
        let rights = Rights::list(&[], &[]).unwrap();
        assert_eq!(right(&rights, CHECK).as_deref(), Some("open"));
        assert_eq!(right(&rights, REFLECTION).as_deref(), Some("get the resource reflection of the API group grpc.tars.io"));
        assert_eq!(right(&rights, "/tars.registry.v1.NameService/Resolve"), None);
    }

    #[test]
    fn the_table_has_each_function_of_the_contracts_and_no_other() {
        let contract = tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET;
        assert!(Rights::list(&[contract], &[]).is_ok());
        let unknown = Rights::list(&[contract], &[("/tars.demo.v1.Clock/Set", Access::Update)]).unwrap_err();
        assert!(unknown.to_string().starts_with("/tars.demo.v1.Clock/Set is in the table"), "{unknown}");
        let alpha = tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET;
        let unlisted = Rights::list(&[alpha], &[]).unwrap_err();
        assert!(unlisted.to_string().starts_with("/grpc.reflection.v1alpha.ServerReflection/"), "{unlisted}");
        let path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
        let rights = Rights::list(&[alpha], &[(path, Access::Update)]).unwrap();
        assert_eq!(right(&rights, path).as_deref(), Some("update the resource serverreflection of the API group grpc.tars.io"));
    }
}
