//! The answer to an admission review, as the API server reads it.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use k8s_openapi::ByteString;
use kube::core::{TypeMeta, admission::AdmissionResponse};
use serde::Serialize;
use std::collections::HashMap;

/// An `AdmissionReview` with the answer only. The type of `kube` writes each byte of a patch as a number, which takes three times as many
/// bytes as base64 does.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReviewAnswer {
    api_version: String,
    kind: String,
    response: Answer,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<ByteString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    audit_annotations: HashMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Failure {
    status: &'static str,
    message: String,
}

/// Builds the HTTP answer (docs/reference/admission.md#3.1).
pub fn build_answer(types: TypeMeta, response: AdmissionResponse) -> Response {
    let patch = response.patch.map(ByteString);
    let answer = Answer {
        uid: response.uid,
        allowed: response.allowed,
        status: (!response.allowed).then_some(Failure { status: "Failure", message: response.result.message }),
        patch_type: patch.as_ref().map(|_| "JSONPatch"),
        patch,
        audit_annotations: response.audit_annotations,
        warnings: response.warnings.unwrap_or_default(),
    };
    Json(ReviewAnswer { api_version: types.api_version, kind: types.kind, response: answer }).into_response()
}
