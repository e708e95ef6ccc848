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
use tars_common::names::GROUP;

pub const MUTATING: &str = "tars-mutating-webhook";
pub const VALIDATING: &str = "tars-validating-webhook";
/// The resources that this webhook converts.
pub const CONVERTED: [&str; 2] = ["tservers", "tframeworkconfigs"];

/// An object with a `caBundle`: one of the two webhook configurations, or the definition of a converted resource.
#[derive(Clone, Copy)]
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

    /// Builds the patch that writes `bundle` to each clause that calls our Service. `None` when all of them have it.
    pub fn build_patch(self, object: &Value, service: &str, bundle: &ByteString) -> Option<Patch<Value>> {
        let bundle = json!(bundle);
        let lacks = |config: Option<&Value>| {
            let config = config.filter(|config| config.pointer("/service/name").and_then(Value::as_str) == Some(service))?;
            (config.get("caBundle") != Some(&bundle)).then_some(())
        };
        if let Self::Definition(_) = self {
            lacks(object.pointer("/spec/conversion/webhook/clientConfig"))?;
            return Some(Patch::Merge(json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": bundle}}}}})));
        }
        let webhooks = object.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let lacking = webhooks.iter().filter(|webhook| lacks(webhook.get("clientConfig")).is_some());
        // A strategic merge finds the webhooks of a configuration by their names.
        let patches: Vec<Value> =
            lacking.map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle}})).collect();
        (!patches.is_empty()).then(|| Patch::Strategic(json!({"webhooks": patches})))
    }
}

/// Reads the bundles of all clauses that call our Service. A clause without a bundle gives an empty text.
pub fn read_bundles(object: &Value, service: &str) -> impl Iterator<Item = String> {
    let webhooks = object.get("webhooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let clauses = webhooks.iter().filter_map(|webhook| webhook.get("clientConfig"));
    let ours = |config: &&Value| config.pointer("/service/name").and_then(Value::as_str) == Some(service);
    clauses.chain(object.pointer("/spec/conversion/webhook/clientConfig")).filter(ours).map(|config| {
        let bundle = config.get("caBundle").and_then(|bundle| serde_json::from_value::<ByteString>(bundle.clone()).ok());
        bundle.and_then(|bundle| String::from_utf8(bundle.0).ok()).unwrap_or_default()
    })
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
        json!({"webhooks": [{"name": "ours", "clientConfig": config("svc")}, {"name": "foreign", "clientConfig": config("other")}]})
    }

    #[test]
    fn only_our_clauses_are_written_and_only_when_they_differ() {
        let bundle = ByteString(b"new".to_vec());
        let Some(Patch::Strategic(patch)) = Carrier::Mutating.build_patch(&configuration(Some("old")), "svc", &bundle) else {
            panic!("no patch")
        };
        assert_eq!(patch, json!({"webhooks": [{"name": "ours", "clientConfig": {"caBundle": "bmV3"}}]}));
        assert!(Carrier::Mutating.build_patch(&configuration(None), "svc", &bundle).is_some());
        assert!(Carrier::Mutating.build_patch(&configuration(Some("new")), "svc", &bundle).is_none());
    }

    #[test]
    fn a_definition_without_our_conversion_is_left_alone() {
        let bundle = ByteString(b"new".to_vec());
        let carrier = Carrier::Definition("tservers");
        assert!(carrier.build_patch(&json!({"spec": {"conversion": {"strategy": "None"}}}), "svc", &bundle).is_none());
        let ours =
            json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": "svc"}}}}}});
        assert!(matches!(carrier.build_patch(&ours, "svc", &bundle), Some(Patch::Merge(_))));
        assert_eq!(read_bundles(&ours, "svc").collect::<Vec<_>>(), [""]);
    }
}
