//! Serves the three HTTP paths: `/mutating`, `/validating` and `/conversion`.
//!
//! The size of a body and the number of reviews at the same time are bounded. Beyond the second bound the answer is 429, which the API
//! server reports to its client. A queue without end would keep that client waiting instead.

use crate::{
    lookup::Lookup,
    metrics::{Metrics, Outcome},
    random::make_random_bytes,
    review::{Phase, Review, admit, convert},
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State, rejection::JsonRejection},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use jiff::Timestamp;
use kube::core::{
    DynamicObject,
    admission::{AdmissionRequest, AdmissionResponse, AdmissionReview},
    conversion::{ConversionRequest, ConversionReview},
};
use serde_json::Value;
use std::{sync::Arc, time::Instant};
use tars_common::admission::{self, Resource};
use tokio::sync::Semaphore;

/// Bytes of an admission review. The API server limits a request to 3 MiB, and the review of an update holds the object twice.
const ADMISSION_BODY: usize = 8 << 20;
/// Bytes of a conversion review, which holds a page of a list: 500 TServers of ordinary size need less than 4 MiB.
const CONVERSION_BODY: usize = 32 << 20;
/// Admission reviews at the same time. A review takes a fraction of a millisecond unless it has to ask the API server.
const ADMISSIONS: usize = 64;
/// Conversion reviews at the same time. They have their own bound, because an admission may wait for an API server that waits for a
/// conversion.
const CONVERSIONS: usize = 8;

/// The state that all handlers share.
pub struct App {
    lookup: Lookup,
    metrics: Metrics,
    admissions: Semaphore,
    conversions: Semaphore,
}

impl App {
    pub fn new(lookup: Lookup, metrics: Metrics) -> Arc<Self> {
        let (admissions, conversions) = (Semaphore::new(ADMISSIONS), Semaphore::new(CONVERSIONS));
        Arc::new(Self { lookup, metrics, admissions, conversions })
    }
}

/// Builds the service. Tests call it in memory; [`tars_kit::tls`] serves it.
pub fn build_router(app: Arc<App>) -> Router {
    let admission = Router::new().route("/mutating", post(handle_mutating)).route("/validating", post(handle_validating));
    let conversion = Router::new().route("/conversion", post(handle_conversion));
    admission
        .layer(DefaultBodyLimit::max(ADMISSION_BODY))
        .layer(from_fn_with_state(app.clone(), bound_admissions))
        .merge(conversion.layer(DefaultBodyLimit::max(CONVERSION_BODY)).layer(from_fn_with_state(app.clone(), bound_conversions)))
        .with_state(app)
}

/// A request takes its place before its body is read, so the bound also limits the memory.
async fn bound_admissions(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.admissions.try_acquire() else { return answer_overload(&app, "admission") };
    next.run(request).await
}

async fn bound_conversions(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.conversions.try_acquire() else { return answer_overload(&app, "conversion") };
    next.run(request).await
}

type Body<T> = Result<Json<T>, JsonRejection>;

async fn handle_mutating(State(app): State<Arc<App>>, body: Body<AdmissionReview<DynamicObject>>) -> Response {
    handle_admission(&app, Phase::Mutating, body).await
}

async fn handle_validating(State(app): State<Arc<App>>, body: Body<AdmissionReview<DynamicObject>>) -> Response {
    handle_admission(&app, Phase::Validating, body).await
}

async fn handle_admission(app: &App, phase: Phase, body: Body<AdmissionReview<DynamicObject>>) -> Response {
    let begun = Instant::now();
    let review = match body {
        Ok(Json(review)) => review,
        Err(rejection) => return answer_bad_request(app, phase.as_str(), &rejection),
    };
    let types = review.types.clone();
    let Some(mut request) = review.request else { return answer_missing_request(app, phase.as_str()) };
    request.types.clone_from(&types);
    let (response, kind, outcome) = decide(app, phase, request).await;
    app.metrics.count_review(phase.as_str(), kind, outcome, begun.elapsed());
    Json(AdmissionReview::<DynamicObject> { types, request: None, response: Some(response) }).into_response()
}

