//! What a rule may know of other objects.

use std::collections::BTreeMap;

/// One thing that a rule has to know of the other objects of the request's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Fill [`Facts::templates`] with this template and its ancestors, up to the longest chain that
    /// [`templates::walk_parents`](crate::templates::walk_parents) accepts.
    Lineage(String),
    /// Fill [`Facts::node_image`].
    NodeImage,
    /// Fill [`Facts::child_template`]: a template other than this one whose parent is this one.
    ChildOf(String),
    /// Fill [`Facts::server_with_template`] for this template.
    ServerWithTemplate(String),
    /// Fill [`Facts::server_of_app`] for this application.
    ServerOfApp(String),
    /// Fill [`Facts::configs`] with all TConfigs whose labels have this application, server and configuration name.
    Configs {
        /// Label `tars.io/ServerApp`.
        app: String,
        /// Label `tars.io/ServerName`, may be empty.
        server: String,
        /// Label `tars.io/ConfigName`.
        config: String,
    },
    /// Fill [`Facts::tree_exists`].
    Tree,
}

/// The answers to [`Query`]s. What was not asked stays empty.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Templates that exist, each with its parent; `None` for one without parent (or whose parent is itself).
    pub templates: BTreeMap<String, Option<String>>,
    /// Default node image of the namespace; `None` without `tars-framework`.
    pub node_image: Option<NodeImage>,
    /// Name of some template whose parent is the one in question.
    pub child_template: Option<String>,
    /// Name of some TServer that uses the template in question.
    pub server_with_template: Option<String>,
    /// For each application in question that has one: the name of some TServer of it.
    pub server_of_app: BTreeMap<String, String>,
    /// The versions of the configuration in question, for all pods.
    pub configs: Vec<ConfigFacts>,
    /// Whether the namespace has its `tars-tree`.
    pub tree_exists: bool,
}

/// The image that carries tarsnode into pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeImage {
    /// Image reference.
    pub image: String,
    /// Name of its pull secret, may be empty.
    pub secret: String,
}

/// What the labels of a TConfig say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFacts {
    /// Name of the object.
    pub name: String,
    /// `m` or the ordinal of a pod; `None` when the label is missing.
    pub pod_seq: Option<String>,
    /// Whether this is the live version.
    pub activated: bool,
    /// Whether the controller has been asked to deactivate it.
    pub deactivating: bool,
    /// Whether the controller has been asked to delete it.
    pub deleting: bool,
}
