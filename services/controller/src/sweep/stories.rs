//! The stories: what people want, step by step. Each step states the whole wish, so that the end does not depend on the way.

use super::kubernetes::BROKEN_IMAGE;
use crate::{
    engine::fake::{World, faults::Step},
    tserver::fixtures,
};
use serde_json::{Value, json};
use std::sync::Arc;

pub struct Story {
    pub name: &'static str,
    pub nature: Nature,
    /// Makes the world in which the controller starts.
    pub begin: fn(&mut World),
    pub steps: Vec<Step>,
}

/// A story that is written down here.
struct Told {
    name: &'static str,
    nature: Nature,
    begin: fn(&mut World),
    steps: &'static [fn(&mut World)],
}

/// What a trouble may change in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// People may state all their wishes once more, as after a restore, and the end is the same. No trouble makes more pods end.
    Plain,
    /// Others meddle. Until that is repaired, they replace pods, and a trouble gives them more time.
    Meddled,
    /// The way decides on the end: a configuration that becomes active again is another history.
    Historic,
}

const TARS: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank";
pub const SERVER: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tservers/ledger-audit";
const SECOND: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tservers/desk-clerk";
const FRAMEWORK: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tframeworkconfigs/tars-framework";
const TREE: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/ttrees/tars-tree";
const TEMPLATE: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/ttemplates/demo.cpp";
const ACCOUNT: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/taccounts/clerk";
const IMAGE: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/timages/audit";
const NODE: &str = "/api/v1/nodes/one";
const SERVICE: &str = "/api/v1/namespaces/bank/services/ledger-audit";
pub const SET: &str = "/apis/apps/v1/namespaces/bank/statefulsets/ledger-audit";
const BUDGET: &str = "/apis/policy/v1/namespaces/bank/poddisruptionbudgets/ledger-audit";
const ENDPOINT: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tendpoints/ledger-audit";

/// A TServer with this spec, as the webhook lets it pass.
pub fn server(spec: &str) -> Value {
    let mut object = serde_json::to_value(fixtures::server(spec)).unwrap();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("uid");
    metadata.remove("resourceVersion");
    object
}

/// The TServer that most stories tell of, with these settings of Kubernetes.
fn audit(image: &str, k8s: &str) -> Value {
    server(&format!(
        "{{tars: {{template: demo.cpp, servants: [{{name: AuditObj, port: 10001}}]}}, release: {{id: r-{}, image: '{image}'}}, k8s: {{{k8s}}}}}",
        image.replace(['/', ':'], "-")
    ))
}

pub fn begin(world: &mut World) {
    world.wish(FRAMEWORK, json!({"metadata": {}, "nodeImage": {"image": "registry/node:1"}}));
    world.wish(TREE, json!({"metadata": {}, "apps": [{"name": "Ledger"}]}));
    world.wish(TEMPLATE, json!({"metadata": {}, "spec": {"parent": "demo.cpp", "content": ""}}));
    world.wish(NODE, json!({"metadata": {"labels": {"tars.io/node.bank": ""}}}));
}

fn begin_with_server(world: &mut World) {
    begin(world);
    world.wish(SERVER, audit("registry/audit:1", "replicas: 2"));
}

const LIFE: Told = Told {
    name: "life",
    nature: Nature::Plain,
    begin,
    steps: &[
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2")),
        |world| world.wish(SERVER, audit("registry/audit:2", "replicas: 2")),
        |world| world.wish(SERVER, audit("registry/audit:2", "replicas: 3")),
        |world| world.wish(SERVER, audit("registry/audit:2", "replicas: 1")),
        |world| world.wish_away(SERVER),
    ],
};

const CHANGES: Told = Told {
    name: "changes of one field each",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, env: [{name: A, value: b}]")),
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, env: [{name: A, value: c}], args: [x]")),
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, notStacked: true")),
        |world| {
            let mut other = audit("registry/audit:1", "replicas: 2");
            other["spec"]["tars"]["servants"] = json!([{"name": "AuditObj", "port": 10002, "thread": 3, "connection": 10, "capacity": 10, "timeout": 3000, "isTars": true, "isTcp": true}]);
            other["spec"]["important"] = json!(5);
            world.wish(SERVER, other);
        },
    ],
};

