//! Turns a review into its answer. Pure: facts about other objects come in as [`Facts`].

use jiff::Timestamp;
use kube::core::{
    DynamicObject, Status,
    admission::{AdmissionRequest, AdmissionResponse, Operation as ReviewOperation},
    conversion::{ConversionRequest, ConversionResponse},
};
use serde_json::Value;
use tars_common::{
    admission::{self, Denied, Facts, Operation, Request, Resource, Warning},
    convert::{self, Context},
};

/// The two admission paths that the API server calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Mutating,
    Validating,
}

impl Phase {
    /// The name of this phase in paths, logs, metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutating => "mutating",
            Self::Validating => "validating",
        }
    }
}

/// An admission request in the form that our rules read.
pub struct Review {
    /// The request of the API server, without its objects.
    pub request: AdmissionRequest<DynamicObject>,
    resource: Resource,
    operation: Operation,
    name: String,
    object: Value,
    old: Value,
    now: Timestamp,
    salt: [u8; 16],
}

/// A request for which this program has no rule: the webhook configurations in the cluster name more than this version knows.
#[derive(Debug, thiserror::Error)]
#[error(
    "unsupported {phase} [{operation} {group}/{version}, Resource={resource}]; compare the webhook configurations with this version"
)]
pub struct Unsupported {
    phase: &'static str,
    operation: &'static str,
    group: String,
    version: String,
    resource: String,
    accepted: AdmissionResponse,
}

impl Unsupported {
    pub fn refuse(self) -> AdmissionResponse {
        let reason = self.to_string();
        self.accepted.deny(reason)
    }
}

impl Review {
    /// Reads a request. The rules take `now` for the current time and `salt` for their random bytes.
    pub fn new(
        mut request: AdmissionRequest<DynamicObject>,
        phase: Phase,
        now: Timestamp,
        salt: [u8; 16],
    ) -> Result<Self, Box<Unsupported>> {
        let operation = match request.operation {
            ReviewOperation::Create => Some(Operation::Create),
            ReviewOperation::Update => Some(Operation::Update),
            ReviewOperation::Delete => Some(Operation::Delete),
            ReviewOperation::Connect => None,
        };
        let resource = Resource::of(&request.resource.group, &request.resource.resource);
        let (Some(operation), Some(resource)) = (operation, resource) else {
            return Err(Box::new(describe_unsupported(request, phase)));
        };
        let (object, old) = (request.object.take(), request.old_object.take());
        // When the API server generates the name, only the object holds it. When it deletes a collection, only the old object does.
        let named =
            object.as_ref().or(old.as_ref()).and_then(|object| object.metadata.name.clone()).filter(|name| !name.is_empty());
        let name = named.unwrap_or_else(|| request.name.clone());
        // A DynamicObject consists of JSON values, so this cannot fail.
        let json = |object: Option<DynamicObject>| serde_json::to_value(object).unwrap_or_default();
        let (object, old) = (json(object), json(old));
        Ok(Self { request, resource, operation, name, object, old, now, salt })
    }

    /// Borrows the request in the terms of the rules.
    pub fn as_request(&self) -> Request<'_> {
        Request {
            operation: self.operation,
            resource: self.resource,
            namespace: self.request.namespace.as_deref().unwrap_or_default(),
            name: &self.name,
            user: self.request.user_info.username.as_deref().unwrap_or_default(),
            object: &self.object,
            old: &self.old,
            now: self.now,
            salt: self.salt,
        }
    }

    /// Accepts a change of a protected object, and tells the audit log and the author so (docs/reference/admission.md#6.7.4).
    pub fn accept_repair(&self) -> AdmissionResponse {
        let request = self.as_request();
        let object = format!("{} {}/{}", request.resource, request.namespace, request.name);
        let mut response = AdmissionResponse::from(&self.request);
        let note = format!("{} changed {object} past its tserver, by the verb repair on tservers", request.user);
        response.audit_annotations.insert("repaired".to_owned(), note);
        let warning = Warning::new("6.7.4", [&object, request.name], |[object, name]| {
            format!("{object}: the controller undoes what contradicts tserver {name}")
        });
        add_warnings(response, vec![warning])
    }

    pub fn deny(&self, reason: impl ToString) -> AdmissionResponse {
        AdmissionResponse::from(&self.request).deny(reason)
    }
}

