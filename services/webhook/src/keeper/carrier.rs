//! The objects that tell API servers whom to trust: what they say, and how they are written.

use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::Patch,
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};
use std::fmt;
use tars_common::names::GROUP;

pub const MUTATING: &str = "tars-mutating-webhook";
pub const VALIDATING: &str = "tars-validating-webhook";
/// The resources that this webhook converts.
pub const CONVERTED: [&str; 2] = ["tservers", "tframeworkconfigs"];

/// An object with a `caBundle`: one of the two webhook configurations, or the definition of a converted resource.
#[derive(Clone, Copy, Debug)]
pub enum Carrier {
    Mutating,
    Validating,
    Definition(&'static str),
}

impl Carrier {
    pub const ALL: [Self; 4] = [Self::Mutating, Self::Validating, Self::Definition(CONVERTED[0]), Self::Definition(CONVERTED[1])];

    pub fn name(self) -> String {
        match self {
            Self::Mutating => MUTATING.to_owned(),
            Self::Validating => VALIDATING.to_owned(),
            Self::Definition(plural) => format!("{plural}.{GROUP}"),
        }
    }

    /// The objects stay untyped: a definition holds a large schema, which is not needed here.
    pub fn api(self, client: Client) -> Api<DynamicObject> {
        let resource = match self {
            Self::Mutating => ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            Self::Validating => ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
            Self::Definition(_) => ApiResource::erase::<CustomResourceDefinition>(&()),
        };
        Api::all_with(client, &resource)
    }

    /// Builds the patch that writes `bundle` to each of `clauses`. `None` when all of them have it.
    pub fn build_patch(self, clauses: &[Clause], bundle: &str) -> Option<Patch<Value>> {
        let bytes = ByteString(bundle.as_bytes().to_vec());
        let lacking = clauses.iter().filter(|clause| clause.bundle != bundle);
        // A strategic merge finds the webhooks of a configuration by their names.
        let patches: Vec<Value> =
            lacking.map(|clause| json!({"name": clause.webhook, "clientConfig": {"caBundle": bytes}})).collect();
        match self {
            _ if patches.is_empty() => None,
            Self::Definition(_) => {
                Some(Patch::Merge(json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": bytes}}}}})))
            }
            _ => Some(Patch::Strategic(json!({"webhooks": patches}))),
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Mutating => "mutatingwebhookconfiguration",
            Self::Validating => "validatingwebhookconfiguration",
            Self::Definition(_) => "customresourcedefinition",
        };
        write!(formatter, "{kind} {}", self.name())
    }
}

/// A part of a carrier that calls our Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The name of the webhook in its configuration. Empty for the conversion of a definition.
    webhook: String,
    /// PEM certificates of the authorities that the API server trusts. Empty without a bundle, or with one that is no text.
    pub bundle: String,
}

/// Reads the clauses that call our Service.
pub fn read_clauses(object: &Value, namespace: &str, service: &str) -> Vec<Clause> {
    let webhooks = object.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = webhooks.iter().filter_map(|webhook| Some((webhook["name"].as_str()?, webhook.get("clientConfig")?)));
    let conversion = object.pointer("/spec/conversion/webhook/clientConfig").map(|config| ("", config));
    let text = |config: &Value, pointer| config.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let ours = |(_, config): &(&str, &Value)| {
        let called = (text(config, "/service/namespace"), text(config, "/service/name"));
        called == (Some(namespace.to_owned()), Some(service.to_owned()))
    };
    let clauses = named.chain(conversion).filter(ours).map(|(webhook, config)| {
        let bundle = config.get("caBundle").and_then(|bundle| serde_json::from_value::<ByteString>(bundle.clone()).ok());
        let bundle = bundle.and_then(|bundle| String::from_utf8(bundle.0).ok()).unwrap_or_default();
        Clause { webhook: webhook.to_owned(), bundle }
    });
    clauses.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(bundle: Option<&str>) -> Value {
        let config = |service: &str| {
            let mut config = json!({"service": {"name": service, "namespace": "tars-system"}});
            if let Some(bundle) = bundle {
                config["caBundle"] = json!(ByteString(bundle.as_bytes().to_vec()));
            }
            config
        };
        let mut elsewhere = config("svc");
        elsewhere["service"]["namespace"] = json!("other");
        let webhook = |name: &str, config: Value| json!({"name": name, "clientConfig": config});
        json!({"webhooks": [webhook("ours", config("svc")), webhook("foreign", config("other")), webhook("elsewhere", elsewhere)]})
    }

    #[test]
    fn only_our_clauses_are_written_and_only_when_they_differ() {
        let patch = |bundle| Carrier::Mutating.build_patch(&read_clauses(&configuration(bundle), "tars-system", "svc"), "new");
        let Some(Patch::Strategic(written)) = patch(Some("old")) else { panic!("no patch") };
        assert_eq!(written, json!({"webhooks": [{"name": "ours", "clientConfig": {"caBundle": "bmV3"}}]}));
        assert!(patch(None).is_some());
        assert!(patch(Some("new")).is_none());
    }

    #[test]
    fn a_definition_without_our_conversion_is_left_alone() {
        assert!(read_clauses(&json!({"spec": {"conversion": {"strategy": "None"}}}), "tars-system", "svc").is_empty());
        let service = json!({"name": "svc", "namespace": "tars-system"});
        let ours = json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": service}}}}});
        let clauses = read_clauses(&ours, "tars-system", "svc");
        assert_eq!(clauses, [Clause { webhook: String::new(), bundle: String::new() }]);
        assert!(matches!(Carrier::Definition("tservers").build_patch(&clauses, "new"), Some(Patch::Merge(_))));
    }
}
