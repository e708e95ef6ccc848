//! Records when the API server last answered a list or watch of each kind.
//!
//! A watch that brings no change may be at rest, or it may be cut off. But each watch ends after [`crate::watch::WATCH_SECONDS`] and
//! is opened again. So if the last successful answer is much older than that, the state in memory may be out of date.

use crate::index::SourceKind;
use futures::future::BoxFuture;
use http::{Request, Response};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tower::{Layer, Service};

/// The time of the last successful answer for each kind.
#[derive(Debug)]
pub struct Contacts {
    start: Instant,
    /// Milliseconds after `start`; 0 before the first answer.
    last: [AtomicU64; SourceKind::ALL.len()],
}

impl Default for Contacts {
    fn default() -> Self {
        Self { start: Instant::now(), last: Default::default() }
    }
}

impl Contacts {
    /// Returns the time since the last successful answer for `kind`, or since `start` before the first one.
    pub fn age(&self, kind: SourceKind) -> Duration {
        let last = Duration::from_millis(self.last[kind.position()].load(Relaxed));
        self.start.elapsed().saturating_sub(last)
    }

    fn mark(&self, kind: SourceKind) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last[kind.position()].store(now, Relaxed);
    }
}

/// Makes a Kubernetes client record its successful answers in [`Contacts`].
#[derive(Debug, Clone)]
pub struct ContactLayer(pub Arc<Contacts>);

impl<S> Layer<S> for ContactLayer {
    type Service = ContactService<S>;

    fn layer(&self, inner: S) -> ContactService<S> {
        ContactService { inner, contacts: Arc::clone(&self.0) }
    }
}

/// The service that [`ContactLayer`] puts around the HTTP service of a client.
#[derive(Debug, Clone)]
pub struct ContactService<S> {
    inner: S,
    contacts: Arc<Contacts>,
}

impl<S, In, Out> Service<Request<In>> for ContactService<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
    Out: 'static,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Out>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let kind = request.uri().path().rsplit('/').next().and_then(SourceKind::from_plural);
        let contacts = Arc::clone(&self.contacts);
        let answer = self.inner.call(request);
        let observed = async move {
            let answer = answer.await?;
            if let Some(kind) = kind
                && answer.status().is_success()
            {
                contacts.mark(kind);
            }
            Ok(answer)
        };
        Box::pin(observed) as Pin<Box<_>>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[tokio::test]
    async fn only_successful_answers_for_a_kind_count() {
        let contacts = Arc::new(Contacts::default());
        let answer = |request: Request<u16>| async move {
            Ok::<_, Infallible>(Response::builder().status(*request.body()).body(()).unwrap())
        };
        let mut service = ContactLayer(Arc::clone(&contacts)).layer(tower::service_fn(answer));
        let last = |kind: SourceKind| contacts.last[kind.position()].load(Relaxed);
        let mut ask = |path: &str, status| service.call(Request::get(path).body(status).unwrap());
        let endpoints = "/apis/k8s.tars.io/v1beta3/namespaces/tars/tendpoints?watch=true";
        while contacts.start.elapsed() < Duration::from_millis(2) {
            tokio::task::yield_now().await;
        }
        ask(endpoints, 500).await.unwrap();
        ask("/api/v1/namespaces/tars/pods", 200).await.unwrap();
        assert_eq!(SourceKind::ALL.map(last), [0, 0, 0]);
        ask(endpoints, 200).await.unwrap();
        assert!(last(SourceKind::Endpoint) >= 2 && last(SourceKind::Template) == 0);
        assert!(contacts.age(SourceKind::Endpoint) < contacts.age(SourceKind::Template));
    }
}
