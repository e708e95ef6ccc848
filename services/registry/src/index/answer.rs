//! The endpoints of one servant. They are encoded once for each change, in the form that nearly every client asks for.
//!
//! ```text
//! findObjectById4Any, 4All, InSameGroup   0c 29 ACTIVE 39 INACTIVE      return value 0, lists under tags 2 and 3; stored, not copied
//! findObjectByIdInSameStation, InSameSet  0c 39 ACTIVE 49 INACTIVE      the same lists under tags 3 and 4
//! findObjectById                          09 ACTIVE                     the list is the return value, tag 0
//! ```
//!
//! ACTIVE and INACTIVE consist of a count and the elements. They do not depend on the tag of the list.

use bytes::{BufMut, Bytes, BytesMut};
use tars::{
    codec::{DecodeError, Decoder, Encoder, TypeCode},
    framework::endpoint::EndpointF,
};

/// The encoding of the return value 0 under tag 0.
const SUCCESS: u8 = TypeCode::Zero as u8;

/// Active and inactive endpoints. Clones share their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `0c 29 ACTIVE 39 INACTIVE`.
    encoded: Bytes,
    /// The position of `39`.
    inactive_at: usize,
}

const fn list_head(tag: u8) -> u8 {
    tag << 4 | TypeCode::List as u8
}

impl Answer {
    /// No endpoints.
    pub const EMPTY: Self =
        Self { encoded: Bytes::from_static(&[SUCCESS, list_head(2), 0x0c, list_head(3), 0x0c]), inactive_at: 3 };

    /// Encodes the endpoints in the given order.
    pub fn new<'a, A, I>(active: A, inactive: I) -> Self
    where
        A: ExactSizeIterator<Item = EndpointF> + 'a,
        I: ExactSizeIterator<Item = EndpointF> + 'a,
    {
        let mut out = BytesMut::new();
        out.put_u8(SUCCESS);
        put_list(&mut out, 2, active);
        let inactive_at = out.len();
        put_list(&mut out, 3, inactive);
        // Answers are kept, and the buffer has grown by doubling. So the answer is a copy of the right size.
        Self { encoded: Bytes::copy_from_slice(&out), inactive_at }
    }

    /// The results of the functions that have the lists under tags 2 and 3.
    pub fn both(&self) -> Bytes {
        self.encoded.clone()
    }

    /// The results of the functions that have one parameter more, and therefore the lists under tags 3 and 4.
    pub fn both_one_later(&self) -> Bytes {
        let mut out = BytesMut::from(&self.encoded[..]);
        out[1] = list_head(3);
        out[self.inactive_at] = list_head(4);
        out.freeze()
    }

    /// The results of the function that returns the active list.
    pub fn active_only(&self) -> Bytes {
        let mut out = BytesMut::from(&self.encoded[1..self.inactive_at]);
        out[0] = list_head(0);
        out.freeze()
    }

    /// The active and the inactive endpoints as values, for gRPC and for other versions of the Tars protocol.
    pub fn endpoints(&self) -> Result<(Vec<EndpointF>, Vec<EndpointF>), DecodeError> {
        let mut input = Decoder::new(&self.encoded[1..]);
        Ok((input.require(2)?, input.require(3)?))
    }
}

fn put_list(out: &mut BytesMut, tag: u8, endpoints: impl ExactSizeIterator<Item = EndpointF>) {
    let mut encoder = Encoder::new(out);
    encoder.begin_list(tag, endpoints.len());
    for endpoint in endpoints {
        encoder.put(0, &endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> EndpointF {
        EndpointF { host: host.into(), port: 10001, timeout: 60000, istcp: 1, ..EndpointF::default() }
    }

    #[test]
    fn all_forms_hold_the_same_lists() {
        let active = vec![endpoint("a"), endpoint("b")];
        let inactive = vec![endpoint("c")];
        let answer = Answer::new(active.clone().into_iter(), inactive.clone().into_iter());
        assert_eq!(answer.endpoints().unwrap(), (active.clone(), inactive.clone()));
        let mut both = Decoder::new(&answer.encoded);
        assert_eq!(both.require::<i32>(0).unwrap(), 0);
        assert_eq!(both.require::<Vec<EndpointF>>(2).unwrap(), active);
        assert_eq!(both.require::<Vec<EndpointF>>(3).unwrap(), inactive);
        let later = answer.both_one_later();
        let mut later = Decoder::new(&later);
        assert_eq!(later.require::<i32>(0).unwrap(), 0);
        assert_eq!(later.require::<Vec<EndpointF>>(3).unwrap(), active);
        assert_eq!(later.require::<Vec<EndpointF>>(4).unwrap(), inactive);
        assert_eq!(Decoder::new(&answer.active_only()).require::<Vec<EndpointF>>(0).unwrap(), active);
    }

    #[test]
    fn the_empty_answer_is_an_encoding_of_nothing() {
        assert_eq!(Answer::EMPTY, Answer::new(std::iter::empty(), std::iter::empty()));
    }
}
