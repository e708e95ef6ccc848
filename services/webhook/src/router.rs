//! Serves the three HTTP paths: `/mutating`, `/validating` and `/conversion`.
//!
//! ```text
//! headers ─► body, within a deadline and a budget of bytes ─► place ─► review ─► answer
//!                408, 413, 429                                  429     400
//! ```
//!
//! A request takes its place when its body is complete, so nobody holds a place with a body that does not come. A request waits for a
//! place for a moment, and then the answer is 429, which the API server reports to its client. A queue without end would keep that client
//! waiting instead.

use crate::{
    answer::build_answer,
    body::{Held, Reader, Refusal},
    lookup::Lookup,
    metrics::{Metrics, ReviewLabels, Verdict},
    random::make_random_bytes,
    review::{Phase, Review, admit, annotate, convert},
};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use jiff::Timestamp;
use kube::core::{
    DynamicObject, TypeMeta,
    admission::{AdmissionRequest, AdmissionResponse, AdmissionReview},
    conversion::{ConversionRequest, ConversionReview},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tars_common::{
    admission::{self, Resource},
    version::Version,
};
use tars_kit::quiet_log::QuietLog;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};

/// Bytes of an admission review. The API server limits a request to 3 MiB, and the review of an update holds the object twice.
const ADMISSION_BODY: usize = 8 << 20;
/// Bytes of a conversion review. The API server converts most objects one by one; 500 TServers of ordinary size need less than 4 MiB.
const CONVERSION_BODY: usize = 16 << 20;
/// Bytes of all bodies together. A body that is decoded takes about six times as much, which fits the memory that the chart permits.
const BODIES: usize = 20 << 20;
/// Admission reviews at the same time. A review takes a fraction of a millisecond unless it has to ask the API server.
const ADMISSIONS: usize = 64;
/// Conversion reviews at the same time. They have their own bound, because an admission may wait for an API server that waits for a
/// conversion.
const CONVERSIONS: usize = 8;
/// How long a complete request may wait for a place.
const PLACE_WAIT: Duration = Duration::from_secs(1);
/// A conversion of more bytes has a thread of its own, so that small reviews do not wait for it.
const LONG_CONVERSION: usize = 256 << 10;

/// The state that all handlers share.
pub struct App {
    lookup: Lookup,
    metrics: Metrics,
    bodies: Reader,
    admissions: Semaphore,
    conversions: Semaphore,
    crowded: QuietLog,
    dropped: QuietLog,
}

impl App {
    pub fn new(lookup: Lookup, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            lookup,
            metrics,
            bodies: Reader::new(BODIES),
            admissions: Semaphore::new(ADMISSIONS),
            conversions: Semaphore::new(CONVERSIONS),
            crowded: QuietLog::default(),
            dropped: QuietLog::default(),
        })
    }

    /// Counts a request that gets no review, and tells the log about it.
    fn refuse(&self, path: &'static str, refusal: Refusal) -> Response {
        self.metrics.count_refusal(path, refusal.as_str());
        if let Some(others) = self.crowded.permit() {
            tracing::warn!(path, reason = %refusal, others, "a request was answered with an HTTP error");
        }
        refusal.into_response()
    }
}

/// Builds the service. Tests call it in memory; [`tars_kit::tls`] serves it.
pub fn build_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/mutating", post(handle_mutating))
        .route("/validating", post(handle_validating))
        .route("/conversion", post(handle_conversion))
        .with_state(app)
}

/// Waits for a place for a moment.
async fn take_place(places: &Semaphore) -> Result<SemaphorePermit<'_>, Refusal> {
    match tokio::time::timeout(PLACE_WAIT, places.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        // The semaphores are never closed, so only the time-out comes here.
        Ok(Err(_)) | Err(_) => Err(Refusal::Crowded),
    }
}

