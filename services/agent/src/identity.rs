//! Tells which mount of which server a local volume belongs to, and derives its name and its directory from that
//! (docs/reference/local-volumes.md#4).

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use std::{collections::BTreeMap, fmt};
use tars_common::names::{STORAGE_CLASS, label};

/// One mount of one TServer of one namespace. A node has at most one volume and one directory for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    pub namespace: String,
    /// Application, in its original case.
    pub app: String,
    /// Server, in its original case.
    pub server: String,
    pub mount: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}.{}/{}", self.namespace, self.app, self.server, self.mount)
    }
}

/// Why the labels of a claim or a volume have no identity. The messages are Events of the claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error(
        "spec.selector.matchLabels has no {key}; local volumes are made for claims of TServers only, use another storage class"
    )]
    NoLabel { key: &'static str },
    #[error(
        "spec.selector.matchLabels has {key}={value:?}, which cannot be the name of a directory; use letters, digits and dashes"
    )]
    BadName { key: &'static str, value: String },
}

impl Identity {
    /// Reads the identity of a claim from its selector.
    pub fn of_claim(claim: &PersistentVolumeClaim) -> Result<Self, IdentityError> {
        let selector = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let labels = selector.and_then(|selector| selector.match_labels.as_ref());
        let namespace = claim.metadata.namespace.clone().unwrap_or_default();
        Self::from_labels(namespace, labels.unwrap_or(&BTreeMap::new()))
    }

    /// Reads the identity of a volume. `None` if no agent made the volume. Only its path tells the namespace.
    pub fn of_volume(volume: &PersistentVolume) -> Option<Self> {
        let spec = volume.spec.as_ref().filter(|spec| spec.storage_class_name.as_deref() == Some(STORAGE_CLASS))?;
        let mut path = spec.local.as_ref()?.path.rsplit('/');
        let (mount, server, namespace) = (path.next()?, path.next()?, path.next()?);
        let identity = Self::from_labels(namespace.to_owned(), volume.metadata.labels.as_ref()?).ok()?;
        (identity.mount == mount && identity.format_server_directory() == server).then_some(identity)
    }

    fn from_labels(namespace: String, labels: &BTreeMap<String, String>) -> Result<Self, IdentityError> {
        let text = |key: &'static str| {
            let value = labels.get(key).filter(|value| !value.is_empty()).ok_or(IdentityError::NoLabel { key })?;
            if is_component(value) { Ok(value.clone()) } else { Err(IdentityError::BadName { key, value: value.clone() }) }
        };
        Ok(Self {
            app: text(label::SERVER_APP)?,
            server: text(label::SERVER_NAME)?,
            mount: text(label::LOCAL_VOLUME)?,
            namespace,
        })
    }

    /// Lists the labels by which claims select the volume.
    pub fn list_labels(&self) -> BTreeMap<String, String> {
        [(label::SERVER_APP, &self.app), (label::SERVER_NAME, &self.server), (label::LOCAL_VOLUME, &self.mount)]
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .into()
    }

    /// Name of the volume on `node` (docs/reference/local-volumes.md#4.2).
    pub fn format_volume_name(&self, node: &str) -> String {
        let Self { namespace, app, server, mount } = self;
        format!("{namespace}-{mount}-{}-{}-{:08x}", app.to_lowercase(), server.to_lowercase(), hash_node(node))
    }

    /// Whether `name` is the name of the volume on `node`. An agent of K8SFramework leaves out leading zeros of the hash.
    pub fn has_volume_name(&self, name: &str, node: &str) -> bool {
        let ours = self.format_volume_name(node);
        let theirs = format!("{}{:x}", &ours[..ours.len() - 8], hash_node(node));
        name == ours || name == theirs
    }

    fn format_server_directory(&self) -> String {
        format!("{}.{}", self.app, self.server)
    }

    /// Lists the parts of the directory's path below the root.
    pub fn list_components(&self) -> [String; 3] {
        [self.namespace.clone(), self.format_server_directory(), self.mount.clone()]
    }
}

/// Whether `text` may be a part of a path. It must not lead out of the root (docs/reference/local-volumes.md#4.5).
fn is_component(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.starts_with('.') && text.bytes().all(legal)
}

/// FNV-1a with 32 bits, over the name of the node and the storage class.
fn hash_node(node: &str) -> u32 {
    node.bytes().chain(STORAGE_CLASS.bytes()).fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        let [namespace, app, server, mount] = ["ledger", "Trade", "Audit", "data"].map(str::to_owned);
        Identity { namespace, app, server, mount }
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // Of the empty text and of "a", by the definition.
        let fnv =
            |text: &str| text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        assert_eq!((fnv(""), fnv("a")), (0x811c_9dc5, 0xe40c_292c));
        assert_eq!(hash_node("n"), fnv("ntars-storage-class"));
    }

    #[test]
    fn names_are_those_of_the_existing_agent_with_a_fixed_width() {
        let name = identity().format_volume_name("node-0");
        assert!(name.starts_with("ledger-data-trade-audit-") && name.len() == "ledger-data-trade-audit-".len() + 8, "{name}");
        // A node whose hash begins with a zero.
        let node = (0..1000).map(|number| format!("node-{number}")).find(|node| hash_node(node) < 0x1000_0000).unwrap();
        let old = format!("ledger-data-trade-audit-{:x}", hash_node(&node));
        assert!(
            identity().has_volume_name(&old, &node) && identity().has_volume_name(&identity().format_volume_name(&node), &node)
        );
        assert!(!identity().has_volume_name(&old, "other"));
    }

    #[test]
    fn labels_never_lead_out_of_the_root() {
        for value in ["..", ".", ".hidden", "a/b", "a\0b", "a b"] {
            let mut labels = identity().list_labels();
            labels.insert(label::LOCAL_VOLUME.to_owned(), value.to_owned());
            let refused = Identity::from_labels("ledger".to_owned(), &labels).unwrap_err();
            assert_eq!(refused, IdentityError::BadName { key: label::LOCAL_VOLUME, value: value.to_owned() });
        }
        let mut labels = identity().list_labels();
        labels.insert(label::SERVER_APP.to_owned(), String::new());
        assert_eq!(Identity::from_labels(String::new(), &labels), Err(IdentityError::NoLabel { key: label::SERVER_APP }));
    }
}
