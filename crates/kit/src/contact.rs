//! Records when the API server last said something to a watch: by a list, an event or a bookmark.
//!
//! A watch that brings no change may be at rest, or it may be cut off. But an API server sends a bookmark about once a minute. So if it
//! was silent for much longer, the state in memory may be out of date. A watcher hides bookmarks, so the client of the watch sees them.

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{self, Bytes};
use kube::{Client, client::Body};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tokio::time::{Duration, Instant};
use tower::{BoxError, service_fn};

/// The time at which the API server last spoke to one watch. Clones share it.
#[derive(Clone, Debug)]
pub struct Contact(Arc<Times>);

#[derive(Debug)]
struct Times {
    start: Instant,
    /// Milliseconds after `start`; 0 before the first answer.
    last: AtomicU64,
}

impl Default for Contact {
    fn default() -> Self {
        Self(Arc::new(Times { start: Instant::now(), last: AtomicU64::new(0) }))
    }
}

impl Contact {
    /// Makes a client that does what `client` does, and records each part of a successful answer. Only one watch may use it.
    ///
    /// Must be called inside the tokio runtime, as every function that makes a client.
    #[must_use]
    pub fn observe(&self, client: &Client) -> Client {
        let (contact, inner, namespace) = (self.clone(), client.clone(), client.default_namespace().to_owned());
        let ask = move |request: Request<Body>| {
            let (contact, client) = (contact.clone(), inner.clone());
            async move { Ok::<_, BoxError>(contact.record(client.send(request).await?)) }
        };
        Client::new(service_fn(ask), namespace)
    }

    /// The time since the API server last spoke, or since this was made if it has not spoken yet.
    pub fn age(&self) -> Duration {
        self.0.start.elapsed().saturating_sub(Duration::from_millis(self.0.last.load(Relaxed)))
    }

    fn mark(&self) {
        let now = u64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.store(now, Relaxed);
    }

    fn record(self, answer: Response<Body>) -> Response<impl body::Body<Data = Bytes, Error = BoxError> + Send + 'static> {
        let success = answer.status().is_success();
        if success {
            self.mark();
        }
        answer.map(|body| {
            let heard = move |frame| {
                if success {
                    self.mark();
                }
                frame
            };
            body.map_frame(heard).map_err(unwrap)
        })
    }
}

/// The client that gets the error wraps it again, and looks for its kind one level below.
fn unwrap(error: kube::Error) -> BoxError {
    match error {
        kube::Error::Service(error) => error,
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{SinkExt as _, TryStreamExt as _, channel::mpsc};
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use k8s_openapi::api::core::v1::Pod;
    use kube::{
        Api,
        api::{ListParams, WatchParams},
        core::WatchEvent,
    };
    use std::io;

    type Answer = Response<StreamBody<mpsc::Receiver<io::Result<Frame<Bytes>>>>>;

    fn answer(status: u16) -> (mpsc::Sender<io::Result<Frame<Bytes>>>, Answer) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Response::builder().status(status).body(StreamBody::new(receiver)).unwrap())
    }

    /// A client that gets this answer once, and an error from then on.
    fn client_of(answer: Answer) -> Client {
        let mut answer = Some(answer);
        let respond = move |_| std::future::ready(answer.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)));
        Client::new(service_fn(respond), "default")
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_of_an_answer_and_each_part_of_it_are_contacts_bookmarks_too() {
        let contact = Contact::default();
        let (mut sender, answer) = answer(200);
        pass(7).await;
        assert_eq!(contact.age().as_secs(), 7, "nothing was heard yet");
        let pods = Api::<Pod>::all(contact.observe(&client_of(answer)));
        let mut events = std::pin::pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
        assert_eq!(contact.age().as_secs(), 0);
        pass(60).await;
        assert_eq!(contact.age().as_secs(), 60);
        let bookmark = r#"{"type":"BOOKMARK","object":{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"7"}}}"#;
        sender.send(Ok(Frame::data(Bytes::from(format!("{bookmark}\n"))))).await.unwrap();
        assert!(matches!(events.try_next().await.unwrap(), Some(WatchEvent::Bookmark(_))));
        assert_eq!(contact.age().as_secs(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_no_contact_and_keeps_its_kind() {
        let contact = Contact::default();
        let (mut sender, refusal) = answer(403);
        pass(7).await;
        let status = r#"{"kind":"Status","status":"Failure","message":"no","reason":"Forbidden","code":403}"#;
        sender.send(Ok(Frame::data(Bytes::from(status)))).await.unwrap();
        drop(sender);
        let client = contact.observe(&client_of(refusal));
        let refused = Api::<Pod>::all(client.clone()).list(&ListParams::default()).await.unwrap_err();
        assert!(matches!(refused, kube::Error::Api(status) if status.code == 403));
        let failed = Api::<Pod>::all(client).list(&ListParams::default()).await.unwrap_err();
        assert!(matches!(&failed, kube::Error::Service(cause) if cause.is::<io::Error>()), "{failed:?}");
        assert_eq!(contact.age().as_secs(), 7);
    }

    #[tokio::test]
    async fn a_watch_that_breaks_off_reports_the_error_of_its_connection() {
        let (mut sender, answer) = answer(200);
        let pods = Api::<Pod>::all(Contact::default().observe(&client_of(answer)));
        let mut events = std::pin::pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
        sender.send(Err(io::ErrorKind::UnexpectedEof.into())).await.unwrap();
        assert!(events.try_next().await.unwrap().is_none(), "kube takes this error for the end of the watch");
    }
}
