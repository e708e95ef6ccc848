//! Names that the parts of the framework agree on: labels, annotations, fixed objects, ports, and how names are made of others
//! (docs/reference/controller.md#2 and docs/reference/controller.md#3).
//!
//! Existing clusters hold objects with these names, so a change here is a change of the contract.

use std::collections::BTreeMap;

/// API group of all kinds.
pub const GROUP: &str = "k8s.tars.io";

/// Version that is stored and that our services work with.
pub const VERSION: &str = "v1beta3";

/// Keys of labels.
pub mod label {
    /// Application, in its original case.
    pub const SERVER_APP: &str = "tars.io/ServerApp";
    /// Server, in its original case; empty on a TConfig of a whole application.
    pub const SERVER_NAME: &str = "tars.io/ServerName";
    /// `tars` or `normal`, on TServer and TEndpoint.
    pub const SUB_TYPE: &str = "tars.io/SubType";
    /// Name of the template, on TServer and TEndpoint.
    pub const TEMPLATE: &str = "tars.io/Template";
    /// Release id, on TServer and pods.
    pub const SERVER_ID: &str = "tars.io/ServerID";
    /// Name of the parent, on a TTemplate whose parent is another one.
    pub const PARENT: &str = "tars.io/Parent";
    /// `configName` of a TConfig.
    pub const CONFIG_NAME: &str = "tars.io/ConfigName";
    /// `podSeq` of a TConfig.
    pub const POD_SEQ: &str = "tars.io/PodSeq";
    /// `version` of a TConfig.
    pub const VERSION: &str = "tars.io/Version";
    /// `activated` of a TConfig, `true` or `false`.
    pub const ACTIVATED: &str = "tars.io/Activated";
    /// Asks the controller to deactivate a TConfig; its value is [`DEACTIVATING`].
    pub const DEACTIVATE: &str = "tars.io/Deactivate";
    /// Value of [`DEACTIVATE`].
    pub const DEACTIVATING: &str = "Deactivating";
    /// Asks the controller to delete a TConfig; its value is [`DELETING_VALUE`].
    pub const DELETING: &str = "tars.io/Deleting";
    /// Value of [`DELETING`].
    pub const DELETING_VALUE: &str = "Deleting";
    /// `imageType` of a TImage.
    pub const IMAGE_TYPE: &str = "tars.io/ImageType";
    /// What the keys of a TImage's supported types begin with; see [`supported`].
    pub const SUPPORTED_PREFIX: &str = "tars.io/Supported.";
    /// On claims and volumes of the node agent: name of the mount, or [`super::DELAY_BIND`].
    pub const LOCAL_VOLUME: &str = "tars.io/LocalVolume";
    /// On nodes, set by the controller: present if any label of [`node`] is.
    pub const NODE: &str = "tars.io/node";
    /// What the keys that admit a framework to a node begin with; see [`node`].
    pub const NODE_PREFIX: &str = "tars.io/node.";
    /// What the keys of node pools begin with; see [`ability_of_app`].
    pub const ABILITY_PREFIX: &str = "tars.io/ability.";
    /// On nodes, set by administrators: the node may hold local volumes.
    pub const SUPPORT_LOCAL_VOLUME: &str = "tars.io/SupportLocalVolume";
    /// On nodes: topology key of the anti-affinity.
    pub const HOSTNAME: &str = "kubernetes.io/hostname";
    /// `true` on pods of the controller.
    pub const CONTROLLER: &str = "tars.io/Controller";
    /// `true` on pods of the webhook.
    pub const WEBHOOK: &str = "tars.io/Webhook";
    /// `true` on pods of the node agent.
    pub const AGENT: &str = "tars.io/Agent";

    /// Key on a TImage that supports a type of servers, e.g. `tars.io/Supported.cpp`.
    pub fn supported(server_type: &str) -> String {
        format!("{SUPPORTED_PREFIX}{server_type}")
    }

    /// Key on nodes that may run the framework of a namespace.
    pub fn node(namespace: &str) -> String {
        format!("{NODE_PREFIX}{namespace}")
    }

    /// Key on nodes of an application's pool.
    pub fn ability_of_app(namespace: &str, app: &str) -> String {
        format!("{ABILITY_PREFIX}{namespace}.{app}")
    }

    /// Key on nodes of a server's pool.
    pub fn ability_of_server(namespace: &str, app: &str, server: &str) -> String {
        format!("{ABILITY_PREFIX}{namespace}.{app}-{server}")
    }
}

