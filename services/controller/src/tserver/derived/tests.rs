//! Whole objects as snapshots, single rules as asserts.

use super::{Facts, Recipe, daemon_set::DAEMON_SET, stateful_set::STATEFUL_SET};
use crate::tserver::{
    defaults::Defaults,
    fixtures::{built, validated},
};
use serde_json::{Value, json};

/// A Tars server that uses everything a template can hold.
const RICH: &str = r#"
tars:
  template: demo.cpp
  profile: "<tars></tars>"
  servants:
    - { name: AuditObj, port: 10001 }
    - { name: PingObj, port: 10002, isTcp: false }
  ports: [ { name: metrics, port: 9100 } ]
release: { id: v7, image: "registry/audit:7", secret: audit-pull, nodeImage: "registry/node:7", time: "2030-01-02T03:04:05Z" }
k8s:
  replicas: 3
  serviceAccount: auditor
  readinessGates: [ tars.io/active, example.com/warm ]
  launcherType: foreground
  imagePullPolicy: IfNotPresent
  abilityAffinity: AppRequired
  notStacked: true
  nodeSelector: [ { key: zone, operator: In, values: [ a, b ] } ]
  hostPorts: [ { nameRef: auditobj, port: 8080 }, { nameRef: METRICS, port: 8081 } ]
  command: [ /bin/audit ]
  args: [ --slow ]
  resources: { limits: { cpu: "0.5", memory: 1024Mi } }
  livenessProbe: { exec: { command: [ /bin/audit, --check ] }, initialDelaySeconds: 0, terminationGracePeriodSeconds: 5 }
  readinessProbe: { httpGet: { port: Metrics, path: /ready }, successThreshold: 2 }
  startupProbe: { tcpSocket: { port: AuditObj }, periodSeconds: 1, failureThreshold: 60 }
  securityContext:
    allowPrivilegeEscalation: false
    capabilities: { add: [ NET_BIND_SERVICE ], drop: [ ALL ] }
    readOnlyRootFilesystem: true
  podLabels: { team: blue, tars.example.com/part: audit }
  podAnnotations: { example.com/scrape: "true" }
  tolerations: [ { key: dedicated, value: audit, effect: NoSchedule }, { operator: Exists, effect: NoExecute, tolerationSeconds: 60 } ]
  priorityClassName: high
  schedulerName: batch
  terminationGracePeriodSeconds: 90
  workingDir: /srv
  podSecurityContext: { runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: { type: RuntimeDefault } }
  env:
    - { name: Namespace, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
    - { name: EMPTY, value: "" }
    - { name: TWICE, value: first }
    - { name: TWICE, value: last }
  envFrom: [ { configMapRef: { name: audit-env } } ]
  mounts:
    - { name: conf, mountPath: /conf, readOnly: true, source: { configMap: { name: audit-conf } } }
    - { name: scratch, mountPath: /tmp, source: { emptyDir: {} } }
    - { name: logs, mountPath: /usr/local/app/tars/app_log, subPathExpr: "$(Namespace)/$(PodName)", source: { hostPath: { path: /logs, type: DirectoryOrCreate } } }
    - { name: shared, mountPath: /shared, source: { nfs: { server: nas.example.com, path: /audit, readOnly: true } } }
    - { name: data, mountPath: /data, source: { tLocalVolume: { uid: "7", gid: "8", mode: "750" } } }
    - name: index
      mountPath: /index
      source:
        persistentVolumeClaimTemplate:
          metadata: { labels: { shelf: top } }
          spec: { accessModes: [ ReadWriteOnce ], storageClassName: fast, resources: { requests: { storage: 2Gi } } }
"#;

/// The smallest server that the schema accepts.
const PLAIN: &str = "
subType: normal
normal: { ports: [ { name: http, port: 80 }, { name: dns, port: 53, isTcp: false } ] }
release: { id: v1, image: registry/web }
k8s: { replicas: 2 }
";

fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap()
}

fn pod(workload: Option<Value>) -> Value {
    workload.unwrap()["spec"]["template"]["spec"].clone()
}

