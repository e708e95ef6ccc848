//! Requests as they are sent.

use super::status;
use http::{Method, Request, Response};
use kube::{Client, client};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Clone, Debug)]
pub struct Sent {
    pub method: Method,
    pub path: String,
    pub query: String,
    /// The header `content-type`.
    pub kind: String,
    /// The header `accept`.
    pub accept: String,
    /// Null if there is none.
    pub body: Value,
}

impl Sent {
    /// Whether it changes an object that the controller answers for. Events are no such objects.
    pub fn is_write(&self) -> bool {
        self.method != Method::GET && !self.path.contains("/events")
    }
}

/// The requests that a client has sent, in order.
pub type Log = Arc<Mutex<Vec<Sent>>>;

/// A client that keeps each request before `client` sends it.
pub fn record(client: Client) -> (Client, Log) {
    let log = Log::default();
    let heard = log.clone();
    let recording = intercept(client, move |sent| {
        heard.lock().unwrap().push(sent.clone());
        None
    });
    (recording, log)
}

/// A client that shows each request to `look`. If that returns a code, the request ends with it; otherwise `client` sends it.
pub fn intercept(client: Client, look: impl Fn(&Sent) -> Option<u16> + Send + Sync + 'static) -> Client {
    let look = Arc::new(look);
    let service = tower::service_fn(move |request: Request<client::Body>| {
        let (client, look) = (client.clone(), look.clone());
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect_bytes().await?;
            let header = |name: &str| parts.headers.get(name).and_then(|text| text.to_str().ok()).unwrap_or_default().to_owned();
            let sent = Sent {
                method: parts.method.clone(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                kind: header("content-type"),
                accept: header("accept"),
                body: serde_json::from_slice(&bytes).unwrap_or_default(),
            };
            let Some(code) = look(&sent) else {
                return client.send(Request::from_parts(parts, bytes.to_vec().into())).await;
            };
            let (code, answer) = status(code, "Refused on purpose");
            let answer = client::Body::from(answer.to_string().into_bytes());
            Ok(Response::builder().status(code).body(answer).unwrap())
        }
    });
    Client::new(service, "default")
}
