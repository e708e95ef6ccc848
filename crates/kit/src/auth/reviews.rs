//! Asks the API server who calls and what they may do.

use super::{
    AUDIENCE, GROUP, Metrics,
    cache::{Away, Found, USABLE_YES},
    caller::ObjectRight,
    metrics::Question,
    rights::Right,
};
use crate::causes::with_sources;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec, UserInfo},
    authorization::v1::{
        LocalSubjectAccessReview, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
    },
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    error::Error,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// How long one question may take, with the wait for its turn.
const DEADLINE: Duration = Duration::from_secs(3);
/// How many questions are under way at the same time. A flood of unknown tokens costs the API server no more than this.
const AT_ONCE: usize = 16;
/// After a failure nobody is asked for this time, so that calls of known callers do not wait for a deadline each.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Reviews {
    client: Client,
    namespace: String,
    metrics: Metrics,
    turns: Semaphore,
    /// Set while the API server does not answer.
    away_until: Mutex<Option<Instant>>,
}

impl Reviews {
    pub(super) fn new(client: Client, namespace: &str, metrics: Metrics) -> Self {
        let (turns, away_until) = (Semaphore::new(AT_ONCE), Mutex::new(None));
        Self { client, namespace: namespace.to_owned(), metrics, turns, away_until }
    }

    /// Asks whose token this is.
    pub(super) async fn identify(&self, token: &str) -> Result<Found<Arc<UserInfo>>, Away> {
        let spec = TokenReviewSpec { token: Some(token.to_owned()), audiences: Some(vec![AUDIENCE.to_owned()]) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let review = self.ask(Question::Token, &Api::all(self.client.clone()), &review).await?;
        let status = review.status.unwrap_or_default();
        // An API server that knows nothing of audiences does not repeat ours. Then the token is for somebody else.
        let for_us = status.audiences.unwrap_or_default().iter().any(|audience| audience == AUDIENCE);
        let answer = match status.user {
            Some(user) if status.authenticated == Some(true) && for_us => Ok(Arc::new(user)),
            _ => Err(status.error.unwrap_or_else(|| "it is not valid".to_owned())),
        };
        Ok(Found { answer, life: read_life(token, Timestamp::now()).unwrap_or(USABLE_YES) })
    }

    /// Asks whether `caller` has `right` in our namespace. The review is one of the namespace, so that the account of this process needs
    /// no right in others.
    pub(super) async fn permit(&self, caller: &UserInfo, right: &Right) -> Result<Found<()>, Away> {
        let attributes = ResourceAttributes {
            group: Some(GROUP.to_owned()),
            resource: Some(right.resource.to_string()),
            verb: Some(right.verb().to_owned()),
            namespace: Some(self.namespace.clone()),
            ..ResourceAttributes::default()
        };
        let spec = describe_review(caller, attributes);
        let metadata = ObjectMeta { namespace: Some(self.namespace.clone()), ..ObjectMeta::default() };
        let review = LocalSubjectAccessReview { metadata, spec, ..LocalSubjectAccessReview::default() };
        let review = self.ask(Question::Right, &Api::namespaced(self.client.clone(), &self.namespace), &review).await?;
        Ok(read_permission(review.status))
    }

    /// Asks whether `caller` has `right`, in whichever namespace.
    pub(super) async fn permit_object(&self, caller: &UserInfo, right: &ObjectRight) -> Result<Found<()>, Away> {
        let attributes = ResourceAttributes {
            group: Some(right.group.to_owned()),
            resource: Some(right.resource.to_owned()),
            verb: Some(right.verb.to_owned()),
            namespace: Some(right.namespace.clone()),
            name: Some(right.name.clone()).filter(|name| !name.is_empty()),
            ..ResourceAttributes::default()
        };
        let review = SubjectAccessReview { spec: describe_review(caller, attributes), ..SubjectAccessReview::default() };
        let review = self.ask(Question::Right, &Api::all(self.client.clone()), &review).await?;
        Ok(read_permission(review.status))
    }

    async fn ask<K>(&self, question: Question, api: &Api<K>, review: &K) -> Result<K, Away>
    where
        K: Clone + Debug + Serialize + DeserializeOwned,
    {
        if self.is_away() {
            return Err(Away);
        }
        // Waiting for a turn says nothing about the API server.
        let Ok(Ok(_turn)) = timeout(DEADLINE, self.turns.acquire()).await else { return Err(Away) };
        let begun = Instant::now();
        let result = timeout(DEADLINE, api.create(&PostParams::default(), review)).await;
        self.metrics.observe_question(question, matches!(result, Ok(Ok(_))), begun.elapsed());
        match result {
            Ok(Ok(answer)) => {
                self.note_answer();
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.note_failure(&error)),
            Err(elapsed) => Err(self.note_failure(&elapsed)),
        }
    }

    fn is_away(&self) -> bool {
        let until = self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn note_answer(&self) {
        if self.away_until.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!("the API server checks gRPC callers again");
        }
    }

    fn note_failure(&self, error: &dyn Error) -> Away {
        let before = self.away_until.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now() + PAUSE);
        if before.is_none() {
            let error = with_sources(error);
            tracing::warn!(error, "the API server does not check gRPC callers at present, only known ones are served");
        }
        Away
    }
}

fn describe_review(caller: &UserInfo, attributes: ResourceAttributes) -> SubjectAccessReviewSpec {
    let UserInfo { username, groups, uid, extra } = caller.clone();
    SubjectAccessReviewSpec {
        user: username,
        groups,
        uid,
        extra,
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    }
}

fn read_permission(status: Option<SubjectAccessReviewStatus>) -> Found<()> {
    let status = status.unwrap_or_default();
    let answer = if status.allowed { Ok(()) } else { Err(status.reason.unwrap_or_default()) };
    Found { answer, life: USABLE_YES }
}

/// Reads for how long a token lives, if it is a JSON web token. The API server has checked its signature.
fn read_life(token: &str, now: Timestamp) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let Claims { exp } = serde_json::from_slice(&claims).ok()?;
    let left = exp.saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_of_a_token_is_in_its_claims() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let now = Timestamp::from_second(1000).unwrap();
        assert_eq!(read_life(&token(r#"{"exp":1600,"aud":["tars.io"]}"#), now), Some(Duration::from_mins(10)));
        assert_eq!(read_life(&token(r#"{"exp":999}"#), now), Some(Duration::ZERO));
        assert_eq!(read_life(&token(r#"{"sub":"me"}"#), now), None);
        assert_eq!(read_life("a word", now), None);
    }
}