#[test]
fn a_rich_tars_server_as_a_stateful_set() {
    insta::assert_snapshot!(yaml(&built(RICH).stateful_set.unwrap()));
}

#[test]
fn a_plain_server_as_a_stateful_set() {
    insta::assert_snapshot!(yaml(&built(PLAIN).stateful_set.unwrap()));
}

#[test]
fn a_rich_tars_server_as_a_daemon_set() {
    let objects = built(&RICH.replace("  replicas: 3", "  daemonSet: true"));
    assert!(objects.service.is_none() && objects.stateful_set.is_none());
    insta::assert_snapshot!(yaml(&objects.daemon_set.unwrap()));
}

#[test]
fn service_and_records_of_a_tars_server() {
    let objects = built(RICH);
    insta::assert_snapshot!(
        [objects.service.unwrap(), objects.endpoint, objects.record].map(|object| yaml(&object)).join("---\n")
    );
}

#[test]
fn the_same_server_is_described_in_the_same_words() {
    let text = || format!("{:?}", built(RICH).stateful_set);
    assert_eq!(text(), text());
}

#[test]
fn container_ports_come_in_the_order_of_declaration_and_only_published_servants_have_one() {
    let ports = pod(built(RICH).stateful_set)["containers"][0]["ports"].clone();
    let names: Vec<_> = ports.as_array().unwrap().iter().map(|port| port["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["metrics", "p8080-10001"]);
    assert_eq!(ports[0]["hostPort"], 8081, "nameRef is compared without regard to case");
}

#[test]
fn on_the_hosts_network_no_host_port_is_stated() {
    let spec = pod(built(&RICH.replace("  replicas: 3", "  replicas: 3\n  hostNetwork: true")).stateful_set);
    assert_eq!((&spec["hostNetwork"], &spec["dnsPolicy"]), (&json!(true), &json!("ClusterFirstWithHostNet")));
    assert_eq!(spec["containers"][0]["ports"].as_array().unwrap().len(), 1);
    assert!(spec["containers"][0]["ports"][0].get("hostPort").is_none());
}

#[test]
fn an_unreleased_server_has_placeholder_images_no_secrets_and_no_release_label() {
    let objects = built("{ tars: { template: demo.cpp }, k8s: { daemonSet: true } }");
    let template = objects.daemon_set.unwrap()["spec"]["template"].clone();
    assert_eq!(template["spec"]["containers"][0]["image"], " ");
    assert_eq!(template["spec"]["initContainers"][0]["image"], "registry/node:default");
    assert!(template["spec"].get("imagePullSecrets").is_none());
    assert!(template["metadata"]["labels"].get("tars.io/ServerID").is_none());
}

#[test]
fn a_server_that_binds_to_its_node_claims_delay_bind_last() {
    for binds in ["hostIPC: true", "hostNetwork: true", "hostPorts: [ { nameRef: http, port: 8080 } ]"] {
        let objects = built(&PLAIN.replace("replicas: 2", &format!("replicas: 2, {binds}")));
        let claims = objects.stateful_set.unwrap()["spec"]["volumeClaimTemplates"].clone();
        assert_eq!(claims[0]["metadata"]["name"], "delay-bind", "{binds}");
        assert_eq!(claims[0]["metadata"]["labels"]["tars.io/LocalVolume"], "delay-bind");
        assert_eq!(claims[0]["metadata"]["ownerReferences"][0]["uid"], "uid-of-server");
    }
}

#[test]
fn the_update_strategy_is_what_the_workload_understands() {
    let strategy = |k8s: &str| {
        let objects = built(&PLAIN.replace("replicas: 2", k8s));
        objects.stateful_set.or(objects.daemon_set).unwrap()["spec"]["updateStrategy"].clone()
    };
    let rolling = "updateStrategy: { type: RollingUpdate, rollingUpdate: { partition: 2 } }";
    let on_delete = "updateStrategy: { type: OnDelete, rollingUpdate: { partition: 0 } }";
    assert_eq!(strategy("replicas: 2"), json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
    assert_eq!(strategy(rolling), json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}));
    assert_eq!(strategy(on_delete), json!({"type": "OnDelete"}), "with rollingUpdate the API server would refuse it");
    assert_eq!(strategy("daemonSet: true"), json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}));
    assert_eq!(
        strategy(&format!("daemonSet: true, {rolling}")),
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}})
    );
    assert_eq!(strategy(&format!("daemonSet: true, {on_delete}")), json!({"type": "OnDelete"}));
}

