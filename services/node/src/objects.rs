//! Names and addresses of the Tars objects that tarsnode serves and calls.

/// Object that takes heartbeats.
pub const SERVER_OBJ: &str = "tars.tarsnode.ServerObj";
/// Object that takes commands.
pub const NODE_OBJ: &str = "tars.tarsnode.NodeObj";
/// Object that operators are told through.
pub const NOTIFY_OBJ: &str = "tars.tarsnotify.NotifyObj";
/// Object that configuration files come from.
pub const CONFIG_OBJ: &str = "tars.tarsconfig.ConfigObj";
/// The name service, as servers are told.
pub const LOCATOR: &str = "tars.tarsregistry.QueryObj@tcp -h tars-tarsregistry -p 17890";
/// The registry's private object.
pub const REGISTRY: &str = "tars.tarsregistry.RegistryObj@tcp -h tars-tarsregistry -p 17891";
