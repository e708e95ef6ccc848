//! TConfig: versions of a configuration, of which one is active (docs/reference/admission.md#5.2 and docs/reference/admission.md#6.2).
//!
//! ```text
//! a version is activated ────────► the active version gets the label Deactivate ──► the controller sets its `activated` to false
//! the active version is deleted ─► the other versions get the label Deleting ─────► the controller deletes them
//! ```
//!
//! The labels are [`Effect`]s: the webhook writes them, but not for a dry run. A version that already carries such a label no longer
//! counts as active, so a second activation right after the first one is possible.

use crate::{
    admission::{
        denial::Denial,
        facts::{ConfigFacts, Facts, Query},
        json,
        request::{Effect, Operation, Request},
    },
    names::label,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The time after its creation in which an active version cannot be deleted, because a front end may still be working with it.
const DELETION_GUARD: SignedDuration = SignedDuration::from_secs(48);
/// `podSeq` of a configuration for all pods.
const MASTER: &str = "m";
/// Members that cannot change, each with the spelling of the kind in its message.
const IMMUTABLE: [(&str, &str); 9] = [
    ("/app", "tconfig"),
    ("/server", "tconfig"),
    ("/podSeq", "tconfig"),
    ("/configName", "tconfig"),
    ("/configContent", "tconfig"),
    ("/version", "tconfig"),
    ("/updateTime", "TConfig"),
    ("/updatePerson", "TConfig"),
    ("/updateReason", "TConfig"),
];

pub(super) fn list_queries(request: &Request<'_>) -> Vec<Query> {
    let needed = match request.operation {
        Operation::Create => true,
        Operation::Update => !request.is_from_controller() && activates(request),
        Operation::Delete => !request.is_from_controller() && !request.is_from_kubernetes() && is_active(request.old),
    };
    if !needed {
        return Vec::new();
    }
    let object = if request.operation == Operation::Delete { request.old } else { request.object };
    let text = |pointer| json::text(object, pointer).to_owned();
    vec![Query::Configs { app: text("/app"), server: text("/server"), config: text("/configName") }]
}

pub(super) fn mutate(request: &Request<'_>, object: &mut Value) {
    if request.operation == Operation::Create {
        let version = build_version(request.now, json::text(object, "/metadata/name"));
        let time = request.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        if let Some(members) = object.as_object_mut() {
            members.insert("version".to_owned(), Value::from(version));
            members.insert("updateTime".to_owned(), Value::from(time));
        }
    }
    let activated = if is_active(object) { "true" } else { "false" }.to_owned();
    for (key, value) in [
        (label::SERVER_APP, json::text(object, "/app").to_owned()),
        (label::SERVER_NAME, json::text(object, "/server").to_owned()),
        (label::CONFIG_NAME, json::text(object, "/configName").to_owned()),
        (label::POD_SEQ, json::text(object, "/podSeq").to_owned()),
        (label::ACTIVATED, activated),
        (label::VERSION, json::text(object, "/version").to_owned()),
    ] {
        json::set_label(object, key, &value);
    }
}

/// Builds the version of a new object. Versions sort by time, and objects of the same second differ in the second part. The time is
/// in UTC and has 24 hours; the existing webhook used local time and 12 hours.
fn build_version(now: Timestamp, name: &str) -> String {
    format!("{}-{:x}", now.strftime("%Y%m%d%H%M%S"), crc32fast::hash(name.as_bytes()))
}

pub(super) fn validate(request: &Request<'_>, facts: &Facts) -> Result<Vec<Effect>, Denial> {
    match request.operation {
        Operation::Create => validate_creation(request, &facts.configs),
        Operation::Update if request.is_from_controller() => Ok(Vec::new()),
        Operation::Update => validate_update(request, &facts.configs),
        Operation::Delete if request.is_from_controller() || request.is_from_kubernetes() => Ok(Vec::new()),
        Operation::Delete => validate_deletion(request, &facts.configs),
    }
}

fn validate_creation(request: &Request<'_>, versions: &[ConfigFacts]) -> Result<Vec<Effect>, Denial> {
    for key in [label::DEACTIVATE, label::DELETING] {
        if json::label(request.object, key).is_some() {
            return Err(Denial::forbidden(format!("can not set label [{key}] when create"), "remove the label"));
        }
    }
    let seq = json::text(request.object, "/podSeq");
    if seq != MASTER {
        if json::text(request.object, "/server").is_empty() {
            let remedy = "set .podSeq to m, or set .server to the server of that pod";
            return Err(Denial::forbidden("app level tconfig does not support master/slave", remedy));
        }
        let master = |version: &&ConfigFacts| version.pod_seq.as_deref() == Some(MASTER) && version.is_active();
        if !versions.iter().any(|version| master(&version)) {
            let remedy = "create and activate the configuration with .podSeq m first";
            return Err(Denial::forbidden("no activated master tconfig found", remedy));
        }
    }
    Ok(if is_active(request.object) { deactivate_others(request, versions) } else { Vec::new() })
}

fn validate_update(request: &Request<'_>, versions: &[ConfigFacts]) -> Result<Vec<Effect>, Denial> {
    // Finalizers and owners of an object that is being deleted must remain removable.
    if json::label(request.old, label::DELETING).is_some() && !request.is_metadata_only() {
        return Err(Denial::forbidden("can not update deleting tconfig", "create a new tconfig"));
    }
    for (pointer, kind) in IMMUTABLE {
        if json::text(request.object, pointer) != json::text(request.old, pointer) {
            return Err(Denial::Immutable {
                kind,
                field: pointer,
                remedy: "create a new tconfig, which becomes the next version",
            });
        }
    }
    match (is_active(request.old), is_active(request.object)) {
        (true, false) => Err(Denial::forbidden(
            "only use authorized account can update /activated from true to false",
            "activate another version instead, the controller then deactivates this version",
        )),
        (false, true) => Ok(deactivate_others(request, versions)),
        _ => Ok(Vec::new()),
    }
}

/// Deactivates the active versions of the same configuration and the same pods. A race can leave more than one active version; all of
/// them are deactivated.
fn deactivate_others(request: &Request<'_>, versions: &[ConfigFacts]) -> Vec<Effect> {
    let seq = json::text(request.object, "/podSeq");
    let replaced =
        |version: &&ConfigFacts| version.name != request.name && version.pod_seq.as_deref() == Some(seq) && version.is_active();
    let effect =
        |version: &ConfigFacts| Effect { config: version.name.clone(), label: label::DEACTIVATE, value: label::DEACTIVATING };
    versions.iter().filter(replaced).map(effect).collect()
}

fn validate_deletion(request: &Request<'_>, versions: &[ConfigFacts]) -> Result<Vec<Effect>, Denial> {
    if !is_active(request.old) {
        return Ok(Vec::new());
    }
    let created = json::text(request.old, "/metadata/creationTimestamp").parse::<Timestamp>().ok();
    if let Some(left) = created.map(|created| created + DELETION_GUARD - request.now).filter(|left| left.get_seconds() >= 0) {
        let remedy = format!("try again in {} s", left.get_seconds() + 1);
        return Err(Denial::forbidden(format!("tconfig during deletion guard time({}s)", DELETION_GUARD.as_secs()), remedy));
    }
    if [label::DEACTIVATE, label::DELETING].iter().any(|key| json::label(request.old, key).is_some()) {
        return Ok(Vec::new());
    }
    let Request { namespace, name, .. } = request;
    let seq = json::text(request.old, "/podSeq");
    let others = || versions.iter().filter(|version| version.name != *name && !version.deleting);
    let slave = others().find(|version| version.pod_seq.as_deref() != Some(MASTER));
    if let (MASTER, Some(slave)) = (seq, slave) {
        let reason = format!("cannot delete tconfig {namespace}/{name} because it is reference by anther tconfig");
        let remedy = format!("tconfig {} overrides it for one pod, delete that tconfig first", slave.name);
        return Err(Denial::forbidden(reason, remedy));
    }
    let same = others().filter(|version| version.pod_seq.as_deref() == Some(seq));
    let effect =
        |version: &ConfigFacts| Effect { config: version.name.clone(), label: label::DELETING, value: label::DELETING_VALUE };
    Ok(same.map(effect).collect())
}

/// Reads `activated`. The default of the schema is true; an object that was stored under an older schema may lack the member.
fn is_active(object: &Value) -> bool {
    object.get("activated").and_then(Value::as_bool).unwrap_or(true)
}

fn activates(request: &Request<'_>) -> bool {
    is_active(request.object) && !is_active(request.old)
}

impl ConfigFacts {
    /// Whether this version is active and the controller has not been asked to change that.
    fn is_active(&self) -> bool {
        self.activated && !self.deactivating && !self.deleting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Facts, Resource, mutate, tests::Fixture, validate};
    use serde_json::json;

    fn config(name: &str, seq: &str, activated: bool) -> Value {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": name, "creationTimestamp": "2026-03-04T15:00:00Z"},
            "app": "Ledger", "server": "Audit", "configName": "audit.conf", "configContent": "a=1", "podSeq": seq, "activated": activated,
        })
    }

    fn version(name: &str, seq: &str, activated: bool) -> ConfigFacts {
        let pod_seq = Some(seq.to_owned());
        ConfigFacts { name: name.to_owned(), pod_seq, activated, deactivating: false, deleting: false }
    }

    fn facts(configs: &[ConfigFacts]) -> Facts {
        Facts { configs: configs.to_vec(), ..Facts::default() }
    }

    fn names(effects: &[Effect]) -> Vec<(&str, &str)> {
        effects.iter().map(|effect| (effect.config.as_str(), effect.label)).collect()
    }

    #[test]
    fn creation_stamps_version_time_and_labels() {
        let mut object = config("first", "m", true);
        object["updateTime"] = json!("2001-01-01T00:00:00Z");
        let fixture = Fixture::create(Resource::Config, object);
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        // CRC-32 (IEEE) of "first", 15 o'clock of a 24-hour clock.
        assert_eq!(stored["version"], "20260304150607-b6f0a3d1".replace("b6f0a3d1", &format!("{:x}", crc32fast::hash(b"first"))));
        assert_eq!(stored["updateTime"], "2026-03-04T15:06:07Z");
        let expected = json!({
            "tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit", "tars.io/ConfigName": "audit.conf", "tars.io/PodSeq": "m",
            "tars.io/Activated": "true", "tars.io/Version": stored["version"],
        });
        assert_eq!(stored["metadata"]["labels"], expected);
    }

    #[test]
    fn crc_is_the_ieee_one() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_new_active_version_deactivates_each_active_version_of_its_identity() {
        let fixture = Fixture::create(Resource::Config, config("new", "m", true));
        let mut leaving = version("leaving", "m", true);
        leaving.deactivating = true;
        let known = [
            version("old", "m", true),
            version("older", "m", false),
            version("pod", "3", true),
            leaving,
            version("race", "m", true),
        ];
        let effects = validate(&fixture.request(), &facts(&known)).unwrap();
        assert_eq!(names(&effects), [("old", "tars.io/Deactivate"), ("race", "tars.io/Deactivate")]);
        let fixture = Fixture::create(Resource::Config, config("new", "m", false));
        assert_eq!(validate(&fixture.request(), &facts(&known)).unwrap(), []);
    }

    #[test]
    fn a_configuration_of_one_pod_needs_an_active_master() {
        let fixture = Fixture::create(Resource::Config, config("pod", "3", true));
        let text = validate(&fixture.request(), &facts(&[version("m", "m", false)])).unwrap_err().to_string();
        assert!(text.starts_with("no activated master tconfig found;"), "{text}");
        assert!(validate(&fixture.request(), &facts(&[version("m", "m", true)])).is_ok());
        let mut object = config("pod", "3", true);
        object["server"] = json!("");
        let text = validate(&Fixture::create(Resource::Config, object).request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.starts_with("app level tconfig does not support master/slave;"), "{text}");
    }

    #[test]
    fn an_update_can_only_activate() {
        let mut fixture = Fixture::create(Resource::Config, config("c", "m", false));
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        fixture.object["activated"] = json!(true);
        assert_eq!(
            names(&validate(&fixture.request(), &facts(&[version("live", "m", true)])).unwrap()),
            [("live", "tars.io/Deactivate")]
        );
        std::mem::swap(&mut fixture.object, &mut fixture.old);
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.starts_with("only use authorized account can update /activated from true to false;"), "{text}");
        for (member, kind) in [("configContent", "tconfig"), ("updateReason", "TConfig")] {
            fixture.object = fixture.old.clone();
            fixture.object[member] = json!("other");
            let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
            assert!(text.starts_with(&format!("{kind} resource filed \"/{member}\" is immutable;")), "{text}");
        }
        fixture.user = crate::names::CONTROLLER_USER;
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
    }

    #[test]
    fn deleting_the_active_version_deletes_all_unless_a_pod_overrides_it() {
        let fixture = Fixture::delete(Resource::Config, config("live", "m", true));
        let versions = [version("live", "m", true), version("older", "m", false)];
        assert_eq!(names(&validate(&fixture.request(), &facts(&versions)).unwrap()), [("older", "tars.io/Deleting")]);
        let overridden = [version("older", "m", false), version("pod", "3", false)];
        let text = validate(&fixture.request(), &facts(&overridden)).unwrap_err().to_string();
        assert!(text.contains("because it is reference by anther tconfig; tconfig pod overrides it"), "{text}");
        let fixture = Fixture::delete(Resource::Config, config("pod", "3", true));
        assert_eq!(
            names(&validate(&fixture.request(), &facts(&[version("live", "m", true), version("was", "3", false)])).unwrap()),
            [("was", "tars.io/Deleting")]
        );
    }

    #[test]
    fn a_fresh_active_version_cannot_be_deleted() {
        let mut fixture = Fixture::delete(Resource::Config, config("live", "m", true));
        fixture.old["metadata"]["creationTimestamp"] = json!("2026-03-04T15:05:30Z");
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.starts_with("tconfig during deletion guard time(48s); try again in 12 s"), "{text}");
        fixture.old["activated"] = json!(false);
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
    }
}
