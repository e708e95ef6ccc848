//! Why a proxy could not be made, and why a call failed.

use crate::{
    codec::DecodeError,
    endpoint::EndpointError,
    packet::{FrameError, ret},
};
use std::{io, time::Duration};

/// Why a proxy could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The proxy string is malformed.
    #[error(transparent)]
    Syntax(#[from] EndpointError),
    /// The proxy string has no endpoints, and the client has no name service to ask.
    #[error("proxy `{0}` names no endpoint and the client has no locator; add `@tcp -h HOST -p PORT` or set a locator")]
    NoLocator(String),
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The name service did not answer, or answered an error.
    #[error("{object}: the name service could not be asked: {reason}")]
    Resolve {
        /// The object to call.
        object: String,
        /// Why the lookup failed.
        reason: String,
    },
    /// The name service knows no active endpoint.
    #[error("{object}: no endpoint is active")]
    NoEndpoint {
        /// The object to call.
        object: String,
    },
    /// The client could not connect.
    #[error("{object}: could not connect to `{endpoint}`: {source}")]
    Connect {
        /// The object to call.
        object: String,
        /// The endpoint that was tried last.
        endpoint: String,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Too many calls wait on the connection, see [`super::ClientOptions::max_outstanding`].
    #[error("{object}: {outstanding} calls already wait for answers of `{endpoint}`")]
    Busy {
        /// The object to call.
        object: String,
        /// The endpoint that was tried last.
        endpoint: String,
        /// How many calls wait.
        outstanding: usize,
    },
    /// The connection was lost before the answer came. Nobody knows whether the server executed the call.
    #[error("{object}: the connection to `{endpoint}` was lost: {reason}")]
    Lost {
        /// The object that was called.
        object: String,
        /// The endpoint that was called.
        endpoint: String,
        /// Why the connection was lost.
        reason: String,
    },
    /// No answer came in time.
    #[error("{object}: `{func}` was not answered within {} ms", .after.as_millis())]
    Timeout {
        /// The object that was called.
        object: String,
        /// The function that was called.
        func: String,
        /// How long the call waited.
        after: Duration,
    },
    /// The request is larger than [`super::ClientOptions::max_frame`].
    #[error("{object}: the request cannot be sent: {source}")]
    TooLarge {
        /// The object to call.
        object: String,
        /// How large the frame is.
        #[source]
        source: FrameError,
    },
    /// The server answered with a return code other than 0.
    #[error("{object}: `{func}` answered return code {ret}: {desc}")]
    Refused {
        /// The object that was called.
        object: String,
        /// The function that was called.
        func: String,
        /// The return code.
        ret: i32,
        /// The text that the server answered.
        desc: String,
    },
    /// The results cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl CallError {
    /// The return code of the framework for this error, see [`ret`]; for [`CallError::Refused`] the code that the server
    /// answered.
    pub fn ret(&self) -> i32 {
        match self {
            Self::Resolve { .. } | Self::NoEndpoint { .. } => ret::NO_ADAPTER,
            Self::Connect { .. } | Self::Lost { .. } => ret::CONNECT,
            Self::Busy { .. } | Self::TooLarge { .. } => ret::SEND,
            Self::Timeout { .. } => ret::INVOKE_TIMEOUT,
            Self::Refused { ret, .. } => *ret,
            Self::Decode(_) => ret::CLIENT_DECODE,
        }
    }
}
