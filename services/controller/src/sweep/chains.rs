//! Chains of changes by chance: whatever a TServer was before, and although some of its specs were bad, it ends as one that is made with the last
//! spec, and then there is silence.
//!
//! A spec draws each field of the schema or leaves it out. A test compares the fields with those of the schema, so that a new one is not
//! forgotten.

use super::{
    dice::Dice,
    stage::Outcome,
    stories::{Nature, SERVER, SET, Story, begin, server},
};
use crate::{
    engine::fake::{World, faults::Step},
    tserver::fixtures::is_valid,
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// The fields of `spec.k8s`, each with some values.
const K8S: &[(&str, &[&str])] = &[
    ("abilityAffinity", &["None", "AppRequired", "ServerRequired", "AppOrServerPreferred"]),
    ("args", &["[serve]", "[serve, fast]"]),
    ("command", &["[/bin/audit]", "[/bin/audit, -v]"]),
    ("daemonSet", &["true", "false", "false"]),
    ("disruption", &["{maxUnavailable: 1}", "{maxUnavailable: 50%}"]),
    ("env", &["[{name: A, value: b}]", "[{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: B, value: '1'}]"]),
    ("envFrom", &["[{configMapRef: {name: settings}}]", "[{prefix: P_, secretRef: {name: keys, optional: false}}]"]),
    ("hostIPC", &["true"]),
    ("hostNetwork", &["true"]),
    ("hostPorts", &["[{nameRef: AuditObj, port: 30001}]", "[{nameRef: AuditObj, port: 30002}]"]),
    ("hostTimezone", &["true", "false"]),
    ("imagePullPolicy", &["Always", "IfNotPresent", "Never"]),
    ("launcherType", &["background", "foreground"]),
    ("livenessProbe", &["{tcpSocket: {port: 10001}}", "{exec: {command: [/bin/check]}, periodSeconds: 3}"]),
    (
        "mounts",
        &[
            "[{name: plain, mountPath: /p, source: {emptyDir: {}}}]",
            "[{name: conf, mountPath: /c, readOnly: true, source: {configMap: {name: conf}}}, {name: keys, mountPath: /k, source: {secret: {secretName: keys}}}]",
            "[{name: shared, mountPath: /s, source: {nfs: {server: nas, path: /e}}}, {name: host, mountPath: /h, source: {hostPath: {path: /h, type: Directory}}}]",
            "[{name: local, mountPath: /l, source: {tLocalVolume: {uid: '7'}}}]",
            "[{name: local, mountPath: /l, source: {tLocalVolume: {mode: '700'}}}, {name: other, mountPath: /o, source: {tLocalVolume: {}}}]",
            "[{name: claimed, mountPath: /d, source: {persistentVolumeClaimTemplate: {metadata: {labels: {a: b}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]",
            "[{name: given, mountPath: /g, source: {persistentVolumeClaim: {claimName: given}}}]",
        ],
    ),
    ("nodeSelector", &["[{key: disk, operator: In, values: [fast]}]", "[{key: disk, operator: Exists}]"]),
    ("notStacked", &["true", "false"]),
    ("podAnnotations", &["{example.com/a: b}"]),
    ("podLabels", &["{team: blue}", "{team: red, shift: late}"]),
    ("podManagementPolicy", &["Parallel"]),
    ("podSecurityContext", &["{runAsUser: 7}"]),
    ("priorityClassName", &["high"]),
    ("progressDeadlineSeconds", &["60"]),
    ("readinessGates", &["[tars.io/active]", "[tars.io/active, example.com/warm]"]),
    ("readinessProbe", &["{tcpSocket: {port: 10001}}"]),
    ("replicas", &["0", "1", "2", "3"]),
    ("resources", &["{limits: {cpu: 500m}}", "{limits: {cpu: '1', memory: 1Gi}, requests: {cpu: 10m}}"]),
    ("schedulerName", &["batch"]),
    ("securityContext", &["{readOnlyRootFilesystem: true}"]),
    ("serviceAccount", &["auditor"]),
    ("startupProbe", &["{httpGet: {path: /up, port: 10001}}"]),
    ("terminationGracePeriodSeconds", &["0", "60"]),
    ("tolerations", &["[{key: dedicated, value: audit}]", "[{operator: Exists}]"]),
    ("updateStrategy", &["{type: RollingUpdate, rollingUpdate: {partition: 0}}", "{type: OnDelete}"]),
    ("workingDir", &["/srv"]),
];

/// The fields of `spec.tars`, each with some values.
const TARS: &[(&str, &[&str])] = &[
    ("asyncThread", &["3", "5"]),
    (
        "ports",
        &[
            "[{name: http, port: 8080, isTcp: true}]",
            "[{name: dns, port: 53, isTcp: false}, {name: http, port: 8081, isTcp: true}]",
        ],
    ),
    ("profile", &["'<tars/>'"]),
    (
        "servants",
        &[
            "[{name: AuditObj, port: 10001}]",
            "[{name: AuditObj, port: 10001, capacity: 5}, {name: OtherObj, port: 10002, isTars: false}]",
        ],
    ),
    ("template", &["demo.cpp"]),
];

/// Fields that a bad spec may have; nothing is applied as long as it has them.
const BAD: &[(&str, &[&str])] =
    &[("hostPorts", &["[{nameRef: nosuch, port: 30001}]"]), ("nodeSelector", &["[{key: disk}]"]), ("replicas", &["many"])];

fn draw(fields: &[(&str, &[&str])], dice: &mut Dice) -> Map<String, Value> {
    let mut drawn = Map::new();
    for (name, values) in fields {
        if dice.roll(3) == 0 {
            drawn.insert((*name).to_owned(), serde_saphyr::from_str(values[dice.roll(values.len())]).unwrap());
        }
    }
    drawn
}

/// A TServer with fields by chance.
fn draw_server(dice: &mut Dice) -> Value {
    loop {
        let mut tars = draw(TARS, dice);
        for (name, value) in [("template", json!("demo.cpp")), ("servants", json!([{"name": "AuditObj", "port": 10001}]))] {
            tars.entry(name).or_insert(value);
        }
        let mut spec = json!({"important": dice.roll(3), "tars": tars, "k8s": draw(K8S, dice)});
        if dice.roll(6) > 0 {
            let number = dice.roll(3);
            spec["release"] = json!({"id": format!("r{number}"), "image": format!("registry/audit:{number}")});
        }
        let object = server(&spec.to_string());
        if is_valid(&object) {
            return object;
        }
    }
}

/// What a person does to the TServer: a new spec, a bad one, or the end of it.
fn draw_change(dice: &mut Dice) -> Step {
    match dice.roll(8) {
        0 => Arc::new(|world: &mut World| world.wish_away(SERVER)),
        1 => {
            let mut bad = draw_server(dice);
            let (name, values) = BAD[dice.roll(BAD.len())];
            bad["spec"]["k8s"][name] = serde_saphyr::from_str(values[0]).unwrap();
            Arc::new(move |world| world.wish(SERVER, bad.clone()))
        }
        _ => {
            let object = draw_server(dice);
            Arc::new(move |world| world.wish(SERVER, object.clone()))
        }
    }
}

/// Plays the chain of `seed`. Returns what is wrong with its end.
pub fn try_chain(seed: u64) -> Option<String> {
    let dice = &mut Dice::new(seed);
    let last = draw_server(dice);
    let wish: Step = Arc::new(move |world| world.wish(SERVER, last.clone()));
    let mut steps: Vec<Step> = (0..=dice.roll(4)).map(|_| draw_change(dice)).collect();
    steps.push(wish.clone());
    let story = |steps| Story { name: "a chain of changes", nature: Nature::Plain, begin, steps };
    let (chained, fresh) = (super::run_story(&story(steps), &[]), super::run_story(&story(vec![wish]), &[]));
    for outcome in [&chained, &fresh] {
        if !outcome.rested || !outcome.writes_at_rest.is_empty() {
            return Some(format!("no silence: {:?}", outcome.writes_at_rest));
        }
    }
    super::find_difference(&keep_comparable(fresh), &keep_comparable(chained))
}

/// The end without what may differ: claims that outlive their server or wait for a pod that comes back, the rollout that a status remembers (one that
/// ended in the chain is over; a server made at once has had none), and a list of no pods that was never written.
fn keep_comparable(outcome: Outcome) -> BTreeMap<String, Value> {
    let mut end = outcome.end;
    let templates = end.get(SET).and_then(|set| set["spec"]["volumeClaimTemplates"].as_array().cloned()).unwrap_or_default();
    let end_has_set = end.contains_key(SET);
    let waits = |path: &str| {
        let claim = path.rsplit('/').next().unwrap_or_default();
        // A DaemonSet has no claims, and those of the StatefulSet before it wait for another one (docs/reference/controller.md#7.4).
        !end_has_set || templates.iter().any(|template| claim.starts_with(template["metadata"]["name"].as_str().unwrap()))
    };
    end.retain(|path, object| {
        !path.contains("/persistentvolumeclaims/") || (object["metadata"]["ownerReferences"].is_array() && !waits(path))
    });
    for object in end.values_mut() {
        if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
            status.remove("rollout");
        }
        if object["status"] == json!({"pods": []}) {
            object.as_object_mut().unwrap().remove("status");
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use tars_common::{
        structural::{find_schema, list_violations},
        version::Version,
    };

    #[test]
    fn chains_draw_every_field_of_the_schema() {
        for (block, fields) in [("k8s", K8S), ("tars", TARS)] {
            let schema = find_schema("TServer", Version::V1Beta3, &["spec", block]).unwrap();
            let known: BTreeSet<&str> = fields.iter().map(|(name, _)| *name).collect();
            let stated: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(known, stated, "spec.{block}");
            for (name, text) in fields.iter().flat_map(|(name, values)| values.iter().map(move |text| (name, text))) {
                let (value, schema): (Value, _) = (serde_saphyr::from_str(text).unwrap(), &schema["properties"][name]);
                let violations = list_violations(&value, schema, 3);
                assert!(violations.is_empty(), "{name}: {text}: {violations:?}");
            }
        }
    }
}