#[test]
fn affinity_follows_the_mode() {
    let affinity = |mode: &str| {
        let spec = pod(built(&PLAIN.replace("replicas: 2", &format!("replicas: 2, abilityAffinity: {mode}"))).stateful_set);
        let node = &spec["affinity"]["nodeAffinity"];
        let required = &node["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]["matchExpressions"];
        let keys = required.as_array().unwrap().iter().map(|rule| rule["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (keys, node["preferredDuringSchedulingIgnoredDuringExecution"].clone())
    };
    let (required, preferred) = affinity("AppOrServerPreferred");
    assert_eq!(required, ["tars.io/node.bank"]);
    assert_eq!((&preferred[0]["weight"], &preferred[1]["weight"]), (&json!(60), &json!(30)));
    assert_eq!(preferred[0]["preference"]["matchExpressions"][0]["key"], "tars.io/ability.bank.Ledger-Audit");
    assert_eq!(affinity("None"), (vec!["tars.io/node.bank".to_owned()], Value::Null));
    assert_eq!(affinity("AppRequired").0[1], "tars.io/ability.bank.Ledger");
    assert_eq!(affinity("ServerRequired").0[1], "tars.io/ability.bank.Ledger-Audit");
}

#[test]
fn sub_type_and_block_decide_separately_when_they_disagree() {
    let tars_without_block = built("{ subType: tars, normal: { ports: [ { name: http, port: 80 } ] } }");
    let spec = pod(tars_without_block.stateful_set);
    assert_eq!(spec["initContainers"][0]["name"], "tarsnode");
    assert_eq!(spec["containers"][0]["ports"][0]["name"], "http");
    let normal_with_block = built("{ subType: normal, tars: { template: demo.cpp, servants: [ { name: AuditObj, port: 1 } ] } }");
    assert!(pod(normal_with_block.stateful_set).get("initContainers").is_none());
    assert_eq!(normal_with_block.service.unwrap()["spec"]["ports"][0]["name"], "auditobj");
}

#[test]
fn nothing_that_is_sent_is_null_or_an_empty_list_but_in_our_own_kinds() {
    fn look(value: &Value, path: &str) {
        match value {
            Value::Null => panic!("{path} is null"),
            Value::Bool(false) => {
                let stored = ["/enableServiceLinks", "/securityContext/allowPrivilegeEscalation"];
                assert!(stored.iter().any(|end| path.ends_with(end)), "{path} is false, which Go omits");
            }
            Value::Array(items) => {
                assert!(!items.is_empty(), "{path} is empty");
                for item in items {
                    look(item, path);
                }
            }
            Value::Object(fields) => fields.iter().for_each(|(name, value)| look(value, &format!("{path}/{name}"))),
            _ => {}
        }
    }
    for spec in [RICH, PLAIN] {
        let objects = built(spec);
        look(&objects.service.unwrap(), "Service");
        look(&objects.stateful_set.unwrap(), "StatefulSet");
    }
}

/// Each probe and security context arrives at the same place in the pods of both workloads.
#[test]
fn probes_and_security_contexts_arrive_in_both_workloads() {
    const MAIN: &str = "/containers/0";
    const INIT: &str = "/initContainers/0";
    let cases = [
        (
            "livenessProbe: { grpc: { port: 17892, service: liveness } }",
            vec![
                (MAIN, "/livenessProbe", json!({"grpc": {"port": 17892, "service": "liveness"}})),
                (INIT, "/livenessProbe", Value::Null),
            ],
        ),
        (
            "readinessProbe: { httpGet: { port: auditobj }, periodSeconds: 2 }",
            vec![
                (MAIN, "/readinessProbe", json!({"httpGet": {"port": 10001}, "periodSeconds": 2})),
                (INIT, "/readinessProbe", Value::Null),
            ],
        ),
        (
            "startupProbe: { tcpSocket: { port: 10001 }, failureThreshold: 60 }",
            vec![
                (MAIN, "/startupProbe", json!({"tcpSocket": {"port": 10001}, "failureThreshold": 60})),
                (INIT, "/startupProbe", Value::Null),
            ],
        ),
        (
            "securityContext: { runAsUser: 7, privileged: true, capabilities: { add: [ CHOWN ], drop: [ ALL ] } }",
            vec![
                (
                    MAIN,
                    "/securityContext",
                    json!({"runAsUser": 7, "privileged": true, "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}}),
                ),
                (INIT, "/securityContext", json!({"runAsUser": 7, "capabilities": {"drop": ["ALL"]}})),
                ("", "/securityContext", Value::Null),
            ],
        ),
        (
            "podSecurityContext: { runAsUser: 7, supplementalGroups: [ 8 ] }",
            vec![
                ("", "/securityContext", json!({"runAsUser": 7, "supplementalGroups": [8]})),
                (MAIN, "/securityContext", Value::Null),
                (INIT, "/securityContext", Value::Null),
            ],
        ),
        // An empty security context is left out.
        (
            "securityContext: { capabilities: { add: [] } }, podSecurityContext: { sysctls: [] }",
            vec![("", "/securityContext", Value::Null), (MAIN, "/securityContext", Value::Null)],
        ),
        (
            "securityContext: { privileged: true, capabilities: { add: [ SYS_TIME ] } }",
            vec![(INIT, "/securityContext", Value::Null)],
        ),
    ];
    for (field, expected) in cases {
        for kind in ["replicas: 1", "daemonSet: true"] {
            let spec = format!(
                "{{ tars: {{ template: t, servants: [ {{ name: AuditObj, port: 10001 }} ] }}, k8s: {{ {kind}, {field} }} }}"
            );
            let objects = built(&spec);
            let pod = pod(objects.stateful_set.or(objects.daemon_set));
            for (part, member, value) in &expected {
                let found = pod.pointer(&format!("{part}{member}")).unwrap_or(&Value::Null);
                assert_eq!(found, value, "{part}{member} with {kind}, {field}");
            }
        }
    }
}

/// Each of these fields arrives at the same place in the template of both workloads, and leaves no trace where it is absent or empty.
#[test]
fn fields_of_the_pod_arrive_in_both_workloads() {
    let cases = [
        ("podLabels: { team: blue }", "/metadata/labels/team", json!("blue")),
        ("podLabels: {}", "/metadata/labels/team", Value::Null),
        ("podAnnotations: { example.com/x: note }", "/metadata/annotations", json!({"example.com/x": "note"})),
        ("podAnnotations: {}", "/metadata/annotations", Value::Null),
        (
            "tolerations: [ { key: b }, { operator: Exists, key: a, effect: NoExecute, tolerationSeconds: 5 } ]",
            "/spec/tolerations",
            json!([{"key": "b", "operator": "Equal"}, {"operator": "Exists", "key": "a", "effect": "NoExecute", "tolerationSeconds": 5}]),
        ),
        ("tolerations: []", "/spec/tolerations", Value::Null),
        ("priorityClassName: high", "/spec/priorityClassName", json!("high")),
        ("priorityClassName: ''", "/spec/priorityClassName", Value::Null),
        ("schedulerName: batch", "/spec/schedulerName", json!("batch")),
        ("schedulerName: ''", "/spec/schedulerName", Value::Null),
        ("terminationGracePeriodSeconds: 0", "/spec/terminationGracePeriodSeconds", json!(0)),
        ("workingDir: /srv", "/spec/containers/0/workingDir", json!("/srv")),
        ("workingDir: ''", "/spec/containers/0/workingDir", Value::Null),
        ("workingDir: /srv", "/spec/initContainers/0/workingDir", Value::Null),
        (
            "mounts: [ { name: m, mountPath: /m, source: { nfs: { server: nas, path: /e, readOnly: true } } } ]",
            "/spec/volumes/0",
            json!({"name": "m", "nfs": {"server": "nas", "path": "/e", "readOnly": true}}),
        ),
    ];
    for (field, place, expected) in cases {
        for kind in ["replicas: 1", "daemonSet: true"] {
            let spec = |field: &str| format!("{{ tars: {{ template: t }}, k8s: {{ {kind}, {field} }} }}");
            let template = |spec: &str| {
                let objects = built(spec);
                objects.stateful_set.or(objects.daemon_set).unwrap()["spec"]["template"].clone()
            };
            let (with, without) = (template(&spec(field)), template(&spec("")));
            assert_eq!(with.pointer(place).unwrap_or(&Value::Null), &expected, "{place} with {kind}, {field}");
            assert_eq!(with == without, expected.is_null() && !place.contains("initContainers"), "{kind}, {field}");
        }
    }
}

/// Other words for the same server are no change of its pods, and any other value is one.
#[test]
fn the_digest_of_a_template_follows_its_meaning() {
    let digest = |k8s: &str| {
        let spec = format!("{{ tars: {{ template: t }}, k8s: {{ replicas: 1, {k8s} }} }}");
        built(&spec).stateful_set.unwrap()["metadata"]["annotations"]["tars.io/PodTemplate"].clone()
    };
    for (one, same, other) in [
        ("podLabels: { a: x, b: z }", "podLabels: { b: z, a: x }", "podLabels: { a: z, b: x }"),
        ("podAnnotations: { a: x, b: z }", "podAnnotations: { b: z, a: x }", "podAnnotations: { a: x }"),
        ("podAnnotations: { limits: '0.5' }", "podAnnotations: { limits: '0.5' }", "podAnnotations: { limits: 500m }"),
        ("resources: { limits: { cpu: 500m } }", "resources: { limits: { cpu: '0.5' } }", "resources: { limits: { cpu: 501m } }"),
        (
            "resources: { requests: { memory: 1Gi } }",
            "resources: { requests: { memory: '1073741824' } }",
            "resources: { requests: { memory: 1G } }",
        ),
        (
            "mounts: [ { name: m, mountPath: /m, source: { emptyDir: { sizeLimit: 2Gi } } } ]",
            "mounts: [ { name: m, mountPath: /m, source: { emptyDir: { sizeLimit: 2048Mi } } } ]",
            "mounts: [ { name: m, mountPath: /m, source: { emptyDir: { sizeLimit: 2G } } } ]",
        ),
        (
            "tolerations: [ { key: a, value: b } ]",
            "tolerations: [ { key: a, operator: Equal, value: b, effect: '' } ]",
            "tolerations: [ { key: a, operator: Exists } ]",
        ),
        ("terminationGracePeriodSeconds: 5", "terminationGracePeriodSeconds: 5", "terminationGracePeriodSeconds: 6"),
        ("workingDir: ''", "schedulerName: '', priorityClassName: '', podLabels: {}", "workingDir: /"),
        ("schedulerName: a", "schedulerName: a", "schedulerName: b"),
        ("priorityClassName: a", "priorityClassName: a", "priorityClassName: b"),
        (
            "mounts: [ { name: m, mountPath: /m, source: { nfs: { server: s, path: / } } } ]",
            "mounts: [ { name: m, mountPath: /m, source: { nfs: { path: /, server: s, readOnly: false } } } ]",
            "mounts: [ { name: m, mountPath: /m, source: { nfs: { server: s, path: /, readOnly: true } } } ]",
        ),
    ] {
        assert_eq!(digest(one), digest(same), "{one}");
        assert_ne!(digest(one), digest(other), "{one}");
    }
}

#[test]
fn a_digest_of_an_earlier_build_of_the_controller_is_known() {
    let template = super::pod::build_pod_template(&validated(RICH));
    let of_text = super::digest(serde_json::to_value(&template).unwrap());
    let present = built(RICH).stateful_set.unwrap()["metadata"]["annotations"]["tars.io/PodTemplate"].clone();
    assert_ne!(present, of_text.as_str(), "the template has an amount with several spellings");
    for known in [of_text.as_str(), present.as_str().unwrap()] {
        assert!(super::metadata::is_digest_of(known, &template), "{known}");
        assert!(!super::metadata::is_digest_of(known, &super::pod::build_pod_template(&validated(PLAIN))), "{known}");
    }
}

/// Kubernetes and the registry find the pods by our labels.
#[test]
fn labels_of_the_author_never_replace_ours() {
    let mut server = validated(PLAIN);
    server.pod_metadata.labels =
        ["tars.io/ServerApp", "tars.io/ServerID", "team"].map(|key| (key.to_owned(), "mine".to_owned())).into();
    let labels = super::pod::build_pod_template(&server).metadata.unwrap().labels.unwrap();
    assert_eq!((labels["tars.io/ServerApp"].as_str(), labels["tars.io/ServerID"].as_str()), ("Ledger", "v1"));
    assert_eq!(labels["team"], "mine");
}

/// The Pod Security Standard `restricted` asks this of every container; <https://kubernetes.io/docs/concepts/security/pod-security-standards>.
#[test]
fn a_tars_server_can_comply_with_the_restricted_standard_but_for_the_time_zone() {
    let spec = "
        tars: { template: demo.cpp }
        k8s:
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ ALL ] } }
          podSecurityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
    ";
    let pod = pod(built(spec).stateful_set);
    for containers in ["containers", "initContainers"] {
        for container in pod[containers].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{containers}");
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{containers}");
        }
    }
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    let on_host: Vec<_> = pod["volumes"].as_array().unwrap().iter().filter(|volume| volume.get("hostPath").is_some()).collect();
    assert_eq!(on_host, [&json!({"name": "host-timezone", "hostPath": {"path": "/etc/localtime"}})]);
}

#[test]
fn a_disruption_budget_is_made_only_where_pods_can_be_moved() {
    let budget = |k8s: &str| built(&PLAIN.replace("replicas: 2", k8s)).disruption_budget;
    let wanted = "disruption: { maxUnavailable: 1 }";
    let made = budget(&format!("replicas: 2, {wanted}")).unwrap();
    assert_eq!(made["spec"], json!({"maxUnavailable": 1, "selector": {"matchLabels": made["metadata"]["labels"]}}));
    assert_eq!((&made["apiVersion"], &made["kind"]), (&json!("policy/v1"), &json!("PodDisruptionBudget")));
    let part = budget("replicas: 2, disruption: { maxUnavailable: 25% }").unwrap();
    assert_eq!(part["spec"]["maxUnavailable"], "25%");
    for without in ["replicas: 2", &format!("replicas: 0, {wanted}"), &format!("daemonSet: true, {wanted}")] {
        assert_eq!(budget(without), None, "{without}");
    }
}

#[test]
fn pull_secrets_come_in_order_and_once() {
    let secrets = |release: &str| {
        validated(&format!("{{ tars: {{ template: t }}, release: {{ id: a, image: b, {release} }} }}")).pull_secrets
    };
    assert_eq!(secrets("secret: one"), ["one"], "no node image of its own, no node secret");
    assert_eq!(secrets("secret: one, nodeImage: c, nodeSecret: two"), ["one", "two"]);
    assert_eq!(secrets("secret: one, nodeImage: c"), ["one", "node-pull"]);
    assert_eq!(secrets("secret: one, nodeImage: c, nodeSecret: one"), ["one"]);
    assert!(secrets("secret: ''").is_empty());
}

/// The Pod Security level `baseline` forbids every volume of the node.
#[test]
fn the_time_zone_of_the_node_is_mounted_unless_the_server_or_its_framework_says_otherwise() {
    let mounts = |own: Option<bool>, framework: Option<bool>| {
        let mut server = crate::tserver::fixtures::server(PLAIN);
        server.spec.k8s.host_timezone = own;
        let framework = crate::views::FrameworkView { host_timezone: framework, ..Default::default() };
        let validated = crate::tserver::validate::validate(&server, Some(&framework), || None).unwrap();
        let pod = serde_json::to_value(super::pod::build_pod_template(&validated)).unwrap();
        (pod.to_string().contains("/etc/localtime"), pod["spec"]["containers"][0].get("volumeMounts").is_some())
    };
    assert_eq!(mounts(None, None), (true, true));
    assert_eq!(mounts(None, Some(false)), (false, false));
    assert_eq!(mounts(Some(true), Some(false)), (true, true));
    assert_eq!(mounts(Some(false), Some(true)), (false, false));
}

#[test]
fn the_deadline_of_rollouts_changes_no_object() {
    let with = PLAIN.replace("replicas: 2", "replicas: 2, progressDeadlineSeconds: 5");
    assert_ne!(with, PLAIN);
    assert_eq!(format!("{:?}", built(&with)), format!("{:?}", built(PLAIN)));
}

#[test]
fn the_numbers_of_a_workload_count_once_kubernetes_has_looked_at_its_present_spec() {
    let status =
        json!({"observedGeneration": 3, "updateRevision": "b", "desiredNumberScheduled": 4, "currentNumberScheduled": 3});
    let observed = |recipe: &Recipe, generation: u64| match (recipe.read)(
        &json!({"metadata": {"generation": generation}, "status": status}),
    ) {
        Facts::StatefulSet(facts) => (facts.observed, [None, None, None]),
        Facts::DaemonSet { observed, desired_pods, updated_pods, outdated_pods, .. } => {
            (observed, [desired_pods, Some(updated_pods), Some(outdated_pods)])
        }
        other => panic!("{other:?}"),
    };
    for (recipe, counts) in [(&STATEFUL_SET, [None, None, None]), (&DAEMON_SET, [Some(4), Some(0), Some(3)])] {
        assert_eq!(observed(recipe, 3), (true, counts));
        assert!(!observed(recipe, 4).0);
        let new = (recipe.read)(&json!({"metadata": {"generation": 1}}));
        assert!(format!("{new:?}").contains("observed: false"), "{new:?}");
    }
}

#[test]
fn names_and_messages_that_others_rely_on_are_those_of_the_existing_system() {
    use tars_common::names::{self, message};
    assert_eq!((names::READINESS_GATE, names::port::NODE), ("tars.io/active", 19385));
    assert_eq!((names::TREE, names::FRAMEWORK_CONFIG), ("tars-tree", "tars-framework"));
    assert_eq!((names::STORAGE_CLASS, names::DELAY_BIND), ("tars-storage-class", "delay-bind"));
    assert_eq!((names::PLACEHOLDER_IMAGE, names::NODE_CONTAINER), (" ", "tarsnode"));
    assert_eq!((names::TIMEZONE_VOLUME, names::NODE_WORK_VOLUME), ("host-timezone", "tarsnode-work-dir"));
    assert_eq!(names::NODE_WORK_PATH, "/usr/local/app/tars/tarsnode");
    assert_eq!((names::SYSTEM_NAMESPACE, names::CONTROLLER_LEASE), ("tars-system", "tars-controller-manger"));
    assert_eq!(names::CONTROLLER_USER, "system:serviceaccount:tars-system:tars-controller");
    assert_eq!(message::foreign("service", "bank", "a"), "service bank/a already exists but not managed by bank/a");
    assert_eq!(message::missing("ttemplate", "bank", "a"), "ttemplate bank/a not exists");
    assert_eq!(message::immutable("tserver", "app"), "tserver resource filed \"app\" is immutable");
    assert_eq!(message::invalid("tserver", "no"), "tserver resource is invalid : no");
    assert_eq!(message::failed("get", "Service", "bank", "a", "gone"), "get Service bank/a error: gone");
}

#[test]
fn ports_of_the_service_are_servants_and_then_both_kinds_of_ports_and_there_may_be_none() {
    let ports = |spec: &str| built(spec).service.unwrap()["spec"].get("ports").cloned();
    let both = "{ tars: { template: t, servants: [ { name: BObj, port: 2 }, { name: AObj, port: 1 } ], ports: [ { name: Web, port: 4 } ] },
        normal: { ports: [ { name: dns, port: 3, isTcp: false } ] } }";
    let found = ports(both).unwrap();
    let text =
        |port: &Value| format!("{} {} {} {}", port["name"], port["port"], port["targetPort"], port["protocol"]).replace('"', "");
    let found: Vec<_> = found.as_array().unwrap().iter().map(text).collect();
    assert_eq!(found, ["bobj 2 2 TCP", "aobj 1 1 TCP", "web 4 4 TCP", "dns 3 3 UDP"]);
    assert_eq!(ports("{ subType: normal, normal: {} }"), None);
}

