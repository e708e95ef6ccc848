//! Each rule about configurations, and the record of activations.

use super::*;
use crate::{
    activation::Activation,
    admission::{Facts, Resource, list_queries, list_warnings, mutate, tests::Fixture, validate},
    names::CONTROLLER_USER,
};
use serde_json::json;

fn config(name: &str, seq: &str, activated: bool) -> Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TConfig", "metadata": {"name": name, "creationTimestamp": "2026-03-04T15:00:00Z"},
        "app": "Ledger", "server": "Audit", "configName": "audit.conf", "configContent": "a=1", "podSeq": seq, "activated": activated,
    })
}

fn version(name: &str, seq: &str, activated: bool) -> ConfigFacts {
    let (pod_seq, name) = (Some(seq.to_owned()), name.to_owned());
    let activation = activated.then(|| Activation { at: "2026-03-04T15:00:00Z".parse().unwrap(), name: name.clone() });
    ConfigFacts { name, pod_seq, activated, deactivating: false, deleting: false, activation }
}

fn activated_at(name: &str, time: &str) -> ConfigFacts {
    let mut version = version(name, "m", true);
    version.activation = Some(Activation { at: time.parse().unwrap(), name: name.to_owned() });
    version
}

fn update(old: Value, object: Value) -> Fixture {
    Fixture { operation: Operation::Update, old, ..Fixture::create(Resource::Config, object) }
}

fn record(object: &Value) -> [Option<&str>; 2] {
    [annotation::ACTIVATED_AT, annotation::LIVE_SINCE].map(|key| json::annotation(object, key))
}

fn facts(configs: &[ConfigFacts]) -> Facts {
    Facts { configs: configs.to_vec(), ..Facts::default() }
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
fn a_version_that_becomes_active_is_stamped_and_held_in_the_same_write() {
    let fixture = Fixture::create(Resource::Config, config("new", "m", true));
    let stored = mutate(&fixture.request(), &facts(&[version("old", "m", true)])).unwrap();
    assert_eq!(record(&stored), [Some("2026-03-04T15:06:07.000000Z"), None]);
    assert_eq!(stored["metadata"]["finalizers"], json!([FINALIZER]));
    // The clock of the webhook that stamped the version before is ahead.
    let ahead = [activated_at("old", "2026-03-04T15:06:08Z"), version("pod", "3", true)];
    let stored = mutate(&fixture.request(), &facts(&ahead)).unwrap();
    assert_eq!(record(&stored)[0], Some("2026-03-04T15:06:08.000001Z"));

    let mut old = config("new", "m", false);
    old["metadata"]["annotations"] = json!({"tars.io/LiveVersionSince": "2026-03-04T15:00:00.000000Z", "note": "x"});
    let mut object = old.clone();
    object["activated"] = json!(true);
    object["metadata"]["finalizers"] = json!(["example.org/own"]);
    let mut fixture = update(old, object);
    let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
    assert_eq!(record(&stored), [Some("2026-03-04T15:06:07.000000Z"), None]);
    assert_eq!(stored["metadata"]["annotations"]["note"], "x");
    assert_eq!(stored["metadata"]["finalizers"], json!(["example.org/own", FINALIZER]));
    // The API server would refuse a new finalizer.
    fixture.object["metadata"]["deletionTimestamp"] = json!("2026-03-04T15:06:00Z");
    let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
    assert_eq!(stored["metadata"]["finalizers"], json!(["example.org/own"]));
}

#[test]
fn a_new_inactive_version_takes_nothing_over_and_notes_the_live_version() {
    let mut object = config("draft", "m", false);
    object["metadata"]["annotations"] = json!({"tars.io/ActivatedAt": "2030-01-01T00:00:00Z"});
    let fixture = Fixture::create(Resource::Config, object);
    let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
    assert_eq!((record(&stored), stored["metadata"].get("finalizers")), ([None, None], None));
    let mut leaving = activated_at("leaving", "2026-03-04T15:05:00Z");
    leaving.deactivating = true;
    let known = [version("older", "m", true), activated_at("live", "2026-03-04T15:04:00Z"), leaving, version("pod", "3", true)];
    let stored = mutate(&fixture.request(), &facts(&known)).unwrap();
    assert_eq!(record(&stored), [None, Some("2026-03-04T15:04:00.000000Z")]);
    assert!(validate(&fixture.request(), &facts(&known)).is_ok());
}

#[test]
fn only_the_controller_changes_the_record_of_activations() {
    let mut old = config("c", "m", true);
    old["metadata"]["annotations"] = json!({"tars.io/ActivatedAt": "2026-03-04T15:00:00.000000Z"});
    old["metadata"]["finalizers"] = json!([FINALIZER]);
    let mut object = config("c", "m", true);
    object["metadata"]["annotations"] = json!({"tars.io/LiveVersionSince": "2026-03-04T15:00:00.000000Z"});
    let mut fixture = update(old, object);
    let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
    assert_eq!(record(&stored), [Some("2026-03-04T15:00:00.000000Z"), None]);
    assert_eq!(stored["metadata"]["finalizers"], json!([FINALIZER]));
    fixture.user = CONTROLLER_USER;
    let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
    assert_eq!(record(&stored), [None, Some("2026-03-04T15:00:00.000000Z")]);
    assert_eq!(stored["metadata"].get("finalizers"), None);
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
    let mut fixture = update(config("c", "m", false), config("c", "m", true));
    assert!(validate(&fixture.request(), &facts(&[version("live", "m", true)])).is_ok());
    std::mem::swap(&mut fixture.object, &mut fixture.old);
    let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
    assert!(text.starts_with("only use authorized account can update /activated from true to false;"), "{text}");
    for (member, kind) in [("configContent", "tconfig"), ("updateReason", "TConfig")] {
        fixture.object = fixture.old.clone();
        fixture.object[member] = json!("other");
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.starts_with(&format!("{kind} resource filed \"/{member}\" is immutable;")), "{text}");
    }
    fixture.user = CONTROLLER_USER;
    assert!(validate(&fixture.request(), &Facts::default()).is_ok());
}

