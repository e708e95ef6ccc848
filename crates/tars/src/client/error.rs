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
    /// The object has no endpoints and there is no name service to ask.
    #[error("proxy `{0}` names no endpoint and the client has no locator; add `@tcp -h HOST -p PORT` or set a locator")]
    NoLocator(String),
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The name service did not answer.
    #[error("{object}: the name service could not be asked: {reason}")]
    Resolve {
        /// Object to call.
        object: String,
        /// What went wrong.
        reason: String,
    },
    /// The name service knows no active endpoint.
    #[error("{object}: no endpoint is active")]
    NoEndpoint {
        /// Object to call.
        object: String,
    },
    /// No connection could be made.
    #[error("{object}: could not connect to `{endpoint}`: {source}")]
    Connect {
        /// Object to call.
        object: String,
        /// Endpoint tried last.
        endpoint: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Too many calls wait for answers.
    #[error("{object}: {outstanding} calls wait for answers of `{endpoint}` already")]
    Busy {
        /// Object to call.
        object: String,
        /// Chosen endpoint.
        endpoint: String,
        /// Calls that wait.
        outstanding: usize,
    },
    /// The connection was lost before the answer came. Whether the call was executed is not known.
    #[error("{object}: connection to `{endpoint}` lost: {reason}")]
    Lost {
        /// Object that was called.
        object: String,
        /// Endpoint that was called.
        endpoint: String,
        /// Why it was lost.
        reason: String,
    },
    /// No answer came in time.
    #[error("{object}: `{func}` was not answered within {} ms", .after.as_millis())]
    Timeout {
        /// Object that was called.
        object: String,
        /// Function that was called.
        func: String,
        /// How long the call waited.
        after: Duration,
    },
    /// The request is larger than the limit.
    #[error("{object}: the request can't be sent: {source}")]
    TooLarge {
        /// Object to call.
        object: String,
        /// How large it is.
        #[source]
        source: FrameError,
    },
    /// The server answered with a return code other than 0.
    #[error("{object}: `{func}` answered return code {ret}: {desc}")]
    Refused {
        /// Object that was called.
        object: String,
        /// Function that was called.
        func: String,
        /// The return code.
        ret: i32,
        /// The text of the server.
        desc: String,
    },
    /// The results can't be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl CallError {
    /// The return code of the framework that stands for this error.
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
