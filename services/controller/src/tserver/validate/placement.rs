//! The nodes on which the pods may run, who chooses among them, and the namespaces of the host that the pods share.

use crate::{engine::cache::Key, tserver::problem::Problem};
use k8s_openapi::api::core::v1::{NodeSelectorRequirement, Toleration};
use tars_common::{
    names::{
        self,
        workload::{APP_ABILITY_WEIGHT, SERVER_ABILITY_WEIGHT},
    },
    node_labels,
    v1beta3::{AbilityAffinity, TServerSpec},
};

#[derive(Clone, Debug)]
pub struct Placement {
    /// The requirements that a node must satisfy, in order.
    pub required: Vec<NodeSelectorRequirement>,
    /// The keys of labels that make a node preferable, with their weights, in order.
    pub preferred: Vec<(i32, String)>,
    /// Whether at most one pod of the server runs on a node.
    pub spread: bool,
    pub host_network: bool,
    pub host_ipc: bool,
    /// The taints that the pods tolerate, in order.
    pub tolerations: Vec<Toleration>,
    /// `None` for the default of the cluster.
    pub priority_class: Option<String>,
    /// `None` for the default of the cluster.
    pub scheduler: Option<String>,
}

pub fn validate_placement(key: &Key, spec: &TServerSpec, problems: &mut Vec<Problem>) -> Placement {
    let k8s = &spec.k8s;
    let mut required = Vec::new();
    for (index, rule) in k8s.node_selector.iter().enumerate() {
        if rule.key.is_none() || rule.operator.is_none() {
            let field = format!("spec.k8s.nodeSelector[{index}]");
            problems.push(Problem::new(field, "key or operator is missing", "state both, or remove the entry"));
        }
        required.push(rule.into());
    }
    let labels = node_labels::find_for_pods(&key.namespace, spec);
    validate_label("metadata.namespace", &labels.framework, "use a shorter namespace", problems);
    if let Some(pool) = &labels.pool {
        validate_label("spec.k8s.abilityAffinity", pool, "use another mode, or shorter names", problems);
    }
    required.extend(labels.into_keys().map(require_label));

    let mut preferred = Vec::new();
    if k8s.ability_affinity == AbilityAffinity::AppOrServerPreferred && !k8s.daemon_set {
        let server_pool = names::label::ability_of_server(&key.namespace, &spec.app, &spec.server);
        let app_pool = names::label::ability_of_app(&key.namespace, &spec.app);
        // No node can carry a label that is too long, so such a preference has no effect. If it were stated, the API server would
        // refuse the workload.
        preferred.extend(node_labels::can_exist(&server_pool).then_some((SERVER_ABILITY_WEIGHT, server_pool)));
        preferred.extend(node_labels::can_exist(&app_pool).then_some((APP_ABILITY_WEIGHT, app_pool)));
    }
    Placement {
        required,
        preferred,
        spread: k8s.not_stacked && !k8s.daemon_set,
        host_network: k8s.host_network,
        host_ipc: k8s.host_ipc,
        tolerations: k8s.tolerations.iter().map(Into::into).collect(),
        priority_class: k8s.priority_class_name.clone().filter(|name| !name.is_empty()),
        scheduler: k8s.scheduler_name.clone().filter(|name| !name.is_empty()),
    }
}

fn require_label(key: String) -> NodeSelectorRequirement {
    NodeSelectorRequirement { key, operator: "Exists".to_owned(), values: None }
}

fn validate_label(field: &str, key: &str, remedy: &str, problems: &mut Vec<Problem>) {
    if !node_labels::can_exist(key) {
        let problem = format!("no node can carry the label {key:?}, which has more than 63 characters after the slash");
        problems.push(Problem::new(field, problem, remedy));
    }
}
