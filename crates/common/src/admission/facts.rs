//! The questions that rules ask about other objects, and the answers.

use crate::activation::Activation;
use std::{collections::BTreeMap, fmt};

/// A question about the other objects in the namespace of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Asks for this template and its ancestors, up to the longest chain that [`walk_parents`](crate::templates::walk_parents)
    /// accepts, in [`Facts::templates`].
    Lineage(String),
    /// Asks for [`Facts::node_image`].
    NodeImage,
    /// Asks for [`Facts::child_template`]: another template whose parent is this template.
    ChildOf(String),
    /// Asks for [`Facts::server_with_template`] of this template.
    ServerWithTemplate(String),
    /// Asks for [`Facts::server_of_app`] of this application.
    ServerOfApp(String),
    /// Asks for [`Facts::configs`]: all TConfigs whose labels have this application, server and configuration name.
    Configs {
        /// Label `tars.io/ServerApp`.
        app: String,
        /// Label `tars.io/ServerName`, may be empty.
        server: String,
        /// Label `tars.io/ConfigName`.
        config: String,
    },
    /// Asks for [`Facts::configured_server`]: the TServer with this application and server name.
    Server {
        /// Label `tars.io/ServerApp`.
        app: String,
        /// Label `tars.io/ServerName`.
        server: String,
    },
    /// Asks for [`Facts::image_release`]: the default release of the TImage with these labels.
    Image {
        /// Label `tars.io/ServerApp`.
        app: String,
        /// Label `tars.io/ServerName`.
        server: String,
    },
    /// Asks for [`Facts::tree_exists`].
    Tree,
    /// Asks for [`Facts::tars_server`].
    TarsServer,
    /// Asks for [`Facts::registry_account_exists`].
    RegistryAccount,
    /// Asks for [`Facts::host_port_users`] of these ports, among the other TServers of the cluster.
    HostPorts(Vec<HostPort>),
}

/// The answers to [`Query`]s. A field about which no query asked stays empty.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The existing templates, each with its parent. The parent is `None` for a template that names no parent, or itself.
    pub templates: BTreeMap<String, Option<String>>,
    /// The default node image of the namespace; `None` if there is no `tars-framework`.
    pub node_image: Option<NodeImage>,
    /// The name of one template whose parent is the template in question.
    pub child_template: Option<String>,
    /// The name of one TServer that uses the template in question.
    pub server_with_template: Option<String>,
    /// The name of one TServer for each application in question that has a TServer.
    pub server_of_app: BTreeMap<String, String>,
    /// The versions of the configuration in question, for all pods.
    pub configs: Vec<ConfigFacts>,
    /// The name of the TServer in question.
    pub configured_server: Option<String>,
    /// The default release of the image in question; `None` if there is no such image, or its default is none of its releases.
    pub image_release: Option<ReleaseFacts>,
    /// Whether the namespace has a `tars-tree`.
    pub tree_exists: bool,
    /// The name of one TServer with `subType: tars`.
    pub tars_server: Option<String>,
    /// Whether the namespace has the service account of the registry.
    pub registry_account_exists: bool,
    /// One other TServer, as `NAMESPACE/NAME`, for each port in question that another one uses.
    pub host_port_users: BTreeMap<HostPort, String>,
}

/// A port of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// The number, 1 to 65535.
    pub number: u16,
    /// Whether it is a port of TCP, and not of UDP.
    pub tcp: bool,
}

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, if self.tcp { "TCP" } else { "UDP" })
    }
}

/// A release of a TImage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// Id of the release.
    pub id: String,
    /// Image reference.
    pub image: String,
    /// Name of the pull secret, may be empty.
    pub secret: String,
}

/// The image that brings tarsnode into pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeImage {
    /// Image reference.
    pub image: String,
    /// Name of the pull secret, may be empty.
    pub secret: String,
}

/// The metadata of a TConfig, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFacts {
    /// Name of the object.
    pub name: String,
    /// `m` or the ordinal of a pod; `None` if the label is missing.
    pub pod_seq: Option<String>,
    /// Whether this version is active.
    pub activated: bool,
    /// Whether somebody has asked the controller to deactivate this version.
    pub deactivating: bool,
    /// Whether this version is being deleted, or somebody has asked the controller to delete it.
    pub deleting: bool,
    /// The last activation of this version.
    pub activation: Option<Activation>,
}
