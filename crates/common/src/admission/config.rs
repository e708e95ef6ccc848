//! TConfig: versions of a configuration, of which one is live (docs/reference/admission.md#5.2 and docs/reference/admission.md#6.2).
//!
//! A review writes no other object. A version that becomes active gets the time of its activation and a finalizer, in the same write.
//! By what is stored, the controller then deactivates the version before, and deletes the others when the live version is deleted
//! (docs/reference/controller.md#7.10).

use crate::{
    activation::{FINALIZER, follow, format_time},
    admission::{
        denial::Denial,
        facts::{ConfigFacts, Facts, Query},
        json,
        request::{Operation, Request},
        size::warn_of_size,
        warning::Warning,
    },
    names::{annotation, label},
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

/// Those of [`IMMUTABLE`] that every object has.
const REQUIRED: [&str; 3] = ["/app", "/configName", "/configContent"];

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
    let mut queries = vec![Query::Configs { app: text("/app"), server: text("/server"), config: text("/configName") }];
    if request.operation == Operation::Create && !text("/server").is_empty() {
        queries.push(Query::Server { app: text("/app"), server: text("/server") });
    }
    queries
}

/// Lists settings that are accepted, but are probably a mistake.
pub(super) fn list_warnings(request: &Request<'_>, facts: &Facts) -> Vec<Warning> {
    if request.operation != Operation::Create {
        return Vec::new();
    }
    let [app, server] = ["/app", "/server"].map(|pointer| json::text(request.object, pointer));
    let unknown = (!server.is_empty() && facts.configured_server.is_none()).then(|| {
        Warning::new("6.2.13", [app, server], |[app, server]| {
            format!(
                "server: this namespace has no tserver with app {app} and server {server}, so nobody reads this configuration yet"
            )
        })
        .at("server")
    });
    let long = warn_of_size("6.2.14", "configContent", json::text(request.object, "/configContent"));
    unknown.into_iter().chain(long).collect()
}

pub(super) fn mutate(request: &Request<'_>, facts: &Facts, object: &mut Value) -> Result<(), Denial> {
    if request.operation == Operation::Create {
        let version = build_version(request.now, json::text(object, "/metadata/name"));
        let time = request.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        if let Some(members) = object.as_object_mut() {
            members.insert("version".to_owned(), Value::from(version));
            members.insert("updateTime".to_owned(), Value::from(time));
        }
    }
    record_activation(request, &facts.configs, object);
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
    if request.operation == Operation::Update && !request.is_from_controller() && has_form(request.object) {
        validate_kept(request)?;
    }
    Ok(())
}

/// Whether the members that never change have the types of the schema. Otherwise the schema refuses the object, and says it better.
fn has_form(object: &Value) -> bool {
    IMMUTABLE.iter().all(|(pointer, _)| match object.pointer(pointer) {
        None | Some(Value::Null) => !REQUIRED.contains(pointer),
        Some(value) => value.is_string(),
    })
}

/// Stamps a version that becomes active. Otherwise only the controller changes the record, and a new inactive version notes the live
/// version that it belongs to.
fn record_activation(request: &Request<'_>, versions: &[ConfigFacts], object: &mut Value) {
    let created = request.operation == Operation::Create;
    if is_active(object) && (created || !is_active(request.old)) {
        let seq = json::text(object, "/podSeq");
        let others = versions.iter().filter(|version| version.pod_seq.as_deref() == Some(seq) && version.name != request.name);
        let earlier = others.filter_map(|version| version.activation.as_ref().map(|activation| activation.at));
        let time = format_time(follow(request.now, earlier));
        json::set_annotation(object, annotation::ACTIVATED_AT, Some(&time));
        json::set_annotation(object, annotation::LIVE_SINCE, None);
        hold(object);
    } else if created {
        let live = find_live(versions, json::text(object, "/podSeq"), request.name);
        let since = live.and_then(|live| live.activation.as_ref()).map(|activation| format_time(activation.at));
        json::set_annotation(object, annotation::ACTIVATED_AT, None);
        json::set_annotation(object, annotation::LIVE_SINCE, since.as_deref());
    } else if !request.is_from_controller() {
        for key in [annotation::ACTIVATED_AT, annotation::LIVE_SINCE] {
            json::set_annotation(object, key, json::annotation(request.old, key));
        }
        if json::list(request.old, "/metadata/finalizers").iter().any(|finalizer| finalizer == FINALIZER) {
            hold(object);
        }
    }
}

/// Adds the finalizer that the controller removes. The API server accepts no new finalizer on an object that is being deleted.
fn hold(object: &mut Value) {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        return;
    }
    let Some(metadata) = json::members(object, "/metadata") else { return };
    let finalizers = metadata.entry("finalizers").or_insert_with(|| Value::Array(Vec::new()));
    if finalizers.is_null() {
        *finalizers = Value::Array(Vec::new());
    }
    if let Some(finalizers) = finalizers.as_array_mut()
        && !finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    {
        finalizers.push(Value::from(FINALIZER));
    }
}

