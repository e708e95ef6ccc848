//! The three HTTP paths. Bodies and the number of reviews at once are bounded: beyond that the answer is "not now" (429), which the API
//! server reports to its client, rather than a queue without end.

use crate::{
    lookup::Lookup,
    metrics::{Metrics, Outcome},
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
    admission::{AdmissionResponse, AdmissionReview},
    conversion::{ConversionRequest, ConversionReview},
};
use std::{sync::Arc, time::Instant};
use tars_common::admission;
use tokio::sync::Semaphore;

/// An object of at most 3 MiB (the API server's own limit for requests), twice for an update, and the review around it.
const ADMISSION_BODY: usize = 8 << 20;
/// A page of a list, converted in one review: 500 TServers of ordinary size are below 4 MiB.
const CONVERSION_BODY: usize = 32 << 20;
/// Reviews at once. One takes a fraction of a millisecond unless it has to ask the API server.
const ADMISSIONS: usize = 64;
/// Conversions at once. Apart from the others, because an admission may wait for an API server that waits for a conversion.
const CONVERSIONS: usize = 8;

/// What the handlers share.
pub struct App {
    lookup: Lookup,
    metrics: Metrics,
    admissions: Semaphore,
    conversions: Semaphore,
}

impl App {
    /// An application that looks things up in `lookup`.
    pub fn new(lookup: Lookup, metrics: Metrics) -> Arc<Self> {
        let (admissions, conversions) = (Semaphore::new(ADMISSIONS), Semaphore::new(CONVERSIONS));
        Arc::new(Self { lookup, metrics, admissions, conversions })
    }
}

/// The service, ready to be called in memory or to be served over TLS.
pub fn router(app: Arc<App>) -> Router {
    let admission = Router::new().route("/mutating", post(mutating)).route("/validating", post(validating));
    let conversion = Router::new().route("/conversion", post(conversion));
    admission
        .layer(DefaultBodyLimit::max(ADMISSION_BODY))
        .layer(from_fn_with_state(app.clone(), bounded_admission))
        .merge(
            conversion.layer(DefaultBodyLimit::max(CONVERSION_BODY)).layer(from_fn_with_state(app.clone(), bounded_conversion)),
        )
        .with_state(app)
}

/// A place is taken before the body is read, so the bounds also bound the memory.
async fn bounded_admission(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.admissions.try_acquire() else { return not_now(&app, "admission") };
    next.run(request).await
}

async fn bounded_conversion(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.conversions.try_acquire() else { return not_now(&app, "conversion") };
    next.run(request).await
}

type Body<T> = Result<Json<T>, JsonRejection>;

async fn mutating(State(app): State<Arc<App>>, body: Body<AdmissionReview<DynamicObject>>) -> Response {
    review(&app, Phase::Mutating, body).await
}

async fn validating(State(app): State<Arc<App>>, body: Body<AdmissionReview<DynamicObject>>) -> Response {
    review(&app, Phase::Validating, body).await
}

async fn review(app: &App, phase: Phase, body: Body<AdmissionReview<DynamicObject>>) -> Response {
    let begun = Instant::now();
    let review = match body {
        Ok(Json(review)) => review,
        Err(rejection) => return bad_request(app, phase.as_str(), &rejection),
    };
    let types = review.types.clone();
    let Some(mut request) = review.request else { return no_request(app, phase.as_str()) };
    request.types.clone_from(&types);
    let (response, kind, outcome) = decide(app, phase, request).await;
    app.metrics.reviewed(phase.as_str(), kind, outcome, begun.elapsed());
    Json(AdmissionReview::<DynamicObject> { types, request: None, response: Some(response) }).into_response()
}

async fn decide(
    app: &App,
    phase: Phase,
    request: kube::core::admission::AdmissionRequest<DynamicObject>,
) -> (AdmissionResponse, &'static str, Outcome) {
    let review = match Review::new(request, phase, Timestamp::now(), random()) {
        Ok(review) => review,
        Err(unsupported) => {
            tracing::warn!(reason = %unsupported, "refused");
            return (unsupported.response(), "unknown", Outcome::Unsupported);
        }
    };
    let rules = review.rules();
    let kind = rules.kind.as_str();
    let facts = match app.lookup.facts(rules.namespace, rules.name, admission::queries(&rules)).await {
        Ok(facts) => facts,
        Err(error) => {
            tracing::warn!(kind, namespace = rules.namespace, name = rules.name, %error, "refused, the rules could not be checked");
            return (review.deny(&error), kind, Outcome::LookupFailed);
        }
    };
    let verdict = admit(&review, phase, &facts);
    if let Some(denied) = &verdict.denied {
        tracing::info!(phase = phase.as_str(), operation = ?rules.operation, user = rules.user, reason = %denied, "refused");
        return (verdict.response, kind, Outcome::Denied(denied.denial.category()));
    }
    tracing::debug!(phase = phase.as_str(), operation = ?rules.operation, kind, namespace = rules.namespace, name = rules.name, "accepted");
    if !review.request.dry_run {
        for effect in &verdict.effects {
            if let Err(error) = app.lookup.apply(rules.namespace, effect).await {
                let denied = effect.failed(&rules, &error.to_string());
                tracing::warn!(reason = %denied, "refused");
                return (review.deny(&denied), kind, Outcome::Denied("effect"));
            }
        }
    }
    (verdict.response, kind, Outcome::Accepted)
}

async fn conversion(State(app): State<Arc<App>>, body: Body<ConversionReview>) -> Response {
    const PATH: &str = "conversion";
    let begun = Instant::now();
    let review = match body {
        Ok(Json(review)) => review,
        Err(rejection) => return bad_request(&app, PATH, &rejection),
    };
    let Ok(request) = ConversionRequest::from_review(review) else { return no_request(&app, PATH) };
    let kind = match request.objects.first().and_then(|object| object.get("kind")).and_then(|kind| kind.as_str()) {
        Some("TServer") => "tserver",
        Some("TFrameworkConfig") => "tframeworkconfig",
        _ => "unknown",
    };
    let response = convert(request, |namespace| app.lookup.conversion_context(namespace));
    let outcome = if response.result.is_success() { Outcome::Accepted } else { Outcome::Denied("conversion") };
    if response.result.is_failure() {
        tracing::warn!(reason = response.result.message, "conversion refused");
    }
    app.metrics.reviewed(PATH, kind, outcome, begun.elapsed());
    Json(response.into_review()).into_response()
}

fn bad_request(app: &App, path: &'static str, rejection: &JsonRejection) -> Response {
    tracing::warn!(path, reason = rejection.body_text(), "not a review");
    app.metrics.refused(path, Outcome::BadRequest);
    // 400, or 413 for a body beyond the limit.
    let status = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { rejection.status() } else { StatusCode::BAD_REQUEST };
    (status, rejection.body_text()).into_response()
}

fn no_request(app: &App, path: &'static str) -> Response {
    app.metrics.refused(path, Outcome::BadRequest);
    (StatusCode::BAD_REQUEST, "the review has no request").into_response()
}

fn not_now(app: &App, path: &'static str) -> Response {
    tracing::warn!(path, "too many reviews at once");
    app.metrics.refused(path, Outcome::Overloaded);
    (StatusCode::TOO_MANY_REQUESTS, "too many reviews at once, try again").into_response()
}

/// Random bytes, for salts and for the identity of this process.
pub fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Fails only where the operating system has no randomness, and then TLS would not have come this far.
    let _ = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