/// Keys of annotations.
pub mod annotation {
    /// On a TServer: most replicas admission lets through.
    pub const MAX_REPLICAS: &str = "tars.io/MaxReplicas";
    /// On a TServer: fewest replicas admission lets through.
    pub const MIN_REPLICAS: &str = "tars.io/MinReplicas";
    /// On a TServer: take the default release of its TImage.
    pub const AUTO_RELEASE: &str = "tars.io/AutoRelease";
    /// On a claim: user that owns the directory.
    pub const LOCAL_VOLUME_UID: &str = "tars.io/LocalVolumeUID";
    /// On a claim: group that owns the directory.
    pub const LOCAL_VOLUME_GID: &str = "tars.io/LocalVolumeGID";
    /// On a claim: permissions of the directory.
    pub const LOCAL_VOLUME_MODE: &str = "tars.io/LocalVolumeMode";
    /// What the keys of the converter's stashes begin with.
    pub const CONVERSION_PREFIX: &str = "tars.io/Conversion.";
    /// Keeps a CRD when the chart is uninstalled.
    pub const HELM_RESOURCE_POLICY: &str = "helm.sh/resource-policy";
}

/// Ports.
pub mod port {
    /// tarsnode in every Tars pod; no servant may have it.
    pub const NODE: u16 = 19385;
    /// `QueryObj` of the registry.
    pub const REGISTRY_QUERY: u16 = 17890;
    /// `RegistryObj` of the registry.
    pub const REGISTRY: u16 = 17891;
    /// gRPC of the registry.
    pub const REGISTRY_GRPC: u16 = 17892;
    /// gRPC of controller, webhook and node agent.
    pub const GRPC: u16 = 9444;
    /// Metrics of every service.
    pub const METRICS: u16 = 9445;
    /// HTTPS of the webhook's pods; its Service has it at 443.
    pub const WEBHOOK: u16 = 8443;
}

/// Readiness gate of Tars servers: the registry makes it true once tarsnode reports the server active.
pub const READINESS_GATE: &str = "tars.io/active";
/// The only TTree of a namespace.
pub const TREE: &str = "tars-tree";
/// The only TFrameworkConfig of a namespace that counts.
pub const FRAMEWORK_CONFIG: &str = "tars-framework";
/// Object name of tarsnode.
pub const NODE_OBJECT: &str = "nodeobj";
/// Storage class of local volumes.
pub const STORAGE_CLASS: &str = "tars-storage-class";
/// Claim that only binds a pod to its node.
pub const DELAY_BIND: &str = "delay-bind";
/// What a claim of a local volume asks for; nobody enforces it.
pub const LOCAL_VOLUME_SIZE: &str = "1G";
/// Image of what has none: legal in a pod template, refused in a pod. Exactly one space.
pub const PLACEHOLDER_IMAGE: &str = " ";
/// Namespace of controller, webhook and agent.
pub const SYSTEM_NAMESPACE: &str = "tars-system";
/// Service account of the controller.
pub const CONTROLLER_SERVICE_ACCOUNT: &str = "tars-controller";
/// User that the controller's service account is.
pub const CONTROLLER_USER: &str = "system:serviceaccount:tars-system:tars-controller";
/// What the users of Kubernetes' own controllers begin with.
pub const KUBE_SYSTEM_USER_PREFIX: &str = "system:serviceaccount:kube-system:";
/// Field manager of the controller's server-side apply.
pub const CONTROLLER_FIELD_MANAGER: &str = "tars-controller";
/// Lease that the controller's leader holds.
pub const CONTROLLER_LEASE: &str = "tars-controller-manger";
/// Lease of the webhook instance that keeps the certificates.
pub const WEBHOOK_LEASE: &str = "tars-webhook-manger";
/// Service of the webhook, in [`SYSTEM_NAMESPACE`].
pub const WEBHOOK_SERVICE: &str = "tars-webhook-service";
/// Path of the webhook's conversion.
pub const CONVERSION_PATH: &str = "/conversion";
/// Init container of Tars servers.
pub const NODE_CONTAINER: &str = "tarsnode";
/// Volume with the node's time zone.
pub const TIMEZONE_VOLUME: &str = "host-timezone";
/// File of the node's time zone, and where it is mounted.
pub const TIMEZONE_PATH: &str = "/etc/localtime";
/// Volume that tarsnode works in.
pub const NODE_WORK_VOLUME: &str = "tarsnode-work-dir";
/// Where [`NODE_WORK_VOLUME`] is mounted.
pub const NODE_WORK_PATH: &str = "/usr/local/app/tars/tarsnode";
/// Most characters of a TServer's name that admission lets through.
pub const SERVER_NAME_LIMIT: usize = 58;
/// Most characters of a TServer's name whose StatefulSet can make pods: its pods carry the name and a revision in one label.
pub const STATEFUL_SERVER_NAME_LIMIT: usize = 52;

