//! Reading JSON that is not trusted to have the declared types.
//!
//! One odd object must not stop the list or watch that carries all others, and buffering whole objects to look at them twice would
//! cost more memory than the index itself. So every field is read as a [`Loose`] value: whatever stands there is consumed, and
//! whether it was what we expected is a question that is asked afterwards, with the field's name at hand.

use serde::de::{
    Deserialize, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
    value::{MapAccessDeserializer, SeqAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// A JSON value that was expected to be a `T`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Loose<T> {
    /// Nothing, or `null`.
    #[default]
    Absent,
    /// As expected.
    Is(T),
    /// Something else.
    Odd,
}

/// A field that is absent or of another type than it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {problem}")]
pub struct FieldError {
    /// Path of the field, like `spec.tars.servants`.
    pub field: &'static str,
    /// `absent` or `of another type`.
    pub problem: &'static str,
}

impl<T> Loose<T> {
    /// The value, which must be there.
    pub fn required(self, field: &'static str) -> Result<T, FieldError> {
        self.optional(field)?.ok_or(FieldError { field, problem: "absent" })
    }

    /// The value, if there is one.
    pub fn optional(self, field: &'static str) -> Result<Option<T>, FieldError> {
        match self {
            Self::Is(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Odd => Err(FieldError { field, problem: "of another type than it should be" }),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor(PhantomData))
    }
}

struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> LooseVisitor<T> {
    fn scalar<E: Error>(value: impl IntoDeserializer<'de, E>) -> Loose<T> {
        T::deserialize(value.into_deserializer()).map_or(Loose::Odd, Loose::Is)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for LooseVisitor<T> {
    type Value = Loose<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Loose<T>, E> {
        Ok(Loose::Absent)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Loose<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Loose<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Loose<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Loose<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Loose<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Loose<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    // Below, `T` may refuse a list or map as a whole, for instance because it is a number; what it left is skipped. It can't refuse
    // an element or field, because those are `Loose` themselves.

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose<T>, A::Error> {
        let value = T::deserialize(SeqAccessDeserializer::new(&mut list));
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value.map_or(Loose::Odd, Loose::Is))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<T>, A::Error> {
        let value = T::deserialize(MapAccessDeserializer::new(&mut map));
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(value.map_or(Loose::Odd, Loose::Is))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Outer {
        name: Loose<String>,
        port: Loose<i32>,
        on: Loose<bool>,
        list: Loose<Vec<Loose<Inner>>>,
        last: Loose<String>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Inner {
        id: Loose<i32>,
    }

    fn read(json: &str) -> Outer {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn expected_values_are_read() {
        let outer = read(r#"{"name":"n","port":1,"on":false,"list":[{"id":2,"more":{"x":[1]}},null],"other":{}, "last":"l"}"#);
        assert_eq!(outer.name, Loose::Is("n".into()));
        assert_eq!(outer.port.required("port"), Ok(1));
        assert_eq!(outer.on, Loose::Is(false));
        assert_eq!(outer.list, Loose::Is(vec![Loose::Is(Inner { id: Loose::Is(2) }), Loose::Absent]));
        assert_eq!(outer.last, Loose::Is("l".into()));
    }

    #[test]
    fn other_types_are_odd_and_do_not_disturb_what_follows() {
        for value in ["{}", r#"{"a":[{"b":1}]}"#, "[1,[2,{}]]", "1", "1.5", "true", r#""text""#] {
            let json = format!(r#"{{"name":{value},"port":{value},"on":{value},"list":{value},"last":"l"}}"#);
            let outer = read(&json);
            assert_eq!(outer.last, Loose::Is("l".into()), "{json}");
            let odd = [outer.name == Loose::Odd, outer.port == Loose::Odd, outer.on == Loose::Odd];
            assert!(odd.iter().filter(|odd| **odd).count() >= 2, "{json} fits at most one scalar: {outer:?}");
        }
        let error = read(r#"{"port":"80"}"#).port.required("spec.port").unwrap_err();
        assert_eq!(error.to_string(), "spec.port is of another type than it should be");
        assert_eq!(read(r#"{"port":null}"#).port.required("spec.port").unwrap_err().problem, "absent");
        assert_eq!(read(r#"{"port":99999999999}"#).port, Loose::Odd);
    }
}