/// The first part of the message keeps the words of K8SFramework (docs/reference/admission.md#3).
fn describe_unsupported(request: AdmissionRequest<DynamicObject>, phase: Phase) -> Unsupported {
    Unsupported {
        accepted: AdmissionResponse::from(&request),
        phase: phase.as_str(),
        operation: match request.operation {
            ReviewOperation::Create => "CREATE",
            ReviewOperation::Update => "UPDATE",
            ReviewOperation::Delete => "DELETE",
            ReviewOperation::Connect => "CONNECT",
        },
        group: request.resource.group,
        version: request.resource.version,
        resource: request.resource.resource,
    }
}

/// The decision about a review.
pub struct Decision {
    pub response: AdmissionResponse,
    /// The reason of a refusal.
    pub denied: Option<Denied>,
    /// The rules that drew warnings, each once.
    pub warned: Vec<&'static str>,
}

/// Names the rule that refused the request for the audit log (docs/reference/admission.md#3.12).
pub fn annotate(mut response: AdmissionResponse, rule: &str) -> AdmissionResponse {
    response.audit_annotations.insert("refused-by-rule".to_owned(), rule.to_owned());
    response
}

/// Decides a review.
pub fn admit(review: &Review, phase: Phase, facts: &Facts) -> Decision {
    let request = review.as_request();
    let accepted = AdmissionResponse::from(&review.request);
    let decided = match phase {
        Phase::Validating => admission::validate(&request, facts).map(|()| (accepted, admission::list_warnings(&request, facts))),
        Phase::Mutating => admission::mutate(&request, facts).map(|object| {
            let changes = admission::list_changes(&request, &object);
            (add_patch(review, accepted, &object), changes)
        }),
    };
    match decided {
        Ok((response, warnings)) => {
            let mut warned: Vec<&'static str> = warnings.iter().map(|warning| warning.rule).collect();
            warned.dedup();
            Decision { response: add_warnings(response, warnings), denied: None, warned }
        }
        Err(denied) => {
            let response = annotate(review.deny(&denied), denied.rule());
            Decision { response, denied: Some(denied), warned: Vec::new() }
        }
    }
}

/// Adds the warnings of one phase, and names their rules for the audit log. The mutating phase warns about what it changes, the
/// validating phase about the rest, so the user reads each warning once.
fn add_warnings(mut response: AdmissionResponse, warnings: Vec<Warning>) -> AdmissionResponse {
    if warnings.is_empty() || !response.allowed {
        return response;
    }
    let mut rules: Vec<&str> = warnings.iter().map(|warning| warning.rule).collect();
    rules.dedup();
    response.audit_annotations.insert("warned-by-rules".to_owned(), rules.join(" "));
    response.warnings = Some(warnings.into_iter().map(|warning| warning.text).collect());
    response
}

/// Adds the smallest patch that turns the object of the request into `object`.
fn add_patch(review: &Review, accepted: AdmissionResponse, object: &Value) -> AdmissionResponse {
    let patch = json_patch::diff(&review.object, object);
    if patch.0.is_empty() {
        return accepted;
    }
    // A patch consists of JSON, so this should not fail. If it did, an object without its defaults must not be stored.
    accepted.with_patch(patch).unwrap_or_else(|error| review.deny(error))
}

