//! TTemplate: the label of the parent, the chain of parents, the text, and the objects that still use a template
//! (docs/reference/admission.md#5.6 and docs/reference/admission.md#6.4).

use crate::{
    admission::{
        denial::Denial,
        facts::{Facts, Query},
        json,
        request::{Operation, Request},
        resource::Resource,
        size::warn_of_size,
        warning::Warning,
    },
    names::label,
    templates::{ChainError, LONGEST_CHAIN, walk_parents},
};
use serde_json::Value;
use tars::config::{Config, ParseError};

const PARENT: &str = "/spec/parent";

pub(super) fn list_queries(request: &Request<'_>) -> Vec<Query> {
    if request.operation == Operation::Delete {
        if request.is_from_controller() || request.is_from_kubernetes() {
            return Vec::new();
        }
        return vec![Query::ChildOf(request.name.to_owned()), Query::ServerWithTemplate(request.name.to_owned())];
    }
    match json::text(request.object, PARENT) {
        parent if parent.is_empty() || parent == request.name => Vec::new(),
        parent => vec![Query::Lineage(parent.to_owned())],
    }
}

pub(super) fn mutate(request: &Request<'_>, object: &mut Value) -> Result<(), Denial> {
    let parent = json::text(object, PARENT).to_owned();
    if parent.is_empty() || parent == request.name {
        json::remove_label(object, label::PARENT);
        return Ok(());
    }
    if parent.len() > json::LABEL_LIMIT {
        let reason = format!(".spec.parent has {} characters", parent.len());
        let remedy = format!("its value becomes the label {}, use at most {} characters", label::PARENT, json::LABEL_LIMIT);
        return Err(Denial::invalid("5.6.2", Resource::Template, reason, remedy).at(PARENT));
    }
    json::set_label(object, label::PARENT, &parent);
    Ok(())
}

pub(super) fn validate(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    match request.operation {
        Operation::Delete => validate_deletion(request, facts),
        Operation::Create | Operation::Update if request.is_metadata_only() => Ok(()),
        Operation::Create | Operation::Update => {
            validate_parents(request, facts)?;
            validate_content(request)
        }
    }
}

/// Lists settings with which no server can start, although the template is accepted.
pub(super) fn list_warnings(request: &Request<'_>, facts: &Facts) -> Vec<Warning> {
    if request.operation == Operation::Delete {
        return Vec::new();
    }
    let long = warn_of_size("6.4.7", "spec.content", json::text(request.object, "/spec/content"));
    warn_of_content(request).into_iter().chain(warn_of_chain(request, facts)).chain(long).collect()
}

/// Warns about a text that was broken before this update and still is.
fn warn_of_content(request: &Request<'_>) -> Option<Warning> {
    let problem = find_problem(request.object)?.to_string();
    find_problem(request.old)?;
    Some(
        Warning::new("6.4.5", [&problem], |[problem]| {
            format!("spec.content still does not parse, so no server with this template can start: {problem}")
        })
        .at("spec.content"),
    )
}

/// Warns about a chain of parents that the name service cannot follow.
fn warn_of_chain(request: &Request<'_>, facts: &Facts) -> Option<Warning> {
    match walk(request, facts).err()? {
        ChainError::TooLong { .. } => Some(Warning::fixed(
            "6.4.6",
            format!(
                "spec.parent: the chain of parents has more than {LONGEST_CHAIN} templates, so no server with this template can start; \
                 name a parent with fewer ancestors"
            ),
        )
        .at(PARENT)),
        ChainError::Missing { name, child: Some(child) } => Some(Warning::new("6.4.6", [&name, &child], |[name, child]| {
            format!(
                "spec.parent: no server with this template can start, because {name}, the parent of {child}, does not exist; create it"
            )
        })
        .at(PARENT)),
        // [`validate`] has refused the request.
        ChainError::Missing { child: None, .. } | ChainError::Cycle { .. } => None,
    }
}

/// Refuses a text that the registry cannot render, unless the stored text is broken, too: such an object may change in steps.
fn validate_content(request: &Request<'_>) -> Result<(), Denial> {
    match find_problem(request.object) {
        Some(problem) if find_problem(request.old).is_none() => {
            let reason = format!(".spec.content does not parse, {problem}");
            Err(Denial::invalid(
                "6.4.5",
                Resource::Template,
                reason,
                "correct this line, or no server with this template could start",
            )
            .at("spec.content"))
        }
        _ => Ok(()),
    }
}

/// Reads the text with the parser that the registry uses to render it.
fn find_problem(template: &Value) -> Option<ParseError> {
    Config::parse(json::text(template, "/spec/content")).err()
}

