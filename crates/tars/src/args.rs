//! The arguments and the results of a call. The version of the packet decides on their form (`docs/reference/wire.md#4`,
//! `docs/reference/wire.md#8`).

use crate::{
    codec::{Decode, DecodeError, Decoder, Encode, Encoder, Problem},
    packet::{tup::UniAttribute, version},
};
use bytes::{Bytes, BytesMut};

/// Arguments of a request: by tag in version 1, by name in versions 2 and 3.
#[derive(Debug)]
pub struct Arguments<'a>(Form<'a>);

#[derive(Debug)]
enum Form<'a> {
    Tagged(Decoder<'a>),
    Named(UniAttribute),
}

impl<'a> Arguments<'a> {
    /// Begins to read the `sBuffer` of a request.
    pub fn read(packet_version: i16, buffer: &'a Bytes) -> Result<Self, DecodeError> {
        Ok(Self(match packet_version {
            version::TUP | version::TUP_LEGACY => Form::Named(UniAttribute::read(packet_version, buffer)?),
            _ => Form::Tagged(Decoder::over(buffer)),
        }))
    }

    /// Reads the in-parameter at position `tag`, counted from 1, with this `name`. The caller reads parameters in ascending
    /// order.
    pub fn get<T: Decode>(&mut self, tag: u8, name: &'static str) -> Result<T, DecodeError> {
        let value = match &mut self.0 {
            Form::Tagged(input) => input.require(tag),
            Form::Named(attributes) => {
                attributes.get(name).and_then(|value| value.ok_or_else(|| DecodeError::new(Problem::Missing { tag }, 0)))
            }
        };
        value.map_err(|error| error.within(format!("argument {name}")))
    }
}

/// Results of a call: the return value and the out-parameters. They have the same form as the arguments.
#[derive(Debug)]
pub struct Results(ResultForm);

#[derive(Debug)]
enum ResultForm {
    Tagged(BytesMut),
    Named(i16, UniAttribute),
}

impl Results {
    /// Begins the results for a request of this version.
    pub fn new(packet_version: i16) -> Self {
        Self(match packet_version {
            version::TUP | version::TUP_LEGACY => ResultForm::Named(packet_version, UniAttribute::default()),
            _ => ResultForm::Tagged(BytesMut::new()),
        })
    }

    /// Writes the return value. The caller does so before all out-parameters, and not at all for a void function.
    pub fn put_return<T: Encode + ?Sized>(&mut self, value: &T) {
        match &mut self.0 {
            ResultForm::Tagged(out) => Encoder::new(out).put(0, value),
            ResultForm::Named(_, attributes) => {
                attributes.put("", value);
                attributes.put("tars_ret", value);
            }
        }
    }

    /// Writes the out-parameter at position `tag`, counted from 1, with this `name`. The caller writes parameters in ascending
    /// order.
    pub fn put_out<T: Encode + ?Sized>(&mut self, tag: u8, name: &str, value: &T) {
        match &mut self.0 {
            ResultForm::Tagged(out) => Encoder::new(out).put(tag, value),
            ResultForm::Named(_, attributes) => attributes.put(name, value),
        }
    }

    /// Ends the results and returns the `sBuffer` of the response.
    pub fn finish(self) -> Bytes {
        match self.0 {
            ResultForm::Tagged(out) => out.freeze(),
            ResultForm::Named(packet_version, attributes) => attributes.write(packet_version),
        }
    }
}
