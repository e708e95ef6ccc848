//! Reads the bodies of requests into memory, of which all bodies together may take a bounded part (docs/reference/admission.md#1.3).

use axum::{
    body::{Body, HttpBody},
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use budget::{Budget, Share};
use futures::StreamExt;
use std::time::Duration;

mod budget;

/// How long the rest of a body may take after its headers. The API server needs milliseconds.
pub const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// Why a request gets an HTTP error instead of the answer to a review.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the body is not {expected}: {problem}")]
    Unreadable { expected: &'static str, problem: String },
    #[error("the body was not complete within {}s; send the request again", BODY_DEADLINE.as_secs())]
    Late,
    #[error("the body is longer than {limit} bytes; send fewer or smaller objects")]
    TooLarge { limit: usize },
    #[error("there are too many reviews at the same time; send the request again in a second")]
    Crowded,
}

impl Refusal {
    /// The name of this refusal in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Late => "late",
            Self::TooLarge { .. } => "too_large",
            Self::Crowded => "crowded",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable { .. } => StatusCode::BAD_REQUEST,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Crowded => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = (self.status(), self.to_string());
        match self {
            Self::Crowded => (status, [(RETRY_AFTER, "1")], text).into_response(),
            _ => (status, text).into_response(),
        }
    }
}

/// Reads bodies. Clones share the budget.
#[derive(Clone)]
pub struct Reader(Budget);

impl Reader {
    /// A reader whose bodies take at most `budget` bytes together.
    pub fn new(budget: usize) -> Self {
        Self(Budget::new(budget))
    }

    /// Reads a body of at most `limit` bytes. Its bytes count against the budget until the returned value is dropped.
    ///
    /// When the budget is used up, the incomplete body that began first is given up. The bodies of the API server are complete within
    /// milliseconds, so a client that sends many bodies slowly drives out its own.
    pub async fn read(&self, body: Body, limit: usize) -> Result<Held, Refusal> {
        if body.size_hint().lower() > limit as u64 {
            return Err(Refusal::TooLarge { limit });
        }
        let share = self.0.open();
        let read = tokio::select! {
            () = share.wait_for_loss() => return Err(Refusal::Crowded),
            read = tokio::time::timeout(BODY_DEADLINE, collect(body, limit, &share)) => read,
        };
        let bytes = read.map_err(|_| Refusal::Late)??;
        share.complete();
        Ok(Held { bytes, _share: share })
    }
}

async fn collect(body: Body, limit: usize, share: &Share) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Refusal::Unreadable { expected: "complete", problem: error.to_string() })?;
        if bytes.len() + chunk.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        if !share.grow(chunk.len()) {
            return Err(Refusal::Crowded);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// A complete body, which counts against the budget until it is dropped.
pub struct Held {
    pub bytes: Vec<u8>,
    _share: Share,
}

#[cfg(test)]
mod tests;
