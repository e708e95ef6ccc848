//! The wire as other programs see it: golden vectors in both directions, hostile input, and servers and clients over real
//! sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod calls;
mod decode_only;
mod draining;
mod frames;
mod hostile;
mod interfaces;
mod lookup;
mod properties;
mod queue;
mod support;
mod values;
mod vectors;