/// Converts all objects of a request and keeps their order. The first object that cannot be converted makes the whole request fail.
/// `context` returns the facts about a namespace that a conversion needs. `report` hears of each object whose stash held members that
/// do not fit, with the names of these members.
pub fn convert(
    mut request: ConversionRequest,
    context: impl Fn(&str) -> Context,
    report: impl Fn(&Value, &[&'static str]),
) -> ConversionResponse {
    let mut objects = std::mem::take(&mut request.objects);
    for object in &mut objects {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
        match convert::convert(object, &request.desired_api_version, &context(&namespace)) {
            Ok(dropped) if dropped.is_empty() => {}
            Ok(dropped) => report(object, &dropped),
            Err(error) => {
                let status = Status::failure(&error.to_string(), "ConversionFailed");
                return ConversionResponse::for_request(request).failure(status);
            }
        }
    }
    ConversionResponse::for_request(request).success(objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(resource: &str, operation: &str, object: &Value) -> AdmissionRequest<DynamicObject> {
        serde_json::from_value(json!({
            "uid": "u-1", "kind": {"group": "k8s.tars.io", "version": "v1beta3", "kind": "X"},
            "resource": {"group": "k8s.tars.io", "version": "v1beta3", "resource": resource},
            "name": "leaf", "namespace": "ledger", "operation": operation, "userInfo": {"username": "somebody"}, "object": object,
        }))
        .unwrap()
    }

    fn review(request: AdmissionRequest<DynamicObject>, phase: Phase) -> Result<Review, Box<Unsupported>> {
        Review::new(request, phase, "2026-03-04T15:06:07Z".parse().unwrap(), [0; 16])
    }

    fn template(parent: &str) -> Value {
        json!({"apiVersion": "k8s.tars.io/v1beta3", "kind": "TTemplate", "metadata": {"name": "leaf"}, "spec": {"content": "", "parent": parent}})
    }

    #[test]
    fn a_patch_holds_only_what_changes() {
        let review = review(request("ttemplates", "CREATE", &template("root")), Phase::Mutating).ok().unwrap();
        let verdict = admit(&review, Phase::Mutating, &Facts::default());
        let patch: Value = serde_json::from_slice(&verdict.response.patch.unwrap()).unwrap();
        assert_eq!(patch, json!([{"op": "add", "path": "/metadata/labels", "value": {"tars.io/Parent": "root"}}]));
        assert!(verdict.response.allowed);
    }

    #[test]
    fn nothing_to_change_means_no_patch() {
        let review = review(request("ttemplates", "CREATE", &template("leaf")), Phase::Mutating).ok().unwrap();
        let verdict = admit(&review, Phase::Mutating, &Facts::default());
        assert!(verdict.response.allowed && verdict.response.patch.is_none());
    }

    #[test]
    fn a_refusal_is_an_ordinary_answer_with_the_uid() {
        let review = review(request("ttemplates", "CREATE", &template("gone")), Phase::Validating).ok().unwrap();
        let verdict = admit(&review, Phase::Validating, &Facts::default());
        assert!(!verdict.response.allowed && verdict.response.uid == "u-1");
        assert!(verdict.response.result.message.starts_with("ttemplate ledger/gone not exists;"));
        assert_eq!(verdict.denied.unwrap().rule(), "6.4.2");
        assert_eq!(verdict.response.audit_annotations["refused-by-rule"], "6.4.2");
    }

    #[test]
    fn an_accepted_object_may_draw_a_warning_once() {
        let mut server = json!({
            "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": "trade-audit"},
            "spec": {
                "app": "Trade", "server": "Audit", "subType": "tars", "tars": {"template": "t", "servants": []},
                "k8s": {"launcherType": "background", "livenessProbe": {"grpc": {"port": 1}}},
            },
        });
        let facts = Facts { templates: [("t".to_owned(), None)].into(), ..Facts::default() };
        let warnings = |server: &Value, phase: Phase| {
            let response = admit(&review(request("tservers", "CREATE", server), phase).ok().unwrap(), phase, &facts).response;
            assert!(response.allowed, "{}", response.result.message);
            response.warnings
        };
        assert_eq!(warnings(&server, Phase::Mutating), None);
        assert_eq!(warnings(&server, Phase::Validating).unwrap().len(), 1);
        server["spec"]["k8s"] = json!({"replicas": 2});
        let expected = "nothing runs until spec.release is set; spec.k8s.replicas 2 is stored as 0";
        assert_eq!(warnings(&server, Phase::Mutating).unwrap(), [expected]);
        assert_eq!(warnings(&server, Phase::Validating), None);
    }

    #[test]
    fn what_no_rule_is_for_is_refused() {
        let response = review(request("tgateways", "CREATE", &json!(null)), Phase::Mutating).err().unwrap().refuse();
        assert!(!response.allowed);
        let expected = "unsupported mutating [CREATE k8s.tars.io/v1beta3, Resource=tgateways]";
        assert!(response.result.message.starts_with(expected), "{}", response.result.message);
    }

    #[test]
    fn conversion_answers_all_objects_or_says_which_one_not() {
        let object = |version: &str| json!({"apiVersion": format!("k8s.tars.io/{version}"), "kind": "TServer", "metadata": {"name": version}, "spec": {"k8s": {"command": ["x"]}}});
        let request = |objects: Vec<Value>| ConversionRequest {
            types: None,
            uid: "u-2".to_owned(),
            desired_api_version: "k8s.tars.io/v1beta2".to_owned(),
            objects,
        };
        let response = convert(request(vec![object("v1beta3"), object("v1beta2")]), |_| Context::default(), |_, _| ());
        assert!(response.result.is_success() && response.uid == "u-2");
        let versions: Vec<&Value> = response.converted_objects.iter().map(|object| &object["apiVersion"]).collect();
        assert_eq!(versions, ["k8s.tars.io/v1beta2", "k8s.tars.io/v1beta2"]);
        let response = convert(request(vec![object("v1beta3"), object("v9")]), |_| Context::default(), |_, _| ());
        assert!(response.result.is_failure() && response.result.message.contains("TServer /v9: cannot convert from"));
    }
}
