use super::*;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::Value;

fn served_everywhere() -> CrdOptions {
    CrdOptions { served: Version::ALL.to_vec(), ..CrdOptions::default() }
}

fn documents(text: &str) -> Vec<Value> {
    let documents: Vec<_> = text.split("---\n").filter(|part| part.contains("kind:")).collect();
    documents.into_iter().map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// YAML quotes some texts; the definitions must survive that.
#[test]
fn rendered_definitions_read_back() {
    let definitions = build_all(&served_everywhere());
    let read: Vec<CustomResourceDefinition> =
        documents(&render(&definitions).unwrap()).into_iter().map(|json| serde_json::from_value(json).unwrap()).collect();
    assert_eq!(read, definitions);
}

/// If the actions are replaced like Helm does it, the chart is equal to the definitions, and no other action is left.
#[test]
fn chart_is_the_definitions_with_options_left_open() {
    let template = render_chart(&build_all(&CrdOptions::default())).unwrap();
    for (served, storage) in [
        (vec![Version::V1Beta2, Version::V1Beta3], Version::V1Beta3),
        (Version::ALL.to_vec(), Version::V1Beta1),
        (vec![Version::V1Beta2], Version::V1Beta2),
    ] {
        let mut text = template.clone();
        text = text.lines().filter(|line| !line.starts_with("{{-")).flat_map(|line| [line, "\n"]).collect();
        for version in Version::ALL {
            let name = version.as_str();
            let set = |text: &str, action: String, value: bool| text.replace(&action, &value.to_string());
            text = set(&text, format!("{{{{ has \"{name}\" .Values.servers }}}}"), served.contains(&version));
            text = set(&text, format!("{{{{ eq .Values.storage \"{name}\" }}}}"), version == storage);
            text = set(&text, format!("{{{{ ne .Values.storage \"{name}\" }}}}"), version != storage);
        }
        assert_eq!(text.lines().find(|line| line.contains("{{")), None, "an action was not understood");
        let wanted = render(&build_all(&CrdOptions { served, storage, ..CrdOptions::default() })).unwrap();
        assert_eq!(documents(&text), documents(&wanted));
    }
}

/// What an older API server does not know is left out for it, together with its key.
#[test]
fn chart_for_older_servers_has_neither_field_selectors_nor_rules_for_new_objects() {
    let template = render_chart(&build_all(&CrdOptions::default())).unwrap();
    let mut left_out = Vec::new();
    let mut kept = Vec::new();
    let mut condition = None;
    for line in template.lines() {
        match line.strip_prefix("{{- ") {
            Some("end }}") => condition = None,
            Some(action) => condition = Some(action),
            None => condition.map_or(&mut kept, |_| &mut left_out).push((condition, line)),
        }
    }
    let keys: Vec<_> =
        left_out.iter().filter(|(_, line)| line.ends_with(':')).map(|(action, line)| (action.unwrap(), line.trim())).collect();
    let since = |version: &str| format!("if semverCompare \">={version}-0\" .Capabilities.KubeVersion.Version }}}}");
    let (rules, fields) = (since("1.30"), since("1.31"));
    // Three versions of TServer and of TTree; three versions of five kinds with selectable fields, and one of the two whose schemas
    // differ.
    assert_eq!(keys.iter().filter(|&&key| key == (&*rules, "x-kubernetes-validations:")).count(), 6, "{keys:?}");
    assert_eq!(keys.iter().filter(|&&key| key == (&*fields, "selectableFields:")).count(), 17, "{keys:?}");
    assert_eq!(keys.len(), 23, "{keys:?}");
    assert!(!kept.iter().any(|(_, line)| line.contains("optionalOldSelf") || line.contains("selectableFields")));
}

/// Definitions have everything that the API server requires, and everything that ours promise.
#[test]
fn definitions_are_complete() {
    for definition in build_all(&served_everywhere()) {
        let name = definition.metadata.name.clone().unwrap();
        let spec = &definition.spec;
        assert_eq!(definition.metadata.annotations.as_ref().unwrap()["helm.sh/resource-policy"], "keep");
        assert_eq!(name, format!("{}.{}", spec.names.plural, spec.group));
        assert_eq!(spec.versions.iter().filter(|version| version.storage).count(), 1, "{name}");
        for version in &spec.versions {
            assert_eq!(version.deprecated.is_some(), version.name != "v1beta3");
            assert_eq!(version.deprecated.is_some(), version.deprecation_warning.is_some());
            let columns = version.additional_printer_columns.as_deref().unwrap_or_default();
            assert!(columns.last().is_none_or(|column| column.name == "Age"), "{name}");
        }
        let converted = spec.conversion.as_ref().unwrap().webhook.as_ref();
        assert_eq!(converted.is_some(), ["TServer", "TFrameworkConfig"].contains(&spec.names.kind.as_str()), "{name}");
        assert_eq!(converted.and_then(|webhook| webhook.client_config.as_ref()?.ca_bundle.as_ref()), None);
    }
}

#[test]
fn kinds_without_the_wanted_version_are_stored_in_the_newest() {
    let definitions = build_all(&CrdOptions { storage: Version::V1Beta1, ..CrdOptions::default() });
    for definition in definitions {
        let stored: Vec<_> = definition.spec.versions.iter().filter(|version| version.storage).map(|one| &one.name).collect();
        let newest = definition.spec.names.kind.starts_with("TFramework");
        assert_eq!(stored, [if newest { "v1beta3" } else { "v1beta1" }]);
    }
}

/// Lists what `kubectl get` shows of each kind.
#[test]
fn names_and_columns() {
    let mut lines = Vec::new();
    for definition in build_all(&served_everywhere()) {
        let spec = definition.spec;
        let categories = spec.names.categories.unwrap_or_default().join(" ");
        lines.push(format!(
            "{} {} {} {categories}",
            spec.names.kind,
            spec.names.plural,
            spec.names.short_names.unwrap().join(" ")
        ));
        for version in spec.versions {
            let columns = version.additional_printer_columns.unwrap_or_default();
            let columns: Vec<_> = columns
                .iter()
                .map(|one| {
                    format!("{} {} {}{}", one.name, one.type_, one.json_path, if one.priority.is_some() { " (wide)" } else { "" })
                })
                .collect();
            let subresources = version.subresources.map(|one| serde_json::to_string(&one).unwrap()).unwrap_or_default();
            lines.push(format!("  {}: {} {subresources}", version.name, columns.join(", ")));
            let fields = version.selectable_fields.unwrap_or_default();
            lines.push(format!(
                "    selectable: {}",
                fields.into_iter().map(|field| field.json_path).collect::<Vec<_>>().join(" ")
            ));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

fn list_rules(path: &str, schema: &JSONSchemaProps, lines: &mut Vec<String>) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        lines.push(format!("{path}: {} | {}", rule.rule, rule.message.as_deref().unwrap()));
    }
    for (name, field) in schema.properties.iter().flatten() {
        list_rules(&format!("{path}.{name}"), field, lines);
    }
}

/// Lists the rules in CEL. They are the same in all versions.
#[test]
fn rules_in_cel() {
    let mut all = Vec::new();
    for definition in build_all(&served_everywhere()) {
        let versions = definition.spec.versions.iter().map(|version| {
            let mut lines = Vec::new();
            let schema = version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
            list_rules(&definition.spec.names.kind, schema, &mut lines);
            lines
        });
        let mut versions: Vec<_> = versions.collect();
        versions.dedup();
        assert_eq!(versions.len(), 1, "{}", definition.spec.names.kind);
        all.append(&mut versions[0]);
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn chart_has_the_generated_definitions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../helm/tarscontroller/charts/crds/templates/crds.yaml");
    let copy = std::fs::read_to_string(path).unwrap();
    assert!(
        copy == render_chart(&build_all(&CrdOptions::default())).unwrap(),
        "{path} differs from the types; run integration/gen.sh"
    );
}
