//! Knows which TServers use which ports of nodes.
//!
//! A watch of all TServers keeps the index up to date. Only the ports stay in memory, and few servers have any. Nobody waits for this
//! watch: a list of TServers can need a conversion, which this process serves. Until the first list is complete, the index is empty and
//! draws no warnings.

use futures::{Stream, StreamExt};
use kube::{
    Api, Client, ResourceExt,
    core::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};
use tars_common::{
    admission::{HostPort, list_host_ports},
    v1beta3::TServer,
};
use tars_kit::causes::with_sources;
use tokio_util::sync::CancellationToken;

/// TServers on one page of the first list. Whole objects are read for a few numbers of each, and a large page would be most of the memory
/// of this process.
const PAGE: u32 = 64;

/// Namespace and name of a TServer.
type Key = (String, String);

/// The ports of nodes that TServers use. Clones share it.
#[derive(Clone, Default)]
pub struct HostPorts(Arc<Mutex<Index>>);

#[derive(Default)]
struct Index {
    by_server: BTreeMap<Key, BTreeSet<HostPort>>,
    users: BTreeMap<HostPort, BTreeSet<Key>>,
}

impl HostPorts {
    /// Follows all TServers until `stop`.
    pub fn start(client: Client, stop: &CancellationToken) -> Self {
        let ports = Self::default();
        let api: Api<DynamicObject> = Api::all_with(client, &ApiResource::erase::<TServer>(&()));
        let events = watcher(api, watcher::Config::default().page_size(PAGE)).default_backoff();
        let (followed, stop) = (ports.clone(), stop.clone());
        tokio::spawn(async move { followed.follow(events.take_until(stop.cancelled_owned())).await });
        ports
    }

    async fn follow(&self, events: impl Stream<Item = watcher::Result<Event<DynamicObject>>>) {
        let mut events = pin!(events);
        let mut listed = Index::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed = Index::default(),
                Ok(Event::InitApply(server)) => listed.set(&server),
                Ok(Event::InitDone) => *self.lock() = std::mem::take(&mut listed),
                Ok(Event::Apply(server)) => self.lock().set(&server),
                Ok(Event::Delete(server)) => self.lock().remove(&read_key(&server)),
                Err(error) => {
                    tracing::warn!(resource = "tservers", error = with_sources(&error), "the watch failed and is tried again");
                }
            }
        }
    }

    /// Finds one TServer besides `namespace/name` for each of `ports` that another one uses.
    pub fn find_users(&self, namespace: &str, name: &str, ports: &[HostPort]) -> BTreeMap<HostPort, String> {
        let index = self.lock();
        let other = |users: &BTreeSet<Key>| {
            users.iter().find(|(space, server)| (space.as_str(), server.as_str()) != (namespace, name)).cloned()
        };
        let found = ports.iter().filter_map(|port| Some((*port, other(index.users.get(port)?)?)));
        found.map(|(port, (namespace, name))| (port, format!("{namespace}/{name}"))).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Index> {
        // Nothing below panics while it holds the lock, and a half-changed index would only draw a wrong warning.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn set(&mut self, server: &DynamicObject) {
        let key = read_key(server);
        self.remove(&key);
        let ports = list_host_ports(&server.data);
        if ports.is_empty() {
            return;
        }
        for port in &ports {
            self.users.entry(*port).or_default().insert(key.clone());
        }
        self.by_server.insert(key, ports);
    }

    fn remove(&mut self, key: &Key) {
        for port in self.by_server.remove(key).unwrap_or_default() {
            if let Some(users) = self.users.get_mut(&port) {
                users.remove(key);
                if users.is_empty() {
                    self.users.remove(&port);
                }
            }
        }
    }
}

fn read_key(server: &DynamicObject) -> Key {
    (server.namespace().unwrap_or_default(), server.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use serde_json::json;

    fn server(name: &str, port: u16) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "normal": {"ports": [{"name": "http", "port": 80}]},
                "k8s": {"hostPorts": [{"nameRef": "http", "port": port}]},
            },
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn the_index_follows_the_servers() {
        let ports = HostPorts::default();
        let port = |number| HostPort { number, tcp: true };
        let find = |name: &str, number: u16| ports.find_users("shop", name, &[port(number)]).into_values().next();
        let list = [Event::Init, Event::InitApply(server("a", 8080)), Event::InitApply(server("b", 9090))];
        ports.follow(stream::iter(list.into_iter().map(Ok))).await;
        assert_eq!(find("x", 8080), None, "the list is not complete");
        let list = [Event::Init, Event::InitApply(server("a", 8080)), Event::InitApply(server("b", 9090)), Event::InitDone];
        ports.follow(stream::iter(list.into_iter().map(Ok))).await;
        assert_eq!((find("x", 8080), find("a", 8080), find("x", 1)), (Some("shop/a".to_owned()), None, None));
        let changes = [Event::Apply(server("a", 7070)), Event::Delete(server("b", 9090))];
        ports.follow(stream::iter(changes.into_iter().map(Ok))).await;
        assert_eq!((find("x", 8080), find("x", 9090), find("x", 7070)), (None, None, Some("shop/a".to_owned())));
        assert_eq!(ports.lock().by_server.len(), 1);
    }
}
