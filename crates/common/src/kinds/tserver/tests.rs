use super::*;
use crate::v1beta3::{Mount, MountSource, TServer, TServerK8s, TServerSpec};
use k8s_openapi::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1 as meta};
use kube::Resource;
use serde_json::{Value, json};

fn server(yaml: &str) -> TServer {
    serde_saphyr::from_str(yaml).unwrap()
}

/// The smallest valid manifest decodes to the same defaults that the API server fills in.
#[test]
fn smallest_tars_server() {
    let server = server(
        "
        apiVersion: k8s.tars.io/v1beta3
        kind: TServer
        metadata: {name: demo-helloserver, namespace: ns}
        spec:
          app: Demo
          server: HelloServer
          subType: tars
          tars: {template: tars.cpp, servants: [{name: HelloObj, port: 9999}]}
          k8s: {replicas: 1}
        ",
    );
    let spec = &server.spec;
    assert_eq!((spec.important, spec.sub_type, spec.k8s.replicas), (3, SubType::Tars, Some(1)));
    let wanted = TServerServant { name: "HelloObj".to_owned(), port: 9999, ..TServerServant::default() };
    assert_eq!(spec.tars.as_ref().unwrap().servants, [wanted]);
    assert_eq!(spec.k8s, TServerK8s { replicas: Some(1), ..TServerK8s::default() });
    assert_eq!(
        (TServer::api_version(&()), TServer::url_path(&(), Some("ns"))),
        ("k8s.tars.io/v1beta3".into(), "/apis/k8s.tars.io/v1beta3/namespaces/ns/tservers".to_owned())
    );
}

#[test]
fn smallest_normal_server() {
    let server = server(
        "
        apiVersion: k8s.tars.io/v1beta3
        kind: TServer
        metadata: {name: demo-web, namespace: ns}
        spec:
          app: Demo
          server: Web
          subType: normal
          normal: {ports: [{name: http, port: 80}]}
          k8s: {replicas: 1}
          release: {id: v1, image: 'registry.example/web:v1'}
        ",
    );
    assert!(server.spec.normal.as_ref().unwrap().ports[0].is_tcp);
    assert_eq!(server.spec.release.as_ref().unwrap().node_image, None);
}

/// `Default` is equal to the defaults of decoding.
#[test]
fn defaults_are_those_of_decoding() {
    assert_eq!(serde_json::from_value::<TServerK8s>(json!({})).unwrap(), TServerK8s::default());
    assert_eq!(serde_json::from_value::<TLocalVolume>(json!({})).unwrap(), TLocalVolume::default());
    let spec = json!({"app": "", "server": "", "subType": "tars"});
    assert_eq!(serde_json::from_value::<TServerSpec>(spec).unwrap(), TServerSpec::default());
    let tars = json!({"template": ""});
    assert_eq!(serde_json::from_value::<TServerTars>(tars).unwrap(), TServerTars::default());
    let servant = json!({"name": "", "port": 0});
    assert_eq!(serde_json::from_value::<TServerServant>(servant).unwrap(), TServerServant::default());
}

#[test]
fn rolling_parameters_are_dropped_for_on_delete() {
    let strategy = |value: Value| serde_json::from_value::<UpdateStrategy>(value).unwrap();
    let deleted = strategy(json!({"type": "OnDelete", "rollingUpdate": {"partition": 0}}));
    assert_eq!(deleted.effective_rolling_update(), None);
    let rolling = strategy(json!({"rollingUpdate": {"partition": 2}}));
    assert_eq!(rolling.effective_rolling_update(), Some(&RollingUpdate { partition: 2 }));
}

/// The fields of a TServer mean the same in a pod, because they have the form of core Kubernetes.
#[test]
fn core_types_have_the_same_fields() {
    let env = json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "tls.crt"}}});
    let own: EnvVar = serde_json::from_value(env).unwrap();
    let wanted = json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "tls.crt", "optional": true}}});
    assert_eq!(serde_json::to_value(core::EnvVar::from(&own)).unwrap(), wanted);

    let from = json!({"prefix": "P_", "configMapRef": {"name": "c", "optional": false}});
    let own: EnvFromSource = serde_json::from_value(from.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::EnvFromSource::from(&own)).unwrap(), from);

    let resources = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}});
    let own: ComputeResources = serde_json::from_value(resources.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::ResourceRequirements::from(&own)).unwrap(), resources);

    let rule = json!({"key": "zone", "operator": "In", "values": ["a"]});
    let own: NodeSelectorRule = serde_json::from_value(rule.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::NodeSelectorRequirement::from(&own)).unwrap(), rule);

    let mount = json!({"name": "m", "mountPath": "/m", "subPathExpr": "$(PodName)", "mountPropagation": "Bidirectional", "readOnly": true});
    let own: Mount = serde_json::from_value(mount.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::VolumeMount::from(&own)).unwrap(), mount);
}