/// The schema has these rules, too, and comes before the validating phase.
#[test]
fn the_mutating_phase_refuses_what_the_schema_would_refuse_in_other_words() {
    let refuse = |fixture: &Fixture| mutate(&fixture.request(), &Facts::default()).map_err(|denied| denied.to_string());
    let mut fixture = update(config("c", "m", true), config("c", "m", true));
    for (pointer, kind) in IMMUTABLE {
        fixture.object = fixture.old.clone();
        fixture.object[&pointer[1..]] = json!("7");
        let text = refuse(&fixture).unwrap_err();
        assert!(text.starts_with(&format!("{kind} resource filed \"{pointer}\" is immutable;")), "{text}");
        assert_eq!(text, validate(&fixture.request(), &Facts::default()).unwrap_err().to_string());
        fixture.object[&pointer[1..]] = json!(7);
        assert!(refuse(&fixture).is_ok(), "the schema says it better");
    }
    fixture.object = fixture.old.clone();
    fixture.object["configContent"] = json!(null);
    assert!(refuse(&fixture).is_ok(), "the schema says it better");
    fixture.object["configContent"] = json!("other");
    fixture.old["metadata"]["labels"] = json!({"tars.io/Deleting": "Deleting"});
    assert!(refuse(&fixture).unwrap_err().starts_with("can not update deleting tconfig;"), "the order of the rules stays");
    fixture.user = CONTROLLER_USER;
    assert!(refuse(&fixture).is_ok());
}

#[test]
fn the_live_version_stays_while_another_version_overrides_it_for_a_pod() {
    let fixture = Fixture::delete(Resource::Config, config("live", "m", true));
    let versions = [version("live", "m", true), version("older", "m", false)];
    assert!(validate(&fixture.request(), &facts(&versions)).is_ok());
    let overridden = [version("live", "m", true), version("pod", "3", false)];
    let text = validate(&fixture.request(), &facts(&overridden)).unwrap_err().to_string();
    assert!(text.contains("because it is reference by anther tconfig; tconfig pod overrides it"), "{text}");
    // A version that was activated later is live, although the controller has not deactivated this one yet.
    let replaced = [version("live", "m", true), version("pod", "3", false), activated_at("new", "2026-03-04T15:01:00Z")];
    assert!(validate(&fixture.request(), &facts(&replaced)).is_ok());
    let fixture = Fixture::delete(Resource::Config, config("pod", "3", true));
    assert!(validate(&fixture.request(), &facts(&[version("live", "m", true), version("was", "3", false)])).is_ok());
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

#[test]
fn a_configuration_that_nobody_reads_draws_a_warning() {
    let fixture = Fixture::create(Resource::Config, config("new", "m", true));
    let query = Query::Server { app: "Ledger".to_owned(), server: "Audit".to_owned() };
    assert!(list_queries(&fixture.request()).contains(&query));
    let warn = |fixture: &Fixture, server: Option<&str>| {
        let facts = Facts { configured_server: server.map(str::to_owned), ..Facts::default() };
        list_warnings(&fixture.request(), &facts).into_iter().map(|warning| warning.rule).collect::<Vec<_>>()
    };
    assert_eq!(warn(&fixture, None), ["6.2.13"]);
    assert!(warn(&fixture, Some("ledger-audit")).is_empty());
    let mut of_the_app = config("new", "m", true);
    of_the_app["server"] = json!("");
    assert!(warn(&Fixture::create(Resource::Config, of_the_app), None).is_empty());
    let mut long = config("new", "m", true);
    long["configContent"] = json!("ü".repeat(800_000));
    assert_eq!(warn(&Fixture::create(Resource::Config, long), Some("ledger-audit")), ["6.2.14"]);
}