const WORKLOADS: Told = Told {
    name: "both workloads",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[
        |world| world.wish(SERVER, audit("registry/audit:1", "daemonSet: true")),
        |world| world.wish("/api/v1/nodes/two", json!({"metadata": {"labels": {"tars.io/node.bank": ""}}})),
        |world| world.wish(SERVER, audit("registry/audit:2", "daemonSet: true")),
        |world| world.wish(SERVER, audit("registry/audit:2", "replicas: 1")),
    ],
};

const AGAIN: Told = Told {
    name: "made again",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[|world| world.wish_away(SERVER), |world| world.wish(SERVER, audit("registry/audit:2", "replicas: 1"))],
};

const VOLUMES: Told = Told {
    name: "local volumes",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[
        |world| {
            let mounts = "mounts: [{name: data, mountPath: /data, source: {tLocalVolume: {uid: '7'}}}]";
            world.wish(SERVER, audit("registry/audit:1", &format!("replicas: 2, {mounts}")));
        },
        |world| {
            let mounts = "mounts: [{name: data, mountPath: /data, source: {tLocalVolume: {uid: '8', mode: '750'}}}]";
            world.wish(SERVER, audit("registry/audit:1", &format!("replicas: 2, {mounts}")));
        },
        |world| {
            let other = "{name: logs, mountPath: /logs, source: {tLocalVolume: {}}}";
            let mounts = format!(
                "mounts: [{{name: data, mountPath: /data, source: {{tLocalVolume: {{uid: '8', mode: '750'}}}}}}, {other}]"
            );
            world.wish(SERVER, audit("registry/audit:1", &format!("replicas: 2, {mounts}")));
        },
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 1")),
    ],
};

const POLICY: Told = Told {
    name: "a policy labels claim templates",
    nature: Nature::Plain,
    begin: |world| {
        begin(world);
        world.rewrite = Some(("/spec/volumeClaimTemplates/0/metadata/labels", json!({"policy": "was-here"})));
    },
    steps: &[
        |world| {
            let mounts = "mounts: [{name: data, mountPath: /data, source: {tLocalVolume: {}}}]";
            world.wish(SERVER, audit("registry/audit:1", &format!("replicas: 1, {mounts}")));
        },
        |world| {
            let mounts = "mounts: [{name: data, mountPath: /data, source: {tLocalVolume: {}}}]";
            world.wish(SERVER, audit("registry/audit:2", &format!("replicas: 1, {mounts}")));
        },
    ],
};

const HOST_PORTS: Told = Told {
    name: "host ports",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, hostPorts: [{nameRef: AuditObj, port: 30001}]")),
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, hostPorts: [{nameRef: AuditObj, port: 30002}]")),
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2")),
    ],
};

const BUDGETS: Told = Told {
    name: "disruption budget",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, disruption: {maxUnavailable: 1}")),
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, disruption: {maxUnavailable: 50%}")),
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2")),
    ],
};

const FAILED_RELEASE: Told = Told {
    name: "a release that fails",
    nature: Nature::Plain,
    begin: |world| {
        begin(world);
        world.wish(SERVER, audit("registry/audit:1", "replicas: 2, podManagementPolicy: OrderedReady"));
    },
    steps: &[
        |world| world.wish(SERVER, audit(BROKEN_IMAGE, "replicas: 2, podManagementPolicy: OrderedReady")),
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2, podManagementPolicy: OrderedReady")),
        |world| world.wish(SERVER, audit("registry/audit:3", "replicas: 2, podManagementPolicy: OrderedReady")),
    ],
};

fn orphan(world: &mut World, path: &str) {
    let uid = world.get(path).map(|object| object["metadata"]["uid"].clone());
    if let Some(uid) = uid {
        world.release(&uid);
    }
    world.wish_away(path);
}

