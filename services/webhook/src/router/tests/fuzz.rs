//! No body makes the webhook panic, and each gets a proper answer: reviews with changed bytes, and reviews whose JSON is changed at any
//! place. `PROPTEST_CASES=1000000 cargo test -p tarswebhook --lib fuzz` looks for longer; a failure prints the smallest body.

use super::*;
use proptest::{collection::vec, prelude::*};
use serde_json::Map;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
static ROUTER: LazyLock<Router> = LazyLock::new(|| RUNTIME.block_on(async { start_service().0 }));

/// Valid reviews of every kind of request, with their paths.
static SEEDS: LazyLock<Vec<(&str, Value)>> = LazyLock::new(|| {
    let mut seeds = Vec::new();
    for (resource, object) in list_objects() {
        for operation in ["CREATE", "UPDATE", "DELETE"] {
            let mut body = review("ledger", resource, operation, &object);
            if operation != "CREATE" {
                body["request"]["oldObject"] = object.clone();
            }
            if resource == "services" {
                body["request"]["resource"]["group"] = json!("");
            }
            seeds.push(("/mutating", body.clone()));
            seeds.push(("/validating", body));
        }
        for version in ["v1beta1", "v1beta2", "v1beta3"] {
            let request =
                json!({"uid": "u-2", "desiredAPIVersion": format!("k8s.tars.io/{version}"), "objects": [object.clone(), object]});
            seeds.push((
                "/conversion",
                json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}),
            ));
        }
    }
    seeds
});

fn list_objects() -> Vec<(&'static str, Value)> {
    let server = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer",
        "metadata": {
            "name": "ledger-audit", "labels": {"tars.io/ServerApp": "x"},
            "annotations": {"tars.io/MinReplicas": "1", "tars.io/Conversion.1b21b3": "{\"append\":{\"command\":[\"a\"]}}"},
        },
        "spec": {
            "app": "Ledger", "server": "Audit", "subType": "tars", "release": {"id": "v1", "image": "a/b:1", "source": "s"},
            "tars": {"template": "root", "profile": "<a>\n</a>", "servants": [{"name": "AObj", "port": 1}], "ports": [{"name": "p", "port": 2}]},
            "k8s": {
                "replicas": 2, "readinessGate": "a", "readinessGates": ["a"], "hostPorts": [{"nameRef": "p", "port": 3}],
                "mounts": [{"name": "m", "mountPath": "/m", "subPath": "s", "source": {"tLocalVolume": {"mode": "755"}}}],
                "nodeSelector": [{"key": "k", "operator": "Gt", "values": ["1"]}], "securityContext": {"runAsNonRoot": true},
                "livenessProbe": {"httpGet": {"port": "p"}}, "updateStrategy": {"type": "OnDelete"}, "abilityAffinity": "AppRequired",
            },
        },
    });
    let image = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TImage", "metadata": {"name": "i"}, "imageType": "base", "supportedType": ["cpp"],
        "releases": [{"id": "a", "image": "b"}, {"id": "a", "image": "c"}],
    });
    let tree = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TTree", "metadata": {"name": "tars-tree"}, "apps": [{"name": "A", "businessRef": "b"}],
        "businesses": [{"name": "b", "show": "b", "weight": 1}],
    });
    let account = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TAccount", "metadata": {"name": "5d41402abc4b2a76b9719d911017c592"},
        "spec": {"username": "hello", "authentication": {"password": null, "bcryptPassword": "x", "tokens": []}},
    });
    let framework = json!({
        "apiVersion": "k8s.tars.io/v1beta2", "kind": "TFrameworkConfig", "metadata": {"name": "tars-framework"},
        "imageBuild": {"idFormat": "x", "executor": {"image": "e"}}, "imageRegistry": {"registry": "r"}, "nodeImage": {"image": "n"},
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "ledger-audit", "labels": {"a": "b"}, "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]},
        "spec": {"ports": [{"port": 1}]},
    });
    vec![
        ("tservers", server),
        ("timages", image),
        ("ttrees", tree),
        ("taccounts", account),
        ("tframeworkconfigs", framework),
        ("services", service),
        ("ttemplates", template("root")),
        ("tconfigs", config("c")),
    ]
}

