//! The kinds of objects that the controller makes for a TServer.
//!
//! ```text
//! DerivedKind ─┬─► controller: watches, caches, writes each kind
//!              ├─► admission: refuses changes to protected kinds
//!              └─► test: the chart's ClusterRole and webhook configuration name each kind
//! ```
//!
//! A new derived kind is a new entry of the list below. The controller then does not compile until it builds the kind, and a test
//! fails until the chart has its permissions and, if the kind is protected, its rule for the webhook.

use kube::core::{ApiResource, GroupVersionKind};

/// Describes a derived kind to the controller, to admission and to the test of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The kind, as in manifests: `StatefulSet`.
    pub kind: &'static str,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version that the controller reads and writes.
    pub version: &'static str,
    /// The kind in lower case, as in messages: `statefulset`.
    pub singular: &'static str,
    /// The plural name, as in paths and in RBAC rules: `statefulsets`.
    pub plural: &'static str,
    /// Whether the admission webhook refuses changes that do not come from the controller (docs/reference/admission.md#6.7).
    pub protected: bool,
    /// Whether the controller watches only objects that carry the labels of a server. It watches all objects of our own kinds, and
    /// does not want to see all objects of the others.
    pub watched_by_label: bool,
    /// Whether the controller writes the status of the objects, for which it needs the verb `patch`.
    pub writes_status: bool,
    /// The verbs that the controller needs on the objects.
    pub verbs: &'static [&'static str],
}

/// Declares [`DerivedKind`] together with the descriptor of each kind, so that neither can be without the other.
macro_rules! derived_kinds {
    ($($(#[$doc:meta])* $Kind:ident { $($field:ident: $value:expr),+ $(,)? })+) => {
        /// A kind of objects that the controller makes for a TServer. The objects have the name of the TServer, and the TServer owns
        /// them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DerivedKind {
            $($(#[$doc])* $Kind,)+
        }

        impl DerivedKind {
            /// Every derived kind.
            pub const ALL: &[Self] = &[$(Self::$Kind),+];

            /// The entry of this kind in the list.
            pub const fn descriptor(self) -> &'static Descriptor {
                match self {
                    $(Self::$Kind => &Descriptor { kind: stringify!($Kind), $($field: $value),+ },)+
                }
            }
        }
    };
}

/// The verbs for objects that are applied. To apply an object that does not exist, the API server demands `create` besides `patch`; if the
/// name is taken by an object that the watch does not show, the controller reads it.
const APPLY: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
/// The verbs for objects to which the controller only adds.
const APPEND: &[&str] = &["list", "watch", "create", "patch", "delete"];

derived_kinds! {
    /// The headless Service, which gives the pods their host names.
    Service {
        group: "", version: "v1", singular: "service", plural: "services",
        protected: true, watched_by_label: true, writes_status: false, verbs: APPLY,
    }
    /// The workload of an ordinary server.
    StatefulSet {
        group: "apps", version: "v1", singular: "statefulset", plural: "statefulsets",
        protected: true, watched_by_label: true, writes_status: false, verbs: APPLY,
    }
    /// The workload of a server with `daemonSet: true`.
    DaemonSet {
        group: "apps", version: "v1", singular: "daemonset", plural: "daemonsets",
        protected: true, watched_by_label: true, writes_status: false, verbs: APPLY,
    }
    /// The limit on pods that go at the same time when nodes are drained; optional.
    PodDisruptionBudget {
        group: "policy", version: "v1", singular: "poddisruptionbudget", plural: "poddisruptionbudgets",
        protected: true, watched_by_label: true, writes_status: false, verbs: APPLY,
    }
    /// The servants and pods of the server, for the registry.
    TEndpoint {
        group: "k8s.tars.io", version: "v1beta3", singular: "tendpoint", plural: "tendpoints",
        protected: false, watched_by_label: false, writes_status: true, verbs: APPLY,
    }
    /// The pods that the server has had.
    TExitedRecord {
        group: "k8s.tars.io", version: "v1beta3", singular: "texitedrecord", plural: "texitedrecords",
        protected: false, watched_by_label: false, writes_status: false, verbs: APPEND,
    }
}

impl DerivedKind {
    /// Returns the kind of a group and plural name; `None` if the controller makes no such objects.
    pub fn of(group: &str, plural: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.descriptor().group == group && kind.descriptor().plural == plural)
    }

    /// The kind, as in manifests: `StatefulSet`.
    pub const fn name(self) -> &'static str {
        self.descriptor().kind
    }

    /// The resource of the API server.
    pub fn resource(self) -> ApiResource {
        let Descriptor { kind, group, version, plural, .. } = *self.descriptor();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }
}

#[cfg(test)]
mod tests;