fn validate_parents(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    let parent = json::text(request.object, PARENT);
    if parent.is_empty() {
        // The trailing space is part of the existing text.
        let reason = "value of filed \".spec.parent\" should not empty ";
        return Err(Denial::invalid(
            "6.4.1",
            Resource::Template,
            reason,
            "name the parent template, or the template itself if it has no parent",
        )
        .at(PARENT));
    }
    match walk(request, facts) {
        Err(ChainError::Missing { name, child }) if child.as_deref() == Some(request.name) => {
            let remedy = ".spec.parent names it, create it first or name an existing template";
            Err(Denial::missing("6.4.2", Resource::Template, request.namespace, name, remedy).at(PARENT))
        }
        // Another template names the ancestor that does not exist, so this one is not refused for it. The existing webhook accepts
        // chains of any length. Both draw a warning.
        Ok(_) | Err(ChainError::Missing { .. } | ChainError::TooLong { .. }) => Ok(()),
        Err(ChainError::Cycle { path }) => {
            let reason = format!("parents form a cycle: {}", path.join(" -> "));
            Err(Denial::invalid(
                "6.4.3",
                Resource::Template,
                reason,
                "set .spec.parent to a template that does not descend from it",
            )
            .at(PARENT))
        }
    }
}

/// Follows the parents from the template of the request, as it would be stored.
fn walk<'a>(request: &Request<'a>, facts: &'a Facts) -> Result<Vec<(String, &'a str)>, ChainError> {
    let parent_of = |name: &str| match facts.templates.get(name) {
        // The facts may still have the parent that this template had before.
        _ if name == request.name => Some(json::text(request.object, PARENT)),
        known => known.map(|parent| parent.as_deref().unwrap_or_default()),
    };
    walk_parents(request.name, parent_of, |parent| parent)
}

