//! TServer: the profile, which is a text in the form of a template, and the kind of server (docs/reference/admission.md#6.1.26 and
//! docs/reference/admission.md#6.1.17).

use crate::admission::{denial::Denial, json, request::Request, warning::Warning};
use serde_json::Value;
use tars::config::{Config, ParseError};

/// Refuses a profile that the registry cannot render, unless the stored one is broken, too: such an object may change in steps.
pub(super) fn validate_profile(request: &Request<'_>) -> Result<(), Denial> {
    match find_problem(request.object) {
        Some(problem) if find_problem(request.old).is_none() => {
            let reason = format!(".spec.tars.profile does not parse, {problem}");
            Err(Denial::invalid_server("6.1.26", reason, "correct this line, or the server could not start")
                .at("spec.tars.profile"))
        }
        _ => Ok(()),
    }
}

/// Warns about a profile that was broken before this update and still is.
pub(super) fn warn_of_profile(request: &Request<'_>) -> Option<Warning> {
    let problem = find_problem(request.object)?.to_string();
    find_problem(request.old)?;
    Some(
        Warning::new("6.1.26", [&problem], |[problem]| {
            format!("spec.tars.profile still does not parse, so the server cannot start: {problem}")
        })
        .at("spec.tars.profile"),
    )
}

/// Reads the text with the parser that the registry uses to render it.
fn find_problem(server: &Value) -> Option<ParseError> {
    Config::parse(json::text(server, "/spec/tars/profile")).err()
}

/// Warns about a `subType` that does not fit the block. Both are accepted, and `subType` alone decides whether tarsnode runs in the pods.
pub(super) fn warn_of_sub_type(object: &Value) -> Option<Warning> {
    let text = match (json::text(object, "/spec/subType"), json::has(object, "/spec/tars"), json::has(object, "/spec/normal")) {
        ("normal", true, false) => {
            "spec.subType: a server of subType normal runs without tarsnode, so the servants of spec.tars are not served by it; use \
             spec.normal, or create the server with subType tars"
        }
        ("tars", false, true) => {
            "spec.subType: a server of subType tars runs under tarsnode, but without spec.tars it has no template and no servants; use \
             spec.tars, or create the server with subType normal"
        }
        _ => return None,
    };
    Some(Warning::fixed("6.1.17", text).at("spec.subType"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Facts, Operation, Resource, list_warnings, tests::Fixture, validate};
    use serde_json::json;

    fn server(sub_type: &str, block: &str, profile: &str) -> Value {
        json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-audit"},
            "spec": {
                "app": "Trade", "server": "Audit", "subType": sub_type, "k8s": {},
                (block): {"template": "t", "servants": [], "ports": [], "profile": profile},
            },
        })
    }

    fn check(fixture: &Fixture) -> (Option<String>, Vec<&'static str>) {
        let facts = Facts { templates: [("t".to_owned(), None)].into(), ..Facts::default() };
        let denied = validate(&fixture.request(), &facts).err().map(|denied| denied.to_string());
        (denied, list_warnings(&fixture.request(), &facts).into_iter().map(|warning| warning.rule).collect())
    }

    #[test]
    fn a_profile_parses_or_was_broken_before() {
        let (good, broken) = ("<tars>\n</tars>\n", "<tars>\n<a>\n</tars>\n");
        assert_eq!(check(&Fixture::create(Resource::Server, server("tars", "tars", good))), (None, vec![]));
        let (denied, _) = check(&Fixture::create(Resource::Server, server("tars", "tars", broken)));
        let denied = denied.unwrap();
        assert!(
            denied.starts_with("tserver resource is invalid : .spec.tars.profile does not parse, line 3: </tars>"),
            "{denied}"
        );
        let update = |old: &str, new: &str| {
            let old = server("tars", "tars", old);
            check(&Fixture {
                operation: Operation::Update,
                old,
                ..Fixture::create(Resource::Server, server("tars", "tars", new))
            })
        };
        assert!(update(good, broken).0.is_some());
        assert_eq!(update(broken, "<b>"), (None, vec!["6.1.26"]));
        assert_eq!(update(broken, good), (None, vec![]));
    }

    #[test]
    fn a_sub_type_of_another_block_draws_a_warning() {
        for (sub_type, block, expected) in [
            ("tars", "tars", vec![]),
            ("normal", "normal", vec![]),
            ("normal", "tars", vec!["6.1.17"]),
            ("tars", "normal", vec!["6.1.17"]),
        ] {
            assert_eq!(
                check(&Fixture::create(Resource::Server, server(sub_type, block, ""))),
                (None, expected),
                "{sub_type} {block}"
            );
        }
    }
}
