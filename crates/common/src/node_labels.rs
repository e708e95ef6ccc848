//! The labels that a node needs before it runs a server or holds its local volumes. Only their keys count, not their values.
//!
//! Administrators set these labels. The controller writes them into the node affinity of workloads and tells users which of them
//! are missing. The node agent makes volumes only on nodes that have them.

use crate::{
    kube_syntax::is_qualified_name,
    names::{DELAY_BIND, label},
    v1beta3::{AbilityAffinity, TServerSpec},
};

/// Keys of the labels that a node needs to run the pods of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLabels {
    /// Admits the framework of the server's namespace to the node.
    pub framework: String,
    /// Puts the node into the pool that `abilityAffinity` requires. `None` if no pool is required.
    pub pool: Option<String>,
}

impl PodLabels {
    /// Lists the keys in the order in which an administrator sets up a node.
    pub fn into_keys(self) -> impl Iterator<Item = String> {
        [self.framework].into_iter().chain(self.pool)
    }
}

/// Finds the labels that a node needs to run pods of the server `spec` in `namespace`.
pub fn find_for_pods(namespace: &str, spec: &TServerSpec) -> PodLabels {
    // A DaemonSet runs on every node that is admitted, whatever pools there are.
    let affinity = if spec.k8s.daemon_set { AbilityAffinity::None } else { spec.k8s.ability_affinity };
    PodLabels { framework: label::node(namespace), pool: find_pool(namespace, &spec.app, &spec.server, affinity) }
}

/// Finds the label of the pool of nodes that `affinity` requires; `None` if it requires none.
pub fn find_pool(namespace: &str, app: &str, server: &str, affinity: AbilityAffinity) -> Option<String> {
    match affinity {
        AbilityAffinity::AppRequired => Some(label::ability_of_app(namespace, app)),
        AbilityAffinity::ServerRequired => Some(label::ability_of_server(namespace, app, server)),
        AbilityAffinity::AppOrServerPreferred | AbilityAffinity::None => None,
    }
}

/// Whether a node can carry the label `key`. The part after the slash has at most 63 characters.
pub fn can_exist(key: &str) -> bool {
    is_qualified_name(key)
}

/// Finds the label that a node needs to hold a local volume of the mount `mount`. `None` for [`DELAY_BIND`], which ties a pod to
/// its node and stores no data there.
pub fn find_for_volume(mount: &str) -> Option<&'static str> {
    (mount != DELAY_BIND).then_some(label::SUPPORT_LOCAL_VOLUME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_required_pool_adds_its_label_except_for_a_daemon_set() {
        let list = |k8s| {
            let spec = json!({"app": "Ledger", "server": "Audit", "subType": "normal", "normal": {}, "k8s": k8s});
            find_for_pods("bank", &serde_json::from_value(spec).unwrap()).into_keys().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(list(json!({})), "tars.io/node.bank");
        assert_eq!(list(json!({"abilityAffinity": "None"})), "tars.io/node.bank");
        assert_eq!(list(json!({"abilityAffinity": "AppRequired"})), "tars.io/node.bank tars.io/ability.bank.Ledger");
        assert_eq!(list(json!({"abilityAffinity": "ServerRequired"})), "tars.io/node.bank tars.io/ability.bank.Ledger-Audit");
        assert_eq!(list(json!({"abilityAffinity": "AppRequired", "daemonSet": true})), "tars.io/node.bank");
    }

    #[test]
    fn only_volumes_with_data_need_a_disk_that_may_be_used() {
        assert_eq!(find_for_volume("data"), Some("tars.io/SupportLocalVolume"));
        assert_eq!(find_for_volume("delay-bind"), None);
    }
}
