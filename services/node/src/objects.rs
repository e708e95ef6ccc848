//! Names and addresses of the Tars objects that tarsnode serves and calls.

/// Takes the heartbeats of the server; served by tarsnode.
pub const SERVER_OBJ: &str = "tars.tarsnode.ServerObj";
/// Takes the commands of operators; served by tarsnode.
pub const NODE_OBJ: &str = "tars.tarsnode.NodeObj";
/// Takes alarms for operators; served by tarsnotify.
pub const NOTIFY_OBJ: &str = "tars.tarsnotify.NotifyObj";
/// Gives configuration files; served by tarsconfig.
pub const CONFIG_OBJ: &str = "tars.tarsconfig.ConfigObj";
/// Proxy string of the name service that the configuration of servers contains.
pub const LOCATOR: &str = "tars.tarsregistry.QueryObj@tcp -h tars-tarsregistry -p 17890";
/// Proxy string of the registry's object for tarsnode: it gives descriptors and takes states.
pub const REGISTRY: &str = "tars.tarsregistry.RegistryObj@tcp -h tars-tarsregistry -p 17891";