fn validate_deletion(request: &Request<'_>, facts: &Facts) -> Result<(), Denial> {
    if request.is_from_controller() || request.is_from_kubernetes() {
        return Ok(());
    }
    let Request { namespace, name, .. } = request;
    let referenced = |by: Resource, which: &str| {
        let reason = format!("cannot delete ttemplate {namespace}/{name} because it is reference by some {by}");
        Denial::forbidden("6.4.4", reason, format!("{by} {which} names it, change that {by} first"))
    };
    if let Some(child) = &facts.child_template {
        return Err(referenced(Resource::Template, child));
    }
    if let Some(server) = &facts.server_with_template {
        return Err(referenced(Resource::Server, server));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admission::{Denied, list_warnings, mutate, tests::Fixture, validate},
        templates::LONGEST_CHAIN,
    };
    use serde_json::json;

    fn template(name: &str, parent: &str) -> Value {
        json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": {"name": name}, "spec": {"content": "", "parent": parent}})
    }

    fn facts(templates: &[(&str, Option<&str>)]) -> Facts {
        let templates = templates.iter().map(|(name, parent)| ((*name).to_owned(), parent.map(str::to_owned))).collect();
        Facts { templates, ..Facts::default() }
    }

    fn refusal(name: &str, parent: &str, facts: &Facts) -> Option<String> {
        let fixture = Fixture::create(Resource::Template, template(name, parent));
        validate(&fixture.request(), facts).err().map(|denied: Denied| denied.to_string())
    }

    #[test]
    fn a_parent_must_exist_and_may_be_the_template_itself() {
        assert_eq!(refusal("root", "root", &facts(&[])), None);
        assert_eq!(refusal("leaf", "root", &facts(&[("root", None)])), None);
        let text = refusal("leaf", "gone", &facts(&[("root", None)])).unwrap();
        assert!(text.starts_with("ttemplate ledger/gone not exists; .spec.parent names it"), "{text}");
        let text = refusal("leaf", "", &facts(&[])).unwrap();
        assert!(text.starts_with("ttemplate resource is invalid : value of filed \".spec.parent\" should not empty ;"), "{text}");
    }

    #[test]
    fn cycles_of_any_length_are_refused_and_shown() {
        type Known = &'static [(&'static str, Option<&'static str>)];
        let cases: [(Known, &str); 3] = [
            (&[("b", Some("a"))], "a -> b -> a"),
            (&[("b", Some("c")), ("c", Some("a"))], "a -> b -> c -> a"),
            // A cycle further up that an older release let in.
            (&[("b", Some("c")), ("c", Some("b"))], "a -> b -> c -> b"),
        ];
        for (known, cycle) in cases {
            let text = refusal("a", "b", &facts(known)).unwrap();
            assert!(text.contains(&format!("parents form a cycle: {cycle};")), "{text}");
        }
        assert_eq!(refusal("a", "b", &facts(&[("b", Some("b"))])), None, "b is its own parent, so it has no parent");
        assert_eq!(refusal("a", "b", &facts(&[("b", Some("gone"))])), None, "a missing grandparent is not this template's fault");
    }

    #[test]
    fn a_chain_that_is_too_long_for_the_name_service_is_accepted() {
        let names: Vec<_> = (0..=LONGEST_CHAIN).map(|i| format!("t{i}")).collect();
        let mut known: Vec<_> = names.windows(2).map(|pair| (pair[0].as_str(), Some(pair[1].as_str()))).collect();
        known.push((&names[LONGEST_CHAIN], None));
        assert_eq!(refusal("leaf", "t2", &facts(&known)), None, "31 ancestors are not too many");
        assert_eq!(refusal("leaf", "t1", &facts(&known)), None, "32 ancestors are too many for the name service only");
    }

    #[test]
    fn a_chain_that_the_name_service_cannot_follow_draws_a_warning() {
        let warned = |parent: &str, known: &[(&str, Option<&str>)]| {
            let fixture = Fixture::create(Resource::Template, template("leaf", parent));
            assert_eq!(refusal("leaf", parent, &facts(known)), None);
            list_warnings(&fixture.request(), &facts(known))
        };
        let names: Vec<_> = (0..=LONGEST_CHAIN).map(|i| format!("t{i}")).collect();
        let mut known: Vec<_> = names.windows(2).map(|pair| (pair[0].as_str(), Some(pair[1].as_str()))).collect();
        known.push((&names[LONGEST_CHAIN], None));
        assert_eq!(warned("t2", &known), []);
        let warnings = warned("t1", &known);
        assert!(warnings.len() == 1 && warnings[0].text.contains("more than 32 templates"), "{warnings:?}");
        let warnings = warned("b", &[("b", Some("gone"))]);
        assert!(
            warnings.len() == 1 && warnings[0].text.contains("because gone, the parent of b, does not exist"),
            "{warnings:?}"
        );
        assert_eq!(warned("b", &[("b", None)]), []);
        assert_eq!(warned("leaf", &[]), []);
    }

    #[test]
    fn the_label_follows_the_parent() {
        let mut fixture = Fixture::create(Resource::Template, template("leaf", "root"));
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(stored["metadata"]["labels"]["tars.io/Parent"], "root");
        fixture.object = stored;
        fixture.object["spec"]["parent"] = json!("leaf");
        let stored = mutate(&fixture.request(), &Facts::default()).unwrap();
        assert_eq!(stored["metadata"]["labels"].get("tars.io/Parent"), None);
        fixture.object["spec"]["parent"] = json!("p".repeat(64));
        let text = mutate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        assert!(text.contains(".spec.parent has 64 characters"), "{text}");
    }

    #[test]
    fn a_template_in_use_stays_except_for_the_system() {
        let mut fixture = Fixture::delete(Resource::Template, template("root", "root"));
        let used = Facts { server_with_template: Some("ledger-audit".to_owned()), ..Facts::default() };
        let text = validate(&fixture.request(), &used).unwrap_err().to_string();
        assert!(text.starts_with("cannot delete ttemplate ledger/root because it is reference by some tserver;"), "{text}");
        let used = Facts { child_template: Some("leaf".to_owned()), ..used };
        let text = validate(&fixture.request(), &used).unwrap_err().to_string();
        assert!(text.contains("reference by some ttemplate; ttemplate leaf names it"), "{text}");
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
        fixture.user = "system:serviceaccount:kube-system:namespace-controller";
        assert!(validate(&fixture.request(), &used).is_ok());
    }

    #[test]
    fn an_update_of_metadata_alone_is_accepted_though_the_parent_is_gone() {
        let mut fixture = Fixture::create(Resource::Template, template("leaf", "gone"));
        fixture.operation = Operation::Update;
        fixture.old = fixture.object.clone();
        fixture.object["metadata"]["finalizers"] = json!([]);
        assert!(validate(&fixture.request(), &Facts::default()).is_ok());
    }

    #[test]
    fn a_text_that_does_not_parse_is_refused_with_its_line_unless_it_was_broken_before() {
        let with_content = |content: &str| {
            let mut object = template("root", "root");
            object["spec"]["content"] = json!(content);
            object
        };
        let (good, broken) = ("<tars>\n  loose text\n  a=1=2\n</tars> rest\n", "<tars>\n  <application>\n</tars>\n");
        let mut fixture = Fixture::create(Resource::Template, with_content(good));
        assert!(validate(&fixture.request(), &Facts::default()).is_ok(), "the parser is lenient");
        fixture.object = with_content(broken);
        let text = validate(&fixture.request(), &Facts::default()).unwrap_err().to_string();
        let expected = "ttemplate resource is invalid : .spec.content does not parse, line 3: </tars> does not close";
        assert!(text.starts_with(expected) && text.contains("; correct this line"), "{text}");

        (fixture.operation, fixture.old) = (Operation::Update, with_content(good));
        assert!(validate(&fixture.request(), &Facts::default()).is_err(), "the update would break it");
        assert_eq!(list_warnings(&fixture.request(), &Facts::default()), []);
        fixture.old = with_content("<tars>");
        assert!(validate(&fixture.request(), &Facts::default()).is_ok(), "it was broken before");
        let warnings = list_warnings(&fixture.request(), &Facts::default());
        assert!(
            warnings.len() == 1 && warnings[0].rule == "6.4.5" && warnings[0].text.contains("line 3: </tars>"),
            "{warnings:?}"
        );
        fixture.object = with_content(good);
        assert_eq!(list_warnings(&fixture.request(), &Facts::default()), [], "the update mends it");
    }
}
