//! Names that the services agree on: labels, annotations, fixed objects, ports, and names that are built from other names
//! (docs/reference/controller.md#2 and docs/reference/controller.md#3).
//!
//! Existing clusters hold objects with these names, so a change here changes the contract with them.

use std::collections::BTreeMap;

/// API group of all kinds.
pub const GROUP: &str = "k8s.tars.io";

/// A label or annotation key of this system, for people who meet it on an object.
///
/// `docs/reference/labels.md` is generated from [`ALL_LABELS`] and [`ALL_ANNOTATIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataKey {
    /// The key. A part that varies is in upper case: `tars.io/node.NAMESPACE`.
    pub key: &'static str,
    /// The kinds of objects that carry the key.
    pub carried_by: &'static str,
    /// The component or person that writes the key.
    pub set_by: &'static str,
    /// The value of the key and its effect.
    pub meaning: &'static str,
}

/// Declares constants for keys, each documented by its row, and the table of all rows. One declaration makes both, so that no key
/// can be missing in the table. A second string is the part of the key that varies; the constant is the prefix before it.
macro_rules! keys {
    ($(#[$table:meta])* $TABLE:ident; $($NAME:ident = $key:literal $($varies:literal)?, on $on:literal, set by $by:literal, $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            #[doc = concat!("\n\nOn ", $on, ", set by ", $by, ".")]
            pub const $NAME: &str = $key;
        )+

        $(#[$table])*
        pub const $TABLE: &[$crate::names::MetadataKey] = &[$(
            $crate::names::MetadataKey { key: concat!($key $(, $varies)?), carried_by: $on, set_by: $by, meaning: $meaning },
        )+];
    };
}

/// Keys of labels.
pub mod label {
    keys! {
        /// Every label of this system.
        ALL;
        SERVER_APP = "tars.io/ServerApp",
            on "TServer, TConfig, TImage, every derived object, pods, claims and PersistentVolumes of local volumes",
            set by "the webhook (TServer, TConfig), the author (TImage), the controller and the node agent (all others)",
            "The Tars application, in its original case. Together with `tars.io/ServerName` it selects everything that belongs to a server.";
        SERVER_NAME = "tars.io/ServerName",
            on "the same objects as `tars.io/ServerApp`",
            set by "the same components as `tars.io/ServerApp`",
            "The Tars server, in its original case. It is empty on a TConfig of a whole application.";
        SUB_TYPE = "tars.io/SubType",
            on "TServer, TEndpoint",
            set by "the webhook (TServer), the controller (TEndpoint)",
            "`tars` for a server that tarsnode supervises, `normal` for any other process.";
        TEMPLATE = "tars.io/Template",
            on "TServer with a `tars` block, TEndpoint",
            set by "the webhook (TServer), the controller (TEndpoint)",
            "The name of the TTemplate that the server uses.";
        SERVER_ID = "tars.io/ServerID",
            on "TServer, TEndpoint, pods",
            set by "the webhook (TServer), the controller (TEndpoint and pods)",
            "The id of the release that runs. A server without a release does not have the label.";
        PARENT = "tars.io/Parent",
            on "TTemplate",
            set by "the webhook",
            "The name of the parent template. A template without a parent does not have the label.";
        CONFIG_NAME = "tars.io/ConfigName",
            on "TConfig",
            set by "the webhook",
            "The name of the configuration file, from `configName`.";
        POD_SEQ = "tars.io/PodSeq",
            on "TConfig",
            set by "the webhook",
            "`m` for a configuration of all pods, or the ordinal of the pod that it is for, from `podSeq`.";
        VERSION = "tars.io/Version",
            on "TConfig",
            set by "the webhook",
            "The version of the configuration, from `version`.";
        ACTIVATED = "tars.io/Activated",
            on "TConfig",
            set by "the webhook",
            "`true` if this version of the configuration is active, otherwise `false`.";
        DEACTIVATE = "tars.io/Deactivate",
            on "TConfig",
            set by "the webhook of the existing system, when another version is activated",
            "`Deactivating` asks the controller to deactivate this version. The controller removes the label when it has done so.";
        DELETING = "tars.io/Deleting",
            on "TConfig",
            set by "the webhook of the existing system, when the active version is deleted",
            "`Deleting` asks the controller to delete this version.";
        IMAGE_TYPE = "tars.io/ImageType",
            on "TImage",
            set by "the webhook",
            "The purpose of the image, from `imageType`: `base`, `server` or `node`.";
        SUPPORTED_PREFIX = "tars.io/Supported." "TYPE",
            on "TImage with `imageType: base`",
            set by "the webhook",
            "The image can run servers of this type. The value is the type, unless the author has set another value.";
        LOCAL_VOLUME = "tars.io/LocalVolume",
            on "claims and PersistentVolumes of local volumes",
            set by "the controller (claims), the node agent (PersistentVolumes)",
            "The name of the mount, or `delay-bind` for a claim that only binds a pod to its node.";
        NODE = "tars.io/node",
            on "Node",
            set by "the controller",
            "The node carries at least one label `tars.io/node.NAMESPACE`, so the node agent runs there. The value is empty.";
        NODE_PREFIX = "tars.io/node." "NAMESPACE",
            on "Node",
            set by "administrators",
            "The node may run servers of the framework in that namespace. The value does not matter.";
        ABILITY_PREFIX = "tars.io/ability." "NAMESPACE.APP[-SERVER]",
            on "Node",
            set by "administrators",
            "The node belongs to the pool of that application or server. `spec.k8s.abilityAffinity` decides whether pods need or prefer the pool. The value does not matter.";
        SUPPORT_LOCAL_VOLUME = "tars.io/SupportLocalVolume",
            on "Node",
            set by "administrators",
            "The node agent may create local volumes on the node. The value does not matter.";
        CONTROLLER = "tars.io/Controller",
            on "pods of the controller",
            set by "the chart",
            "`true`. Selects the pods of the controller.";
        WEBHOOK = "tars.io/Webhook",
            on "pods of the webhook",
            set by "the chart",
            "`true`. Selects the pods of the webhook.";
        AGENT = "tars.io/Agent",
            on "pods of the node agent",
            set by "the chart",
            "`true`. Selects the pods of the node agent.";
    }

    /// Value of [`DEACTIVATE`].
    pub const DEACTIVATING: &str = "Deactivating";
    /// Value of [`DELETING`].
    pub const DELETING_VALUE: &str = "Deleting";
    /// Label of Kubernetes on nodes: the host name. Anti-affinity uses it as its topology key, and PersistentVolumes name their node
    /// by it.
    pub const HOSTNAME: &str = "kubernetes.io/hostname";

    /// Returns the label of a TImage that supports a type of servers: `tars.io/Supported.cpp`.
    pub fn supported(server_type: &str) -> String {
        format!("{SUPPORTED_PREFIX}{server_type}")
    }

    /// Returns the label of nodes that may run the framework of a namespace.
    pub fn node(namespace: &str) -> String {
        format!("{NODE_PREFIX}{namespace}")
    }

    /// Returns the label of nodes in an application's pool.
    pub fn ability_of_app(namespace: &str, app: &str) -> String {
        format!("{ABILITY_PREFIX}{namespace}.{app}")
    }

    /// Returns the label of nodes in a server's pool.
    pub fn ability_of_server(namespace: &str, app: &str, server: &str) -> String {
        format!("{ABILITY_PREFIX}{namespace}.{app}-{server}")
    }
}

/// Keys of annotations.
pub mod annotation {
    keys! {
        /// Every annotation of this system.
        ALL;
        MAX_REPLICAS = "tars.io/MaxReplicas",
            on "TServer",
            set by "the author",
            "The webhook lowers `spec.k8s.replicas` to this number, 0 to 99, while the server has a release.";
        MIN_REPLICAS = "tars.io/MinReplicas",
            on "TServer",
            set by "the author",
            "The webhook raises `spec.k8s.replicas` to this number, 0 to 99, while the server has a release.";
        AUTO_RELEASE = "tars.io/AutoRelease",
            on "TServer",
            set by "the author",
            "With any value but `false`, a server without a release gets the default release of its TImage from the webhook.";
        LOCAL_VOLUME_UID = "tars.io/LocalVolumeUID",
            on "claims of local volumes",
            set by "the controller",
            "The user that owns the directory, in decimal digits. The node agent obeys it.";
        LOCAL_VOLUME_GID = "tars.io/LocalVolumeGID",
            on "claims of local volumes",
            set by "the controller",
            "The group that owns the directory, in decimal digits. The node agent obeys it.";
        LOCAL_VOLUME_MODE = "tars.io/LocalVolumeMode",
            on "claims of local volumes",
            set by "the controller",
            "The permissions of the directory, in octal digits. The node agent obeys it.";
        ACTIVATED_AT = "tars.io/ActivatedAt",
            on "TConfig that is or was active",
            set by "the webhook",
            "When the version was activated for the last time. Of several active versions of one configuration, the one with the latest time is live.";
        LIVE_SINCE = "tars.io/LiveVersionSince",
            on "inactive TConfig of a configuration that has a live version",
            set by "the controller, and the webhook on creation",
            "When the live version of the same configuration was activated. If that version is deleted, the controller deletes this one, too.";
        CLAIM_TEMPLATES = "tars.io/ClaimTemplates",
            on "StatefulSets with claim templates",
            set by "the controller",
            "A digest of the claim templates that the StatefulSet was made with. The cluster may have stored others, for example because of a policy.";
        DEFAULTS = "tars.io/defaults",
            on "workloads of servers, and TServer",
            set by "the controller on workloads; the author, or `kubectl tars refresh`, on the TServer",
            "The number of the defaults that the pod template was built with. On a TServer it asks for these defaults, if the workload has earlier ones; `latest` asks for those of every new version.";
        POD_TEMPLATE = "tars.io/PodTemplate",
            on "workloads of servers",
            set by "the controller",
            "A digest of the pod template as it was meant. By it the controller tells a change of the TServer from a change of the workload by others.";
        OFFERED_AT = "tars.io/OfferedAt",
            on "PersistentVolumes of local volumes",
            set by "the node agent",
            "The time when the node agent last changed the volume only to make the scheduler look at it again.";
        CONVERSION_PREFIX = "tars.io/Conversion." "PAIR",
            on "TServer and TFrameworkConfig that were read or written in an older version",
            set by "the webhook, on conversion",
            "JSON of the fields that the older version does not have. The webhook restores them on conversion to the newer version. PAIR is `1b11b2`, `1b11b3` or `1b21b3` for the two versions, or `1b1` for `release.source` of v1beta1.";
    }

    /// Annotation of Helm: with the value `keep` an object stays when the chart is uninstalled. The CRDs carry it.
    pub const HELM_RESOURCE_POLICY: &str = "helm.sh/resource-policy";
}

/// Every label of this system, for the generated documentation.
pub const ALL_LABELS: &[MetadataKey] = label::ALL;
/// Every annotation of this system, for the generated documentation.
pub const ALL_ANNOTATIONS: &[MetadataKey] = annotation::ALL;

/// Ports.
pub mod port {
    /// tarsnode, in every pod of a Tars server. No servant may use this port.
    pub const NODE: u16 = 19385;
    /// `QueryObj` of the registry.
    pub const REGISTRY_QUERY: u16 = 17890;
    /// `RegistryObj` of the registry.
    pub const REGISTRY: u16 = 17891;
}

/// Readiness gate of Tars servers. The registry sets the condition to true when tarsnode reports that the server is active.
pub const READINESS_GATE: &str = "tars.io/active";
/// Name of the only TTree of a namespace.
pub const TREE: &str = "tars-tree";
/// The TServer of the registry, and its service account.
pub const REGISTRY_SERVER: &str = "tars-tarsregistry";
/// Name of the TFrameworkConfig that the services read; they ignore any other.
pub const FRAMEWORK_CONFIG: &str = "tars-framework";
/// Storage class of local volumes.
pub const STORAGE_CLASS: &str = "tars-storage-class";
/// Name of the claim that only binds a pod to its node.
pub const DELAY_BIND: &str = "delay-bind";
/// Size that the claim of a local volume requests. Kubernetes needs a size; nothing enforces it.
pub const LOCAL_VOLUME_SIZE: &str = "1G";
/// Image of a container that has no image yet, exactly one space. The API server accepts it in a pod template and refuses it in a pod.
pub const PLACEHOLDER_IMAGE: &str = " ";
/// Namespace of the controller, the webhook and the node agent.
pub const SYSTEM_NAMESPACE: &str = "tars-system";
/// User name of the controller's service account.
pub const CONTROLLER_USER: &str = "system:serviceaccount:tars-system:tars-controller";
/// Prefix of the user names of Kubernetes' own controllers.
pub const KUBE_SYSTEM_USER_PREFIX: &str = "system:serviceaccount:kube-system:";
/// Field manager of the controller's server-side apply.
pub const CONTROLLER_FIELD_MANAGER: &str = "tars-controller";
/// Lease that the leading controller holds. The misspelling is part of the contract: people's tools select the name.
pub const CONTROLLER_LEASE: &str = "tars-controller-manger";
/// Lease of the webhook instance that renews the certificates. The misspelling is part of the contract, as in [`CONTROLLER_LEASE`].
pub const WEBHOOK_LEASE: &str = "tars-webhook-manger";
/// Service of the webhook, in [`SYSTEM_NAMESPACE`].
pub const WEBHOOK_SERVICE: &str = "tars-webhook-service";
/// HTTP path of the webhook's conversion.
pub const CONVERSION_PATH: &str = "/conversion";
/// Init container of Tars servers, which installs tarsnode.
pub const NODE_CONTAINER: &str = "tarsnode";
/// Volume with the time zone of the node.
pub const TIMEZONE_VOLUME: &str = "host-timezone";
/// File with the time zone, on the node and in the container.
pub const TIMEZONE_PATH: &str = "/etc/localtime";
/// Volume with the files of tarsnode.
pub const NODE_WORK_VOLUME: &str = "tarsnode-work-dir";
/// Path at which [`NODE_WORK_VOLUME`] is mounted.
pub const NODE_WORK_PATH: &str = "/usr/local/app/tars/tarsnode";
/// Maximal number of characters in the name of a TServer.
pub const SERVER_NAME_LIMIT: usize = 58;
/// Maximal number of characters in the name of a TServer with a StatefulSet. Kubernetes puts the name and a revision into one label of
/// the pods, which cannot be longer.
pub const STATEFUL_SERVER_NAME_LIMIT: usize = 52;

/// Limits that apply in a namespace without a TFrameworkConfig `tars-framework`.
pub mod fallback {
    /// Maximal number of pods in a TExitedRecord.
    pub const EXITED_PODS: i32 = 60;
    /// Maximal number of inactive versions of a configuration.
    pub const CONFIG_HISTORY: i32 = 10;
    /// Seconds after which a running build counts as failed.
    pub const BUILD_SECONDS: i32 = 480;
}

/// Fixed values of workloads.
pub mod workload {
    /// The number of the newest defaults of pod templates (docs/reference/controller.md#5.21).
    pub const NEWEST_DEFAULTS: u32 = 1;
    /// The value of the annotation [`DEFAULTS`](super::annotation::DEFAULTS) of a TServer that follows every new version.
    pub const LATEST_DEFAULTS: &str = "latest";
    /// `minReadySeconds` of DaemonSets.
    pub const MIN_READY_SECONDS: i32 = 3;
    /// `revisionHistoryLimit` of StatefulSets and DaemonSets.
    pub const REVISION_HISTORY_LIMIT: i32 = 1;
    /// Weight of the server's pool among preferred nodes.
    pub const SERVER_ABILITY_WEIGHT: i32 = 60;
    /// Weight of the application's pool among preferred nodes.
    pub const APP_ABILITY_WEIGHT: i32 = 30;
}

/// Texts of logs, Events and admission denials. Clients match them, so their spelling is fixed.
pub mod message {
    use std::fmt::Display;

    /// An object of this name belongs to another owner.
    pub fn foreign(kind: &str, namespace: &str, name: &str) -> String {
        format!("{kind} {namespace}/{name} already exists but not managed by {namespace}/{name}")
    }

    /// No object of this name exists.
    pub fn missing(kind: &str, namespace: &str, name: &str) -> String {
        format!("{kind} {namespace}/{name} not exists")
    }

    /// An update changes a field that cannot change. The misspelling is part of the contract.
    pub fn immutable(kind: &str, field: &str) -> String {
        format!("{kind} resource filed \"{field}\" is immutable")
    }

    /// An object breaks a rule.
    pub fn invalid(kind: &str, reason: impl Display) -> String {
        format!("{kind} resource is invalid : {reason}")
    }

    /// A request to the API server failed; `verb` is `get`, `create`, `update`, `patch` or `delete`.
    pub fn failed(verb: &str, kind: &str, namespace: &str, name: &str, error: impl Display) -> String {
        format!("{verb} {kind} {namespace}/{name} error: {error}")
    }
}

/// Returns the name of a TServer and of all objects derived from it: `lower(app)-lower(server)`.
pub fn server_object_name(app: &str, server: &str) -> String {
    format!("{}-{}", app.to_lowercase(), server.to_lowercase())
}

/// Returns the two labels that every object of a server carries.
pub fn server_labels(app: &str, server: &str) -> BTreeMap<String, String> {
    [(label::SERVER_APP, app), (label::SERVER_NAME, server)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Returns [`server_labels`] in the syntax of a label selector, as in `TServer.status.selector`.
pub fn server_selector(app: &str, server: &str) -> String {
    format!("{}={app},{}={server}", label::SERVER_APP, label::SERVER_NAME)
}

/// Returns the name that the port of a servant has in Services.
pub fn port_name(name: &str) -> String {
    name.to_lowercase()
}

/// Returns the name of the container port of a servant that is published on the node.
pub fn host_port_name(host_port: i32, port: i32) -> String {
    format!("p{host_port}-{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_as_existing_clusters_have_them() {
        assert_eq!(server_object_name("Demo", "HelloServer"), "demo-helloserver");
        assert_eq!(server_selector("Demo", "HelloServer"), "tars.io/ServerApp=Demo,tars.io/ServerName=HelloServer");
        assert_eq!(label::ability_of_server("ns", "Demo", "Hello"), "tars.io/ability.ns.Demo-Hello");
        assert_eq!(label::node("tars"), "tars.io/node.tars");
        assert_eq!(host_port_name(8080, 9999), "p8080-9999");
        assert_eq!(message::immutable("TServer", "app"), r#"TServer resource filed "app" is immutable"#);
    }

    #[test]
    fn each_key_is_in_the_table_once_and_in_a_whole_sentence() {
        let mut keys = BTreeMap::new();
        for row in ALL_LABELS.iter().chain(ALL_ANNOTATIONS) {
            assert_eq!(keys.insert(row.key, row), None, "{} is there twice", row.key);
            assert!(row.meaning.ends_with('.') && !row.carried_by.ends_with('.') && !row.set_by.ends_with('.'), "{row:?}");
        }
        assert_eq!(keys["tars.io/node.NAMESPACE"].carried_by, "Node");
    }
}
