//! Calls the functions of one object.

use super::{
    directory::{Directory, Slot},
    error::CallError,
    link::{CannotWait, Link, next_request_id},
    options::{CallOptions, ClientOptions},
    push::{Push, PushHandler},
};
use crate::packet::{Headers, PING, Packet, RequestPacket, ResponsePacket, packet_type, ret};
use bytes::{Bytes, BytesMut};
use std::{sync::Arc, time::Duration};

/// The answer of a call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The encoded results.
    pub body: Bytes,
    /// Headers of the user.
    pub context: Headers,
    /// Headers of the framework.
    pub status: Headers,
}

/// Calls one object. A clone is cheap; all clones share their connections, and what they know of endpoints that fail.
#[derive(Debug, Clone)]
pub struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    object: Arc<str>,
    directory: Arc<Directory>,
    options: Arc<ClientOptions>,
    pushes: PushHandler,
}

impl Proxy {
    pub(super) fn new(object: String, directory: Directory, options: Arc<ClientOptions>) -> Self {
        Self(Arc::new(Inner { object: object.into(), directory: Arc::new(directory), options, pushes: PushHandler::default() }))
    }

    /// The name of the object.
    pub fn object(&self) -> &str {
        &self.0.object
    }

    /// Calls `func` with the encoded arguments `body`.
    pub async fn call(&self, func: &str, body: Bytes) -> Result<Answer, CallError> {
        self.call_with(func, body, &CallOptions::default()).await
    }

    /// Calls `func` with the encoded arguments `body` and with options. A call that could not be sent is tried on other
    /// endpoints. A call that was sent is never sent again (`docs/reference/wire.md#11.6`).
    pub async fn call_with(&self, func: &str, body: Bytes, options: &CallOptions) -> Result<Answer, CallError> {
        let response = self.limit_time(func, options, self.send_to_any(func, body, packet_type::NORMAL, options)).await?;
        match response {
            ResponsePacket { ret: ret::SUCCESS, buffer, context, status, .. } => Ok(Answer { body: buffer, context, status }),
            ResponsePacket { ret, desc, .. } => {
                Err(CallError::Refused { object: self.object().to_owned(), func: func.to_owned(), ret, desc })
            }
        }
    }

    /// Calls `func` with the encoded arguments `body` and expects no answer. It succeeds when a connection has taken the request.
    pub async fn call_one_way(&self, func: &str, body: Bytes, options: &CallOptions) -> Result<(), CallError> {
        self.limit_time(func, options, self.send_to_any(func, body, packet_type::ONE_WAY, options)).await.map(drop)
    }

    /// Asks one of the servers whether it works.
    pub async fn ping(&self) -> Result<(), CallError> {
        self.call(PING, Bytes::new()).await.map(drop)
    }

    /// Passes the pushes of the object's servers to `handler`, in place of an earlier handler. The handler runs on the task of a
    /// connection and must not block.
    pub fn on_push(&self, handler: impl Fn(Push) + Send + Sync + 'static) {
        self.0.pushes.set(handler);
    }

    fn timeout(&self, options: &CallOptions) -> Duration {
        options.timeout.unwrap_or(self.0.options.timeout)
    }

    async fn limit_time<T>(
        &self,
        func: &str,
        options: &CallOptions,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let after = self.timeout(options);
        tokio::time::timeout(after, call)
            .await
            .unwrap_or_else(|_| Err(CallError::Timeout { object: self.object().to_owned(), func: func.to_owned(), after }))
    }

    /// Sends the request to the next endpoint that takes it. It waits for the answer, unless the request is one-way.
    async fn send_to_any(&self, func: &str, body: Bytes, kind: i8, options: &CallOptions) -> Result<ResponsePacket, CallError> {
        let Inner { object, directory, options: shared, pushes } = &*self.0;
        let request = RequestPacket {
            packet_type: kind,
            message_type: options.message_type,
            request_id: next_request_id(),
            servant: object.to_string(),
            func: func.to_owned(),
            buffer: body,
            timeout: i32::try_from(self.timeout(options).as_millis()).unwrap_or(i32::MAX),
            context: options.context.clone(),
            status: options.status.clone(),
            ..RequestPacket::default()
        };
        let mut frame = BytesMut::with_capacity(96 + request.buffer.len());
        request
            .write(&mut frame, shared.max_frame)
            .map_err(|source| CallError::TooLarge { object: object.to_string(), source })?;
        let frame = frame.freeze();

        let group = directory.find_group(object, shared).await?;
        let mut tried = Vec::new();
        let mut last = CallError::NoEndpoint { object: object.to_string() };
        while tried.len() < group.len() {
            let Some(slot) = group.choose(&tried) else { break };
            // If the connection ends just before it is used, one new connection is tried.
            for _ in 0..2 {
                match slot.connect(object, shared, pushes).await {
                    Ok(link) => match self.send_over(&slot, &link, &request, frame.clone()).await {
                        Attempt::Done(result) => return result,
                        Attempt::NotSent(error) => last = error,
                    },
                    Err(source) => {
                        slot.record_failure(true);
                        last = CallError::Connect { object: object.to_string(), endpoint: slot.endpoint.to_string(), source };
                    }
                }
                if !matches!(last, CallError::Lost { .. }) {
                    break;
                }
            }
            tried.push(slot);
        }
        Err(last)
    }

    async fn send_over(&self, slot: &Slot, link: &Link, request: &RequestPacket, frame: Bytes) -> Attempt {
        // Counts as a failure of the endpoint unless an answer comes, also if the caller stops waiting.
        struct Failure<'a>(Option<&'a Slot>);
        impl Drop for Failure<'_> {
            fn drop(&mut self) {
                if let Some(slot) = self.0 {
                    slot.record_failure(false);
                }
            }
        }

        let object = || self.object().to_owned();
        let lost = |reason: String| CallError::Lost { object: object(), endpoint: slot.endpoint.to_string(), reason };
        if request.packet_type == packet_type::ONE_WAY {
            let sent = link.send(frame).await;
            return if sent {
                Attempt::Done(Ok(ResponsePacket::default()))
            } else {
                Attempt::NotSent(lost("it is closed".to_owned()))
            };
        }
        let waiting = match link.register(request.request_id, self.0.options.max_outstanding) {
            Ok(waiting) => waiting,
            Err(CannotWait::Closed) => return Attempt::NotSent(lost("it is closed".to_owned())),
            Err(CannotWait::Busy(outstanding)) => {
                return Attempt::NotSent(CallError::Busy { object: object(), endpoint: slot.endpoint.to_string(), outstanding });
            }
        };
        let mut failure = Failure(Some(slot));
        if !link.send(frame).await {
            return Attempt::NotSent(lost("it is closed".to_owned()));
        }
        match waiting.wait().await {
            Ok(packet) => {
                failure.0 = None;
                slot.record_success();
                Attempt::Done(Ok(packet))
            }
            Err(reason) => Attempt::Done(Err(lost(reason))),
        }
    }
}

/// Whether a request left this process.
enum Attempt {
    /// It was sent, and this is its result.
    Done(Result<ResponsePacket, CallError>),
    /// It was not sent, so another endpoint may get it.
    NotSent(CallError),
}