/// Sends a body, and checks the answer against the uid that the body has.
fn check(path: &str, body: Vec<u8>) -> Result<(), TestCaseError> {
    let uid = serde_json::from_slice::<Value>(&body).ok().and_then(|body| body.pointer("/request/uid").cloned());
    let router = ROUTER.clone();
    let (status, answer) = RUNTIME.block_on(async {
        let response = router.oneshot(post(path, body)).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    });
    if status != StatusCode::OK {
        prop_assert_eq!(status, StatusCode::BAD_REQUEST);
        prop_assert!(answer.starts_with(b"the body is not "));
        return Ok(());
    }
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    // The decoder skips members that no review has, even if they do not decode.
    if uid.is_some() {
        prop_assert_eq!(answer.pointer("/response/uid"), uid.as_ref());
    }
    if path == "/conversion" {
        let result = &answer["response"]["result"];
        let message = result["message"].as_str().unwrap_or_default();
        prop_assert!(result["status"] == "Success" || !message.is_empty(), "{}", answer);
    } else {
        let message = answer["response"]["status"]["message"].as_str().unwrap_or_default();
        prop_assert!(answer["response"]["allowed"] == true || !message.is_empty(), "{}", answer);
    }
    Ok(())
}

/// What takes the place of a part of a review. `None` removes the part.
fn choose_odd(action: u8) -> Option<Value> {
    let deep = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    Some(match action % 16 {
        0 => return None,
        1 => Value::Null,
        2 => json!(true),
        3 => json!(-1),
        4 => json!(u64::MAX),
        5 => json!(1e300),
        6 => json!(""),
        7 => json!("ü\u{0}\u{10ffff}"),
        8 => json!("x".repeat(70)),
        9 => json!("a".repeat(20_000)),
        10 => json!([]),
        11 => json!({}),
        12 => json!([null, {}, [], "a", 1]),
        13 => json!({"": null, "a/b~c": {"name": []}}),
        14 => deep(100),
        _ => deep(200),
    })
}

/// Changes the part of `value` that is the `place`th in the order in which they are written. Returns the parts that are left to count.
fn change(value: &mut Value, place: &mut usize, action: u8) {
    match value {
        Value::Object(members) => change_member(members, place, action),
        Value::Array(elements) => {
            for index in 0..elements.len() {
                if *place == 0 {
                    *place = usize::MAX;
                    match choose_odd(action) {
                        Some(odd) => elements[index] = odd,
                        None => drop(elements.remove(index)),
                    }
                    return;
                }
                *place -= 1;
                change(&mut elements[index], place, action);
                if *place == usize::MAX {
                    return;
                }
            }
        }
        _ => {}
    }
}

fn change_member(members: &mut Map<String, Value>, place: &mut usize, action: u8) {
    let names: Vec<String> = members.keys().cloned().collect();
    for name in names {
        if *place == 0 {
            *place = usize::MAX;
            match choose_odd(action) {
                Some(odd) => drop(members.insert(name, odd)),
                None => drop(members.shift_remove(&name)),
            }
            return;
        }
        *place -= 1;
        if let Some(member) = members.get_mut(&name) {
            change(member, place, action);
        }
        if *place == usize::MAX {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn changed_json_gets_a_proper_answer(seed in any::<prop::sample::Index>(), changes in vec((0_usize..120, any::<u8>()), 1..5)) {
        let (path, mut body) = seed.get(&SEEDS).clone();
        for (mut place, action) in changes {
            change(&mut body, &mut place, action);
        }
        check(path, body.to_string().into_bytes())?;
    }

    #[test]
    fn changed_bytes_get_a_proper_answer(seed in any::<prop::sample::Index>(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in option_of_index()) {
        let (path, body) = seed.get(&SEEDS);
        let mut bytes = body.to_string().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check(path, bytes)?;
    }

    #[test]
    fn any_bytes_get_a_proper_answer(path in prop::sample::select(vec!["/mutating", "/validating", "/conversion"]), bytes in vec(any::<u8>(), 0..200)) {
        check(path, bytes)?;
    }
}

fn option_of_index() -> impl Strategy<Value = Option<prop::sample::Index>> {
    proptest::option::weighted(0.2, any::<prop::sample::Index>())
}

/// How many bodies each test sends: enough for two seconds, or as many as `PROPTEST_CASES` says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000)
}