/// Every field of a probe or a security context reaches the pod, except for values that the API server does not store.
#[test]
fn probes_and_security_contexts_are_those_of_core_kubernetes() {
    let common = |handler: Value| {
        let mut probe = json!({
            "initialDelaySeconds": 1, "periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 4, "successThreshold": 1,
        });
        probe.as_object_mut().unwrap().extend(handler.as_object().unwrap().clone());
        probe
    };
    let liveness =
        |value: Value| serde_json::to_value(core::Probe::from(&serde_json::from_value::<Probe>(value).unwrap())).unwrap();
    for handler in [
        json!({"exec": {"command": ["/bin/check", "-v"]}, "terminationGracePeriodSeconds": 5}),
        json!({"grpc": {"port": 1, "service": "readiness"}}),
        json!({"httpGet": {"port": "http", "path": "/p", "host": "h", "scheme": "HTTPS", "httpHeaders": [{"name": "Host", "value": ""}]}}),
        json!({"tcpSocket": {"port": 80, "host": "h"}}),
    ] {
        assert_eq!(liveness(common(handler.clone())), common(handler));
    }
    let readiness = common(json!({"grpc": {"port": 1}, "successThreshold": 2}));
    let own: ReadinessProbe = serde_json::from_value(readiness.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::Probe::from(&own)).unwrap(), readiness);
    let sparse = json!({"httpGet": {"port": 80, "path": "", "host": "", "httpHeaders": null}, "initialDelaySeconds": 0});
    assert_eq!(liveness(sparse), json!({"httpGet": {"port": 80}}));

    let profile = json!({"type": "Localhost", "localhostProfile": "p.json"});
    let label = json!({"level": "l", "role": "r", "type": "t", "user": "u"});
    let container = json!({
        "allowPrivilegeEscalation": false, "appArmorProfile": profile, "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]},
        "privileged": false, "readOnlyRootFilesystem": true, "runAsGroup": 1, "runAsNonRoot": true, "runAsUser": 2,
        "seLinuxOptions": label, "seccompProfile": profile,
    });
    let own: SecurityContext = serde_json::from_value(container.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::SecurityContext::from(&own)).unwrap(), container);
    let pod = json!({
        "appArmorProfile": profile, "fsGroup": 1, "fsGroupChangePolicy": "OnRootMismatch", "runAsGroup": 2, "runAsNonRoot": true,
        "runAsUser": 3, "seLinuxChangePolicy": "Recursive", "seLinuxOptions": label, "seccompProfile": {"type": "RuntimeDefault"},
        "supplementalGroups": [4], "supplementalGroupsPolicy": "Strict", "sysctls": [{"name": "n", "value": "v"}],
    });
    let own: PodSecurityContext = serde_json::from_value(pod.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::PodSecurityContext::from(&own)).unwrap(), pod);
    let empty = json!({"capabilities": {"add": [], "drop": null}, "seLinuxOptions": {"level": ""}});
    let own: SecurityContext = serde_json::from_value(empty).unwrap();
    assert_eq!(core::SecurityContext::from(&own), core::SecurityContext::default());
}

/// A toleration that means the same has the same form, however it is written.
#[test]
fn tolerations_are_those_of_core_kubernetes() {
    let convert = |value: Value| {
        let own: Toleration = serde_json::from_value(value).unwrap();
        serde_json::to_value(core::Toleration::from(&own)).unwrap()
    };
    let full = json!({"key": "gpu", "operator": "Equal", "value": "a", "effect": "NoExecute", "tolerationSeconds": -1});
    assert_eq!(convert(full.clone()), full);
    for every in [json!({"operator": "Exists"}), json!({"key": "", "operator": "Exists", "value": "", "effect": ""})] {
        assert_eq!(convert(every), json!({"operator": "Exists"}));
    }
    for same in [json!({"key": "gpu"}), json!({"key": "gpu", "operator": ""}), json!({"key": "gpu", "operator": "Equal"})] {
        assert_eq!(convert(same), json!({"key": "gpu", "operator": "Equal"}));
    }
}

#[test]
fn sources_become_volumes() {
    let volume = |source: Value| {
        let source: MountSource = serde_json::from_value(source).unwrap();
        serde_json::to_value(source.to_volume("m")).unwrap()
    };
    let file = json!({"key": "a", "path": "b", "mode": 420});
    let map = json!({"name": "c", "items": [file], "defaultMode": 420, "optional": true});
    assert_eq!(
        volume(json!({"configMap": {"name": "c", "items": [{"key": "a", "path": "b"}]}})),
        json!({"name": "m", "configMap": map})
    );
    let secret = json!({"secretName": "s", "defaultMode": 256, "optional": true});
    assert_eq!(volume(json!({"secret": {"secretName": "s", "defaultMode": 256}})), json!({"name": "m", "secret": secret}));
    assert_eq!(volume(json!({"hostPath": {"path": "/d", "type": ""}})), json!({"name": "m", "hostPath": {"path": "/d"}}));
    let scratch = json!({"medium": "Memory", "sizeLimit": 5});
    assert_eq!(volume(json!({"emptyDir": scratch})), json!({"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "5"}}));
    let claim = json!({"claimName": "c", "readOnly": true});
    assert_eq!(volume(json!({"persistentVolumeClaim": claim})), json!({"name": "m", "persistentVolumeClaim": claim}));
    let nfs = json!({"server": "nas", "path": "/export", "readOnly": true});
    assert_eq!(volume(json!({"nfs": nfs})), json!({"name": "m", "nfs": nfs}));
    let shared = json!({"name": "m", "nfs": {"server": "nas", "path": "/"}});
    assert_eq!(volume(json!({"nfs": {"server": "nas", "path": "/", "readOnly": false}})), shared, "as the API server stores it");
    assert_eq!(volume(json!({"tLocalVolume": {}})), Value::Null);
    assert_eq!(volume(json!({})), Value::Null);
}

#[test]
fn claim_templates_become_claims() {
    let spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": "1Gi"}, "limits": {"storage": "2Gi"}},
        "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]},
    });
    let own: ClaimSpec = serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(serde_json::to_value(core::PersistentVolumeClaimSpec::from(&own)).unwrap(), spec);
    let labelled: ClaimMetadata = serde_json::from_value(json!({"labels": {"a": "b"}})).unwrap();
    assert_eq!(serde_json::to_value(meta::ObjectMeta::from(&labelled)).unwrap(), json!({"labels": {"a": "b"}}));
}