/// Decodes a review of the version that the webhook configurations and CRDs name.
fn decode<T: DeserializeOwned>(body: &Held, expected: &'static str) -> Result<T, Refusal> {
    serde_json::from_slice(&body.bytes).map_err(|error| Refusal::Unreadable { expected, problem: error.to_string() })
}

fn check_types(types: Option<&TypeMeta>, api_version: &str, kind: &str, expected: &'static str) -> Result<(), Refusal> {
    match types {
        Some(types) if types.api_version == api_version && types.kind == kind => Ok(()),
        Some(types) => {
            let problem = format!("it is {:.99} of {:.99}", types.kind, types.api_version);
            Err(Refusal::Unreadable { expected, problem })
        }
        None => Err(Refusal::Unreadable { expected, problem: "it has no apiVersion and kind".to_owned() }),
    }
}

async fn handle_mutating(State(app): State<Arc<App>>, body: Body) -> Response {
    handle_admission(&app, Phase::Mutating, body).await.unwrap_or_else(|refusal| app.refuse(Phase::Mutating.as_str(), refusal))
}

async fn handle_validating(State(app): State<Arc<App>>, body: Body) -> Response {
    handle_admission(&app, Phase::Validating, body)
        .await
        .unwrap_or_else(|refusal| app.refuse(Phase::Validating.as_str(), refusal))
}

async fn handle_admission(app: &App, phase: Phase, body: Body) -> Result<Response, Refusal> {
    let body = app.bodies.read(body, ADMISSION_BODY).await?;
    let begun = Instant::now();
    let _place = take_place(&app.admissions).await?;
    let (types, request) = decode_admission(&body)?;
    let (response, labels) = decide(app, phase, request).await;
    app.metrics.count_review(&labels, begun.elapsed());
    Ok(build_answer(types, response))
}

fn decode_admission(body: &Held) -> Result<(TypeMeta, AdmissionRequest<DynamicObject>), Refusal> {
    const EXPECTED: &str = "an AdmissionReview of admission.k8s.io/v1";
    let review: AdmissionReview<DynamicObject> = decode(body, EXPECTED)?;
    check_types(Some(&review.types), "admission.k8s.io/v1", "AdmissionReview", EXPECTED)?;
    let missing = || Refusal::Unreadable { expected: EXPECTED, problem: "it has no request".to_owned() };
    let mut request = review.request.ok_or_else(missing)?;
    request.types.clone_from(&review.types);
    Ok((review.types, request))
}

