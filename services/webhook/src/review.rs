//! From a review to its answer. Pure: what has to be known of other objects comes in as [`Facts`].

use jiff::Timestamp;
use kube::core::{
    DynamicObject, Status,
    admission::{AdmissionRequest, AdmissionResponse, Operation as ReviewOperation},
    conversion::{ConversionRequest, ConversionResponse},
};
use serde_json::Value;
use tars_common::{
    admission::{self, Denied, Effect, Facts, Kind, Operation, Request},
    convert::{self, Context},
};

/// What the API server may ask at the two admission paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `/mutating`
    Mutating,
    /// `/validating`
    Validating,
}

impl Phase {
    /// The word for logs, metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutating => "mutating",
            Self::Validating => "validating",
        }
    }
}

/// An admission request as our rules read it.
pub struct Review {
    /// What the API server sent, without the objects.
    pub request: AdmissionRequest<DynamicObject>,
    kind: Kind,
    operation: Operation,
    name: String,
    object: Value,
    old: Value,
    now: Timestamp,
    salt: [u8; 16],
}

/// A request that no rule is for: the registration at the API server names more than this program knows.
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
    /// The refusal.
    pub fn response(self) -> AdmissionResponse {
        let reason = self.to_string();
        self.accepted.deny(reason)
    }
}

impl Review {
    /// Reads a request. `now` and `salt` are what the rules take for the time and for random.
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
        let kind = Kind::of(&request.resource.group, &request.resource.resource);
        let (Some(operation), Some(kind)) = (operation, kind) else {
            return Err(Box::new(unsupported(request, phase)));
        };
        let (object, old) = (request.object.take(), request.old_object.take());
        // Only the object has a name that the API server generated.
        let named = object.as_ref().and_then(|object| object.metadata.name.clone()).filter(|name| !name.is_empty());
        let name = named.unwrap_or_else(|| request.name.clone());
        // A DynamicObject consists of what JSON can say, so this cannot fail; `null` would be left to the schema.
        let json = |object: Option<DynamicObject>| serde_json::to_value(object).unwrap_or_default();
        let (object, old) = (json(object), json(old));
        Ok(Self { request, kind, operation, name, object, old, now, salt })
    }

    /// The request in the terms of the rules.
    pub fn rules(&self) -> Request<'_> {
        Request {
            operation: self.operation,
            kind: self.kind,
            namespace: self.request.namespace.as_deref().unwrap_or_default(),
            name: &self.name,
            user: self.request.user_info.username.as_deref().unwrap_or_default(),
            object: &self.object,
            old: &self.old,
            now: self.now,
            salt: self.salt,
        }
    }

    /// A refusal.
    pub fn deny(&self, reason: impl ToString) -> AdmissionResponse {
        AdmissionResponse::from(&self.request).deny(reason)
    }
}

/// The words are those of the existing webhook.
fn unsupported(request: AdmissionRequest<DynamicObject>, phase: Phase) -> Unsupported {
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

/// What admission came to: the answer, and what accepting does to other objects.
pub struct Verdict {
    /// For the API server.
    pub response: AdmissionResponse,
    /// To be written before the answer is sent. Empty for refusals.
    pub effects: Vec<Effect>,
    /// Why it was refused.
    pub denied: Option<Denied>,
}

/// Decides a review.
pub fn admit(review: &Review, phase: Phase, facts: &Facts) -> Verdict {
    let accepted = AdmissionResponse::from(&review.request);
    let refused = |denied: Denied| Verdict { response: review.deny(&denied), effects: Vec::new(), denied: Some(denied) };
    match phase {
        Phase::Validating => match admission::validate(&review.rules(), facts) {
            Ok(effects) => Verdict { response: warned(accepted, admission::warnings(&review.rules())), effects, denied: None },
            Err(denied) => refused(denied),
        },
        Phase::Mutating => match admission::mutate(&review.rules(), facts) {
            Ok(object) => {
                let response = warned(patched(review, accepted, &object), admission::changes(&review.rules(), &object));
                Verdict { response, effects: Vec::new(), denied: None }
            }
            Err(denied) => refused(denied),
        },
    }
}

/// The answer with what the writer should know: in the mutating phase what was changed, in the validating phase the rest, so that
/// nothing is heard twice.
fn warned(mut response: AdmissionResponse, warnings: Vec<String>) -> AdmissionResponse {
    response.warnings = (!warnings.is_empty() && response.allowed).then_some(warnings);
    response
}

/// The answer with the smallest patch that makes the stored object out of the one that was sent.
fn patched(review: &Review, accepted: AdmissionResponse, object: &Value) -> AdmissionResponse {
    let patch = json_patch::diff(&review.object, object);
    if patch.0.is_empty() {
        return accepted;
    }
    // A patch consists of JSON; were it not to serialize, storing the object without its defaults would be the worse answer.
    accepted.with_patch(patch).unwrap_or_else(|error| review.deny(error))
}

/// Answers a conversion: all objects in their order, or a failure that names the first one that cannot be converted. `context` looks
/// up what belongs to a namespace.
pub fn convert(mut request: ConversionRequest, context: impl Fn(&str) -> Context) -> ConversionResponse {
    let mut objects = std::mem::take(&mut request.objects);
    for object in &mut objects {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Err(error) = convert::convert(object, &request.desired_api_version, &context(&namespace)) {
            let status = Status::failure(&error.to_string(), "ConversionFailed");
            return ConversionResponse::for_request(request).failure(status);
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
        assert_eq!(verdict.denied.unwrap().denial.category(), "missing");
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
        let response = review(request("tgateways", "CREATE", &json!(null)), Phase::Mutating).err().unwrap().response();
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
        let response = convert(request(vec![object("v1beta3"), object("v1beta2")]), |_| Context::default());
        assert!(response.result.is_success() && response.uid == "u-2");
        let versions: Vec<&Value> = response.converted_objects.iter().map(|object| &object["apiVersion"]).collect();
        assert_eq!(versions, ["k8s.tars.io/v1beta2", "k8s.tars.io/v1beta2"]);
        let response = convert(request(vec![object("v1beta3"), object("v9")]), |_| Context::default());
        assert!(response.result.is_failure() && response.result.message.contains("TServer /v9: cannot convert from"));
    }
}