const ORPHANS: Told = Told {
    name: "orphans are adopted",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[|world| orphan(world, SERVER), |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2"))],
};

const STRANGERS: Told = Told {
    name: "objects of somebody else",
    nature: Nature::Plain,
    begin: |world| {
        begin(world);
        let labels = json!({"tars.io/ServerApp": "Other", "tars.io/ServerName": "Thing"});
        for path in [SERVICE, SET, BUDGET, ENDPOINT] {
            world.wish(
                path,
                json!({"metadata": {"labels": labels}, "spec": {"replicas": 0, "selector": {"matchLabels": labels}}}),
            );
        }
    },
    steps: &[
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 1, disruption: {maxUnavailable: 1}")),
        |world| world.wish_away(SERVICE),
        |world| world.wish_away(SET),
        |world| world.wish_away(ENDPOINT),
        |world| world.wish_away(BUDGET),
    ],
};

/// An object without the labels is in no cache.
const UNSEEN: Told = Told {
    name: "an object of somebody else that no watch shows",
    nature: Nature::Plain,
    begin: |world| {
        begin(world);
        world.wish(SERVICE, json!({"metadata": {}, "spec": {"clusterIP": "None"}}));
    },
    steps: &[|world| world.wish(SERVER, audit("registry/audit:1", "replicas: 1")), |world| world.wish_away(SERVICE)],
};

const USURPED: Told = Told {
    name: "somebody else takes a name",
    nature: Nature::Meddled,
    begin: begin_with_server,
    steps: &[
        |world| {
            let mut other = audit("registry/audit:1", "replicas: 2");
            other["spec"]["tars"]["servants"][0]["port"] = json!(10002);
            world.wish(SERVER, other);
        },
        |world| {
            world.remove(SERVICE);
            world.wish(SERVICE, json!({"metadata": {}, "spec": {"clusterIP": "None"}}));
        },
        |world| world.wish_away(SERVICE),
    ],
};

const NODE_IMAGES: Told = Told {
    name: "node images",
    nature: Nature::Plain,
    begin: |world| {
        begin_with_server(world);
        world.wish_away(FRAMEWORK);
    },
    steps: &[
        |world| world.wish(FRAMEWORK, json!({"metadata": {}, "nodeImage": {"image": "registry/node:1", "secret": "pull"}})),
        |world| world.wish_away(FRAMEWORK),
        |world| world.wish(FRAMEWORK, json!({"metadata": {}, "nodeImage": {"image": "registry/node:2", "secret": ""}})),
    ],
};

const RELEASES: Told = Told {
    name: "released and not",
    nature: Nature::Plain,
    begin,
    steps: &[
        |world| {
            world.wish(
                SERVER,
                server("{tars: {template: demo.cpp, servants: [{name: AuditObj, port: 10001}]}, k8s: {replicas: 0}}"),
            );
        },
        |world| {
            world.wish(
                SERVER,
                server("{tars: {template: demo.cpp, servants: [{name: AuditObj, port: 10001}]}, k8s: {replicas: 2}}"),
            );
        },
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 2")),
    ],
};

const NORMAL: Told = Told {
    name: "a server without the Tars protocol",
    nature: Nature::Plain,
    begin,
    steps: &[
        |world| {
            let spec = "{subType: normal, normal: {ports: [{name: http, port: 80, isTcp: true}]}, release: {id: r1, image: 'registry/web:1'}, k8s: {replicas: 1}}";
            world.wish(SERVER, server(spec));
        },
        |world| {
            let spec = "{subType: normal, normal: {ports: [{name: http, port: 81, isTcp: true}, {name: dns, port: 53, isTcp: false}]}, release: {id: r1, image: 'registry/web:1'}, k8s: {replicas: 1}}";
            world.wish(SERVER, server(spec));
        },
        |world| {
            world.wish(
                SERVER,
                server("{subType: normal, normal: {}, release: {id: r2, image: 'registry/web:2'}, k8s: {replicas: 1}}"),
            );
        },
    ],
};

/// Changes an object that is there, against the wish of its owner.
fn meddle(world: &mut World, path: &str, change: fn(&mut Value)) {
    if world.get(path).is_some() {
        world.edit(path, change);
    }
}

const DRIFT: Told = Told {
    name: "drift",
    nature: Nature::Meddled,
    begin: |world| {
        begin(world);
        world.wish(SERVER, audit("registry/audit:1", "replicas: 2, disruption: {maxUnavailable: 1}"));
    },
    steps: &[
        |world| meddle(world, SET, |set| set["spec"]["replicas"] = json!(5)),
        |world| meddle(world, SERVICE, |service| service["spec"]["ports"] = json!([])),
        |world| meddle(world, SET, |set| set["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry/other")),
        |world| meddle(world, ENDPOINT, |endpoint| endpoint["spec"]["app"] = json!("Other")),
        |world| meddle(world, SERVER, |server| server["status"]["conditions"] = json!([])),
        |world| world.remove(SERVICE),
        |world| world.remove(BUDGET),
        |world| world.remove(ENDPOINT),
        |world| world.remove(SET),
        |world| world.remove("/api/v1/namespaces/bank/pods/ledger-audit-1"),
    ],
};

/// Nothing happens after the removal, so nothing else wakes the server.
const REMOVED: Told = Told {
    name: "a derived object is removed",
    nature: Nature::Meddled,
    begin: begin_with_server,
    steps: &[|world| world.remove(SERVICE)],
};

const TREES: Told = Told {
    name: "the tree of applications",
    nature: Nature::Plain,
    begin,
    steps: &[
        |world| world.wish(SERVER, audit("registry/audit:1", "replicas: 0")),
        |world| {
            let mut other = server("{app: Desk, server: Clerk, subType: normal, normal: {}, k8s: {replicas: 0}}");
            other["metadata"]["name"] = json!("desk-clerk");
            world.wish(SECOND, other);
        },
        // A person adds the application, too.
        |world| world.wish(TREE, json!({"metadata": {}, "apps": [{"name": "Ledger"}, {"name": "Desk"}]})),
        |world| world.wish_away(TREE),
        |world| world.wish(TREE, json!({"metadata": {}, "apps": [{"name": "Old"}, {"name": "Ledger"}]})),
    ],
};

const NODES: Told = Told {
    name: "labels of nodes",
    nature: Nature::Plain,
    begin,
    steps: &[
        |world| world.wish(NODE, json!({"metadata": {"labels": {"tars.io/node.bank": "", "tars.io/node": ""}}})),
        |world| world.wish(NODE, json!({"metadata": {"labels": {"tars.io/node": ""}}})),
        |world| world.wish(NODE, json!({"metadata": {"labels": {"tars.io/node.shop": ""}}})),
        |world| world.wish("/api/v1/nodes/two", json!({"metadata": {"labels": {"tars.io/node.bank": ""}}})),
    ],
};

const WAITING: Told = Told {
    name: "a server waits for a node and for its template",
    nature: Nature::Plain,
    begin: |world| {
        begin_with_server(world);
        world.wish(NODE, json!({"metadata": {"labels": {}}}));
        world.wish_away(TEMPLATE);
    },
    steps: &[
        |world| world.wish(TEMPLATE, json!({"metadata": {}, "spec": {"parent": "demo.cpp", "content": ""}})),
        |world| world.wish(NODE, json!({"metadata": {"labels": {"tars.io/node.bank": ""}}})),
        |world| world.wish(TEMPLATE, json!({"metadata": {}, "spec": {"parent": "nosuch", "content": ""}})),
    ],
};

const UNREADABLE: Told = Told {
    name: "a server that does not decode",
    nature: Nature::Plain,
    begin: begin_with_server,
    steps: &[
        |world| world.change_wish(SERVER, |server| server["spec"]["k8s"]["replicas"] = json!("many")),
        |world| world.change_wish(SERVER, |server| server["spec"]["k8s"]["replicas"] = json!(3)),
    ],
};

/// A version of a configuration, as the webhook lets it pass.
fn version(second: u32, active: bool) -> Value {
    let labels = json!({"tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit", "tars.io/ConfigName": "a.conf", "tars.io/PodSeq": "m",
        "tars.io/Version": second.to_string(), "tars.io/Activated": active.to_string()});
    let mut object =
        json!({"metadata": {"labels": labels}, "app": "Ledger", "server": "Audit", "configName": "a.conf", "activated": active});
    if active {
        object["metadata"]["annotations"] = json!({"tars.io/ActivatedAt": format!("2030-01-01T00:00:{second:02}.000000Z")});
        object["metadata"]["finalizers"] = json!(["tars.io/activation"]);
    }
    object
}

fn config(name: &str) -> String {
    format!("{TARS}/tconfigs/{name}")
}

const CONFIGS: Told = Told {
    name: "versions of a configuration",
    nature: Nature::Historic,
    begin: |world| {
        begin(world);
        let limit = json!({"metadata": {}, "nodeImage": {"image": "registry/node:1"}, "recordLimit": {"tconfigHistory": 2}});
        world.wish(FRAMEWORK, limit);
    },
    steps: &[
        |world| world.wish(&config("one"), version(1, true)),
        |world| world.wish(&config("two"), version(2, true)),
        |world| world.wish(&config("three"), version(3, false)),
        |world| world.wish(&config("four"), version(4, true)),
        |world| world.wish(&config("one"), version(5, true)),
        |world| world.wish(&config("five"), version(6, true)),
        |world| world.wish_away(&config("five")),
    ],
};

const ACCOUNTS: Told = Told {
    name: "tokens that expire",
    nature: Nature::Plain,
    begin,
    steps: &[
        |world| {
            let tokens = json!([{"name": "old", "expirationTime": "2020-01-01T00:00:00Z"}, {"name": "new", "expirationTime": "2999-01-01T00:00:00Z"}]);
            world.wish(ACCOUNT, json!({"metadata": {}, "spec": {"authentication": {"tokens": tokens}}}));
        },
        |world| {
            let tokens = json!([{"name": "late", "expirationTime": "2021-01-01T00:00:00Z"}, {"name": "new", "expirationTime": "2999-01-01T00:00:00Z"}]);
            world.wish(ACCOUNT, json!({"metadata": {}, "spec": {"authentication": {"tokens": tokens}}}));
        },
    ],
};

const IMAGES: Told = Told {
    name: "a build that takes too long",
    nature: Nature::Plain,
    begin,
    steps: &[
        |world| {
            let running = json!({"running": {"id": "b1", "createTime": "2020-01-01T00:00:00Z"}});
            world.wish(IMAGE, json!({"metadata": {}, "imageType": "server", "build": running}));
        },
        |world| {
            let running = json!({"running": {"id": "b2", "createTime": "2021-01-01T00:00:00Z"}});
            world.wish(IMAGE, json!({"metadata": {}, "imageType": "server", "build": running}));
        },
    ],
};

const TOLD: &[Told] = &[
    LIFE,
    CHANGES,
    WORKLOADS,
    AGAIN,
    VOLUMES,
    POLICY,
    HOST_PORTS,
    BUDGETS,
    FAILED_RELEASE,
    ORPHANS,
    STRANGERS,
    UNSEEN,
    USURPED,
    NODE_IMAGES,
    RELEASES,
    NORMAL,
    DRIFT,
    REMOVED,
    TREES,
    NODES,
    WAITING,
    UNREADABLE,
    CONFIGS,
    ACCOUNTS,
    IMAGES,
];

/// Every story.
pub fn tell() -> Vec<Story> {
    let story = |told: &Told| {
        let steps = told.steps.iter().map(|step| Arc::new(*step) as Step).collect();
        Story { name: told.name, nature: told.nature, begin: told.begin, steps }
    };
    TOLD.iter().map(story).collect()
}