#[test]
fn a_statefulset_has_the_number_and_the_pod_management_policy_of_the_server() {
    for policy in ["OrderedReady", "Parallel"] {
        let set =
            built(&PLAIN.replace("replicas: 2", &format!("replicas: 4, podManagementPolicy: {policy}"))).stateful_set.unwrap();
        let spec = &set["spec"];
        assert_eq!((&spec["replicas"], &spec["podManagementPolicy"]), (&json!(4), &json!(policy)));
        assert_eq!(spec["serviceName"], "ledger-audit");
    }
}

#[test]
fn the_init_container_hears_of_the_launcher_unless_it_is_the_default() {
    let names = |k8s: &str| {
        let pod = pod(built(&format!("{{ tars: {{ template: t }}, k8s: {{ {k8s} }} }}")).stateful_set);
        let env = pod["initContainers"][0]["env"].as_array().unwrap().clone();
        env.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let always = ["Namespace", "PodName", "PodIP", "ServerApp", "ServerName"];
    assert_eq!(names(""), always);
    assert_eq!(names("launcherType: background"), always);
    assert_eq!(names("launcherType: foreground")[5..], ["LauncherType"]);
}

#[test]
fn what_the_defaults_of_a_number_add_is_left_out_of_an_earlier_template() {
    let added = |defaults: Defaults| {
        let mut server = validated("{ tars: { template: t }, k8s: { imagePullPolicy: IfNotPresent } }");
        server.defaults = defaults;
        let pod = serde_json::to_value(super::pod::build_pod_template(&server)).unwrap()["spec"].clone();
        let of = |list: &str, field: &str| pod[list][0][field].clone();
        [
            of("initContainers", "imagePullPolicy"),
            of("initContainers", "terminationMessagePolicy"),
            of("containers", "terminationMessagePolicy"),
        ]
    };
    assert_eq!(added(Defaults::NEWEST), ["IfNotPresent", "FallbackToLogsOnError", "FallbackToLogsOnError"]);
    assert_eq!(added(Defaults::K8SFRAMEWORK), [json!("Always"), Value::Null, Value::Null]);
}

#[test]
fn the_node_image_is_that_of_the_release_then_of_the_framework_then_of_the_workload() {
    let image = |release: &str, framework: &str, running: Option<&str>| {
        let server =
            crate::tserver::fixtures::server(&format!("{{ tars: {{ template: t }}, release: {{ id: a, image: b{release} }} }}"));
        let framework = crate::views::FrameworkView { node_image: framework.to_owned(), ..Default::default() };
        let running = running.map(str::to_owned);
        crate::tserver::validate::validate(&server, Some(&framework), || running).unwrap().node_image
    };
    assert_eq!(image(", nodeImage: own", "theirs", Some("old")), "own");
    assert_eq!(image("", "theirs", Some("old")), "theirs");
    assert_eq!(image("", "", Some("old")), "old");
    assert_eq!(image("", "", None), " ");
}

#[test]
fn a_preference_for_a_label_that_no_node_can_carry_is_left_out() {
    let (app, name) = ("A".repeat(30), "B".repeat(20));
    let mut server = crate::tserver::fixtures::server(&format!("{{ app: {app}, server: {name}, normal: {{}} }}"));
    server.metadata.name = Some(format!("{app}-{name}").to_lowercase());
    let validated = crate::tserver::validate::validate(&server, None, || None).unwrap();
    let preferred = validated.placement.preferred;
    assert_eq!(preferred, [(30, format!("tars.io/ability.bank.{app}"))], "that of the server would have 64 characters");
}