async fn decide(app: &App, phase: Phase, request: AdmissionRequest<DynamicObject>) -> (AdmissionResponse, &'static str, Outcome) {
    let review = match Review::new(request, phase, Timestamp::now(), make_random_bytes()) {
        Ok(review) => review,
        Err(unsupported) => {
            tracing::warn!(reason = %unsupported, "request refused");
            return (unsupported.refuse(), "unknown", Outcome::Unsupported);
        }
    };
    let request = review.as_request();
    let kind = request.resource.as_str();
    let facts = match app.lookup.gather_facts(request.namespace, request.name, admission::list_queries(&request)).await {
        Ok(facts) => facts,
        Err(error) => {
            let (namespace, name) = (request.namespace, request.name);
            tracing::warn!(kind, namespace, name, %error, "request refused because its rules cannot be checked");
            return (review.deny(&error), kind, Outcome::LookupFailed);
        }
    };
    let verdict = admit(&review, phase, &facts);
    if let Some(denied) = &verdict.denied {
        if matches!(request.resource, Resource::Derived(_)) && may_repair(app, &review).await {
            tracing::info!(operation = ?request.operation, user = request.user, reason = %denied, "repair by hand accepted");
            return (review.accept_repair(), kind, Outcome::Accepted);
        }
        tracing::info!(phase = phase.as_str(), operation = ?request.operation, user = request.user, reason = %denied, "request refused");
        return (verdict.response, kind, Outcome::Denied(denied.denial.category()));
    }
    tracing::debug!(phase = phase.as_str(), operation = ?request.operation, kind, namespace = request.namespace, name = request.name, "request accepted");
    (verdict.response, kind, Outcome::Accepted)
}

/// Whether the author of a request that a rule refuses may repair objects by hand. A question without answer is a no.
async fn may_repair(app: &App, review: &Review) -> bool {
    let request = review.as_request();
    // Refusals are rare, so every other review does not carry the memory of this question.
    match Box::pin(app.lookup.may_repair(request.namespace, request.name, &review.request.user_info)).await {
        Ok(may) => may,
        Err(error) => {
            tracing::warn!(user = request.user, %error, "cannot ask whether this user may repair");
            false
        }
    }
}

async fn handle_conversion(State(app): State<Arc<App>>, body: Body<ConversionReview>) -> Response {
    const PATH: &str = "conversion";
    let begun = Instant::now();
    let review = match body {
        Ok(Json(review)) => review,
        Err(rejection) => return answer_bad_request(&app, PATH, &rejection),
    };
    let Ok(request) = ConversionRequest::from_review(review) else { return answer_missing_request(&app, PATH) };
    let kind = match request.objects.first().and_then(|object| object.get("kind")).and_then(|kind| kind.as_str()) {
        Some("TServer") => "tserver",
        Some("TFrameworkConfig") => "tframeworkconfig",
        _ => "unknown",
    };
    let report = |object: &Value, dropped: &[&'static str]| report_dropped(&app, object, dropped);
    let response = convert(request, |namespace| app.lookup.build_conversion_context(namespace), report);
    let outcome = if response.result.is_success() { Outcome::Accepted } else { Outcome::Denied("conversion") };
    if response.result.is_failure() {
        tracing::warn!(reason = response.result.message, "conversion refused");
    }
    app.metrics.count_review(PATH, kind, outcome, begun.elapsed());
    Json(response.into_review()).into_response()
}

/// A conversion answer has no warnings, so a log line and a counter tell about the members that were dropped.
fn report_dropped(app: &App, object: &Value, dropped: &[&'static str]) {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
    tracing::warn!(
        kind,
        namespace,
        name,
        ?dropped,
        "members of the conversion annotation dropped, because they do not fit the schema"
    );
    for member in dropped {
        app.metrics.count_dropped(member);
    }
}

fn answer_bad_request(app: &App, path: &'static str, rejection: &JsonRejection) -> Response {
    tracing::warn!(path, reason = rejection.body_text(), "the body is not a review");
    app.metrics.count_refusal(path, Outcome::BadRequest);
    // Axum has other codes for bodies that are not JSON. The answer is 400, or 413 if the body is too large.
    let status = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { rejection.status() } else { StatusCode::BAD_REQUEST };
    (status, rejection.body_text()).into_response()
}

fn answer_missing_request(app: &App, path: &'static str) -> Response {
    app.metrics.count_refusal(path, Outcome::BadRequest);
    (StatusCode::BAD_REQUEST, "the review has no request").into_response()
}

fn answer_overload(app: &App, path: &'static str) -> Response {
    tracing::warn!(path, "too many reviews at the same time");
    app.metrics.count_refusal(path, Outcome::Overloaded);
    (StatusCode::TOO_MANY_REQUESTS, "too many reviews at the same time; try again").into_response()
}

#[cfg(test)]
mod tests;
