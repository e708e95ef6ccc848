//! `QueryF`: the interface that clients ask the name service through.

use super::endpoint::EndpointF;
use crate::TarsStruct;
use std::collections::BTreeMap;

/// Asks for the lock of a master-slave pair.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct GetMasterSlaveLock {
    /// Application of the pair.
    #[tars(tag = 0, optional)]
    pub application: String,
    /// Server that asks.
    #[tars(tag = 1, optional, name = "server_name")]
    pub server_name: String,
    /// Node of the server that asks.
    #[tars(tag = 2, optional, name = "node_name")]
    pub node_name: String,
    /// Whether the caller is the master.
    #[tars(tag = 3, optional)]
    pub is_master: bool,
    /// Whether the last attempt failed.
    #[tars(tag = 4, optional)]
    pub last_err: bool,
    /// Timeout in milliseconds.
    #[tars(tag = 5, optional)]
    pub timeout: i32,
    /// Kind of the backup.
    #[tars(tag = 6, optional)]
    pub bak_type: i32,
}

/// Answers which endpoints serve an object. Each function with two out-parameters answers 0, the active endpoints and the
/// inactive endpoints.
#[crate::interface]
pub trait QueryF {
    /// Answers the active endpoints of the object `id`.
    async fn find_object_by_id(&self, id: String) -> Vec<EndpointF>;

    /// Answers all endpoints of the object `id`.
    #[tars(name = "findObjectById4Any")]
    async fn find_object_by_id_4_any(&self, id: String, active_ep: Out<Vec<EndpointF>>, inactive_ep: Out<Vec<EndpointF>>) -> i32;

    /// Answers all endpoints of the object `id`.
    #[tars(name = "findObjectById4All")]
    async fn find_object_by_id_4_all(&self, id: String, active_ep: Out<Vec<EndpointF>>, inactive_ep: Out<Vec<EndpointF>>) -> i32;

    /// Answers the endpoints of the object `id` in the group of the caller. Clients call this function by default.
    async fn find_object_by_id_in_same_group(
        &self,
        id: String,
        active_ep: Out<Vec<EndpointF>>,
        inactive_ep: Out<Vec<EndpointF>>,
    ) -> i32;

    /// Answers the endpoints of the object `id` in a station.
    async fn find_object_by_id_in_same_station(
        &self,
        id: String,
        s_station: String,
        active_ep: Out<Vec<EndpointF>>,
        inactive_ep: Out<Vec<EndpointF>>,
    ) -> i32;

    /// Answers the endpoints of the object `id` in a set.
    async fn find_object_by_id_in_same_set(
        &self,
        id: String,
        set_id: String,
        active_ep: Out<Vec<EndpointF>>,
        inactive_ep: Out<Vec<EndpointF>>,
    ) -> i32;

    /// Answers the names of the nodes that serve the object `id`. Only newer interface definitions have this function.
    #[tars(default)]
    async fn find_object_node_name(&self, id: String, node_name: Out<Vec<String>>) -> i32;

    /// Registers a change. Only newer interface definitions have this function.
    #[tars(default)]
    async fn register_change(&self, timestamp: BTreeMap<String, String>, name: String) -> i32;

    /// Registers a query. Only newer interface definitions have this function.
    #[tars(default)]
    async fn register_query(&self, id: String, name: String) -> i32;

    /// Takes the lock of a master-slave pair. Only newer interface definitions have this function.
    #[tars(default)]
    async fn get_locker(&self, req: GetMasterSlaveLock) -> i32;
}