async fn decide(app: &App, phase: Phase, request: AdmissionRequest<DynamicObject>) -> (AdmissionResponse, ReviewLabels) {
    let path = phase.as_str();
    let review = match Review::new(request, phase, Timestamp::now(), make_random_bytes()) {
        Ok(review) => review,
        Err(unsupported) => {
            tracing::warn!(reason = %unsupported, "request refused");
            let labels =
                ReviewLabels { path, kind: "unknown", operation: "unknown", verdict: Verdict::Unsupported.as_str(), rule: "3.8" };
            return (annotate(unsupported.refuse(), "3.8"), labels);
        }
    };
    let request = review.as_request();
    let (kind, operation) = (request.resource.as_str(), request.operation.as_str());
    let label = |verdict: Verdict, rule| ReviewLabels { path, kind, operation, verdict: verdict.as_str(), rule };
    let facts = match app.lookup.gather_facts(request.namespace, request.name, admission::list_queries(&request)).await {
        Ok(facts) => facts,
        Err(error) => {
            let (namespace, name) = (request.namespace, request.name);
            tracing::warn!(kind, namespace, name, %error, "request refused because its rules cannot be checked");
            return (annotate(review.deny(&error), "4.4"), label(Verdict::LookupFailed, "4.4"));
        }
    };
    let decision = admit(&review, phase, &facts);
    if let Some(denied) = &decision.denied {
        if matches!(request.resource, Resource::Derived(_)) && may_repair(app, &review).await {
            tracing::info!(operation, user = request.user, reason = %denied, "repair by hand accepted");
            return (review.accept_repair(), label(Verdict::Repaired, denied.rule()));
        }
        tracing::info!(phase = path, operation, user = request.user, rule = denied.rule(), reason = %denied, "request refused");
        return (decision.response, label(Verdict::Refused, denied.rule()));
    }
    for rule in &decision.warned {
        app.metrics.count_warning(kind, rule);
    }
    tracing::debug!(phase = path, operation, kind, namespace = request.namespace, name = request.name, "request accepted");
    (decision.response, label(Verdict::Accepted, ""))
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

async fn handle_conversion(State(app): State<Arc<App>>, body: Body) -> Response {
    convert_body(&app, body).await.unwrap_or_else(|refusal| app.refuse(CONVERSION, refusal))
}

const CONVERSION: &str = "conversion";

async fn convert_body(app: &Arc<App>, body: Body) -> Result<Response, Refusal> {
    let body = app.bodies.read(body, CONVERSION_BODY).await?;
    let begun = Instant::now();
    let _place = take_place(&app.conversions).await?;
    let answer = if body.bytes.len() > LONG_CONVERSION {
        let owner = app.clone();
        let converted = spawn_blocking(move || convert_review(&owner, &body)).await;
        converted.unwrap_or_else(|error| Err(Refusal::Unreadable { expected: EXPECTED_CONVERSION, problem: error.to_string() }))
    } else {
        convert_review(app, &body)
    };
    app.metrics.time_review(CONVERSION, begun.elapsed());
    answer
}

const EXPECTED_CONVERSION: &str = "a ConversionReview of apiextensions.k8s.io/v1";

fn convert_review(app: &App, body: &Held) -> Result<Response, Refusal> {
    let review: ConversionReview = decode(body, EXPECTED_CONVERSION)?;
    check_types(Some(&review.types), "apiextensions.k8s.io/v1", "ConversionReview", EXPECTED_CONVERSION)?;
    let missing = |_| Refusal::Unreadable { expected: EXPECTED_CONVERSION, problem: "it has no request".to_owned() };
    let request = ConversionRequest::from_review(review).map_err(missing)?;
    let to = name_version(&request.desired_api_version);
    let origins: Vec<_> =
        request.objects.iter().map(|object| (name_kind(object), name_version(read_text(object, "/apiVersion")))).collect();
    let report = |object: &Value, dropped: &[&'static str]| report_dropped(app, object, dropped);
    let response = convert(request, |namespace| app.lookup.build_conversion_context(namespace), report);
    let converted = response.result.is_success();
    for (kind, from) in origins {
        app.metrics.count_conversion(kind, from, to, converted);
    }
    if !converted {
        tracing::warn!(reason = response.result.message, "conversion refused");
    }
    Ok(Json(response.into_review()).into_response())
}

fn read_text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The kind of an object, for a metric.
fn name_kind(object: &Value) -> &'static str {
    match read_text(object, "/kind") {
        "TServer" => "tserver",
        "TFrameworkConfig" => "tframeworkconfig",
        _ => "unknown",
    }
}

/// An `apiVersion`, for a metric.
fn name_version(api_version: &str) -> &'static str {
    Version::parse(api_version).map_or("unknown", Version::as_str)
}

/// A conversion answer has no warnings, so a log line and a counter tell about the members that were dropped. The API server converts
/// the same object again and again, so the log has one such line a minute.
fn report_dropped(app: &App, object: &Value, dropped: &[&'static str]) {
    for member in dropped {
        app.metrics.count_dropped(member);
    }
    let Some(others) = app.dropped.permit() else { return };
    let text = |pointer| read_text(object, pointer);
    tracing::warn!(
        kind = text("/kind"),
        namespace = text("/metadata/namespace"),
        name = text("/metadata/name"),
        ?dropped,
        others,
        "members of the conversion annotation dropped, because they do not fit the schema"
    );
}

#[cfg(test)]
mod tests;