/// Builds the version of a new object. Versions sort by time, and objects of the same second differ in the second part. The time is
/// in UTC and has 24 hours; the existing webhook used local time and 12 hours.
fn build_version(now: Timestamp, name: &str) -> String {
    format!("{}-{:x}", now.strftime("%Y%m%d%H%M%S"), crc32fast::hash(name.as_bytes()))
}

pub(super) fn validate(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    match request.operation {
        Operation::Create => validate_creation(request, &facts.configs),
        Operation::Update if request.is_from_controller() => Ok(()),
        Operation::Update => validate_update(request),
        Operation::Delete if request.is_from_controller() || request.is_from_kubernetes() => Ok(()),
        Operation::Delete => validate_deletion(request, &facts.configs),
    }
}

fn validate_creation(request: &Request<'_>, versions: &[ConfigFacts]) -> Result<(), Denial> {
    for key in [label::DEACTIVATE, label::DELETING] {
        if json::label(request.object, key).is_some() {
            let reason = format!("can not set label [{key}] when create");
            return Err(Denial::forbidden("6.2.1", reason, "remove the label").at(format!("metadata.labels[{key}]")));
        }
    }
    let seq = json::text(request.object, "/podSeq");
    if seq != MASTER {
        if json::text(request.object, "/server").is_empty() {
            let remedy = "set .podSeq to m, or set .server to the server of that pod";
            return Err(Denial::forbidden("6.2.2", "app level tconfig does not support master/slave", remedy).at("podSeq"));
        }
        let master = |version: &&ConfigFacts| version.pod_seq.as_deref() == Some(MASTER) && version.is_active();
        if !versions.iter().any(|version| master(&version)) {
            let remedy = "create and activate the configuration with .podSeq m first";
            return Err(Denial::forbidden("6.2.3", "no activated master tconfig found", remedy).at("podSeq"));
        }
    }
    Ok(())
}

fn validate_update(request: &Request<'_>) -> Result<(), Denial> {
    validate_kept(request)?;
    if is_active(request.old) && !is_active(request.object) {
        return Err(Denial::forbidden(
            "6.2.7",
            "only use authorized account can update /activated from true to false",
            "activate another version instead, the controller then deactivates this version",
        )
        .at("activated"));
    }
    Ok(())
}

/// Checks that a version is not on its way out, and that what never changes is kept.
fn validate_kept(request: &Request<'_>) -> Result<(), Denial> {
    // Finalizers and owners of an object that is being deleted must remain removable.
    if json::label(request.old, label::DELETING).is_some() && !request.is_metadata_only() {
        return Err(Denial::forbidden("6.2.8", "can not update deleting tconfig", "create a new tconfig"));
    }
    for (pointer, kind) in IMMUTABLE {
        if json::text(request.object, pointer) != json::text(request.old, pointer) {
            let remedy = "create a new tconfig, which becomes the next version";
            return Err(Denial::immutable("6.2.4", kind, pointer, remedy));
        }
    }
    Ok(())
}

fn validate_deletion(request: &Request<'_>, versions: &[ConfigFacts]) -> Result<(), Denial> {
    if !is_active(request.old) {
        return Ok(());
    }
    let created = json::text(request.old, "/metadata/creationTimestamp").parse::<Timestamp>().ok();
    if let Some(left) = created.map(|created| created + DELETION_GUARD - request.now).filter(|left| left.get_seconds() >= 0) {
        let remedy = format!("try again in {} s", left.get_seconds() + 1);
        return Err(Denial::forbidden(
            "6.2.9",
            format!("tconfig during deletion guard time({}s)", DELETION_GUARD.as_secs()),
            remedy,
        ));
    }
    if [label::DEACTIVATE, label::DELETING].iter().any(|key| json::label(request.old, key).is_some()) {
        return Ok(());
    }
    let Request { namespace, name, .. } = request;
    let seq = json::text(request.old, "/podSeq");
    let own = versions.iter().find(|version| version.name == *name).and_then(|version| version.activation.as_ref());
    if find_live(versions, seq, name).is_some_and(|live| live.activation.as_ref() > own) {
        // A later version has taken over, and the controller has yet to deactivate this one.
        return Ok(());
    }
    let mut others = versions.iter().filter(|version| version.name != *name && !version.deleting);
    if seq == MASTER
        && let Some(slave) = others.find(|version| version.pod_seq.as_deref() != Some(MASTER))
    {
        let reason = format!("cannot delete tconfig {namespace}/{name} because it is reference by anther tconfig");
        let remedy = format!("tconfig {} overrides it for one pod, delete that tconfig first", slave.name);
        return Err(Denial::forbidden("6.2.10", reason, remedy));
    }
    Ok(())
}

/// Finds the live version for the pods `seq` among all versions but `name`: the one that was activated last.
fn find_live<'a>(versions: &'a [ConfigFacts], seq: &str, name: &str) -> Option<&'a ConfigFacts> {
    let candidates = versions.iter().filter(|version| version.name != name && version.pod_seq.as_deref() == Some(seq));
    candidates.filter(|version| version.is_active()).max_by_key(|version| version.activation.as_ref())
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
mod tests;