/// Where a namespace has no `tars-framework`.
pub mod fallback {
    /// Most pods of a TExitedRecord.
    pub const EXITED_PODS: i32 = 60;
    /// Most inactive versions of a configuration.
    pub const CONFIG_HISTORY: i32 = 10;
    /// Most releases of a TImage.
    pub const IMAGE_RELEASES: i32 = 32;
    /// Seconds after which a running build counts as failed.
    pub const BUILD_SECONDS: i32 = 480;
}

/// Fixed values of workloads.
pub mod workload {
    /// `minReadySeconds` of DaemonSets.
    pub const MIN_READY_SECONDS: i32 = 3;
    /// `revisionHistoryLimit` of StatefulSets and DaemonSets.
    pub const REVISION_HISTORY_LIMIT: i32 = 1;
    /// Weight of the server's pool among preferred nodes.
    pub const SERVER_ABILITY_WEIGHT: i32 = 60;
    /// Weight of the application's pool among preferred nodes.
    pub const APP_ABILITY_WEIGHT: i32 = 30;
}

/// Texts of logs, events and admission answers.
pub mod message {
    use std::fmt::Display;

    /// An object of this name belongs to somebody else.
    pub fn foreign(kind: &str, namespace: &str, name: &str) -> String {
        format!("{kind} {namespace}/{name} already exists but not managed by {namespace}/{name}")
    }

    /// An object of this name is there.
    pub fn exists(kind: &str, namespace: &str, name: &str) -> String {
        format!("{kind} {namespace}/{name} already exists")
    }

    /// No object of this name is there.
    pub fn missing(kind: &str, namespace: &str, name: &str) -> String {
        format!("{kind} {namespace}/{name} not exists")
    }

    /// A field was changed that never changes. The misspelt word is kept: clients match this text.
    pub fn immutable(kind: &str, field: &str) -> String {
        format!("{kind} resource filed \"{field}\" is immutable")
    }

    /// An object breaks a rule.
    pub fn invalid(kind: &str, reason: impl Display) -> String {
        format!("{kind} resource is invalid : {reason}")
    }

    /// A call of the API server failed; `verb` is `get`, `create`, `update` or `patch`.
    pub fn failed(verb: &str, kind: &str, namespace: &str, name: &str, error: impl Display) -> String {
        format!("{verb} {kind} {namespace}/{name} error: {error}")
    }

    /// A deletion failed.
    pub fn delete_failed(kind: &str, namespace: &str, name: &str, error: impl Display) -> String {
        format!("delete {kind} {namespace}/{name} err: {error}")
    }

    /// A deletion of many failed.
    pub fn delete_collection_failed(kind: &str, selector: &str, error: impl Display) -> String {
        format!("deleteCollection {kind} selector({selector}) err: {error}")
    }

    /// A list could not be read.
    pub fn list_failed(namespace: &str, kind: &str, error: impl Display) -> String {
        format!("selector {namespace}/{kind} error: {error}")
    }
}

/// Name of a server's TServer and of all objects made for it: `lower(app)-lower(server)`.
pub fn server_object_name(app: &str, server: &str) -> String {
    format!("{}-{}", app.to_lowercase(), server.to_lowercase())
}

/// The two labels that all objects of a server carry.
pub fn server_labels(app: &str, server: &str) -> BTreeMap<String, String> {
    [(label::SERVER_APP, app), (label::SERVER_NAME, server)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// [`server_labels`] as text of a selector, as it stands in `TServer.status.selector`.
pub fn server_selector(app: &str, server: &str) -> String {
    format!("{}={app},{}={server}", label::SERVER_APP, label::SERVER_NAME)
}

/// Name of a servant's or port's port in Services.
pub fn port_name(name: &str) -> String {
    name.to_lowercase()
}

/// Name of the container port of a servant that is published on the node.
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
}
