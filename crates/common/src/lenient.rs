//! Decodes objects as other clients write them (docs/reference/resources.md#6).
//!
//! The API server checks objects against the schema when they are written. An object that was stored under an older schema may break
//! today's schema, and watches still deliver it. One odd object must not stop the watch that delivers all other objects. There are two
//! ways to read such an object:
//!
//! - The full types use functions such as [`decode_or_default`] and [`decode_integer`] for fields that the schema does not limit, such
//!   as an integer without bounds or a time. An odd value becomes the nearest value, or is treated as absent.
//! - A reader that must not guess declares its fields as [`Lenient`] values. Decoding then never fails. The reader asks each field
//!   afterwards whether it had the expected form, and reports the name of a field that did not.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use std::{fmt, marker::PhantomData};

/// Decodes a list or map. `null` becomes an empty one, because Go clients write `null` for an unset list.
pub fn decode_or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Decodes an integer that the schema does not limit. A value outside of `i32` becomes the nearest `i32`, and `null` becomes 0.
pub fn decode_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    Ok(decode_optional_integer(deserializer)?.unwrap_or_default())
}

/// Decodes an integer like [`decode_integer`], but `null` becomes `None`.
pub fn decode_optional_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let saturate = |value: i64| i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX });
    Ok(Option::<i64>::deserialize(deserializer)?.map(saturate))
}

/// Decodes an RFC 3339 time. `null`, an empty text and a text that is not a time become `None`.
pub fn decode_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| text.parse().ok()).map(Time))
}

/// Formats a time like all clients of the group: RFC 3339 in UTC with whole seconds (`2023-06-12T08:00:00Z`).
pub fn format_time(time: &Time) -> String {
    time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns the default of an integer field, for `#[serde(default = "int::<3>")]`.
pub(crate) const fn int<const VALUE: i32>() -> i32 {
    VALUE
}

/// Returns the default of a boolean field that is true when absent.
pub(crate) const fn yes() -> bool {
    true
}

/// A JSON value that should be a `T`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lenient<T> {
    /// The field is missing or `null`.
    #[default]
    Absent,
    /// The value is a `T`.
    Is(T),
    /// The value is of another type, or out of the range of `T`.
    Odd,
}

/// A reason why a field of an object cannot be used. Each variant has the path of the field, for example `spec.tars.servants`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The field is required.
    #[error("{0} is absent")]
    Absent(&'static str),
    /// The value has another type, or is out of the range of its type.
    #[error("{0} is of another type than it should be")]
    Odd(&'static str),
}

impl<T> Lenient<T> {
    /// Returns the value of a required field.
    pub fn required(self, field: &'static str) -> Result<T, FieldError> {
        self.optional(field)?.ok_or(FieldError::Absent(field))
    }

    /// Returns the value of a field that may be absent.
    pub fn optional(self, field: &'static str) -> Result<Option<T>, FieldError> {
        match self {
            Self::Is(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Odd => Err(FieldError::Odd(field)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> LenientVisitor<T> {
    fn scalar<E: Error>(value: impl IntoDeserializer<'de, E>) -> Lenient<T> {
        T::deserialize(value.into_deserializer()).map_or(Lenient::Odd, Lenient::Is)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Lenient<T>, E> {
        Ok(Lenient::Absent)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Lenient<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Lenient<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Lenient<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Lenient<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Lenient<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Lenient<T>, E> {
        Ok(Self::scalar::<E>(value))
    }

    // In the next two functions `T` may refuse a list or map as a whole, for instance because `T` is a number. What `T` has not read
    // then is skipped. `T` cannot refuse an element or a field, because those are `Lenient` themselves.

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lenient<T>, A::Error> {
        let value = T::deserialize(SeqAccessDeserializer::new(&mut list));
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value.map_or(Lenient::Odd, Lenient::Is))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient<T>, A::Error> {
        let value = T::deserialize(MapAccessDeserializer::new(&mut map));
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(value.map_or(Lenient::Odd, Lenient::Is))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "decode_or_default")]
        list: Vec<String>,
        #[serde(default, deserialize_with = "decode_integer")]
        number: i32,
        #[serde(default, deserialize_with = "decode_time")]
        at: Option<Time>,
    }

    fn decode(text: &str) -> Sample {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn nulls_and_absent_fields_are_defaults() {
        for text in ["{}", r#"{"list":null,"number":null,"at":null}"#, r#"{"at":""}"#, r#"{"at":"yesterday"}"#] {
            let sample = decode(text);
            assert!(sample.list.is_empty() && sample.number == 0 && sample.at.is_none(), "{text}");
        }
    }

    #[test]
    fn integers_saturate() {
        assert_eq!(decode(r#"{"number":1099511627776}"#).number, i32::MAX);
        assert_eq!(decode(r#"{"number":-1099511627776}"#).number, i32::MIN);
    }

    #[test]
    fn times_are_written_in_utc_seconds() {
        let at = decode(r#"{"at":"2023-06-12T10:00:00.75+02:00"}"#).at.unwrap();
        assert_eq!(format_time(&at), "2023-06-12T08:00:00Z");
        assert_eq!(serde_json::to_string(&at).unwrap(), r#""2023-06-12T08:00:00Z""#);
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Outer {
        name: Lenient<String>,
        port: Lenient<i32>,
        on: Lenient<bool>,
        list: Lenient<Vec<Lenient<Inner>>>,
        last: Lenient<String>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        id: Lenient<i32>,
    }

    fn read(json: &str) -> Outer {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn expected_values_are_read() {
        let outer = read(r#"{"name":"n","port":1,"on":false,"list":[{"id":2,"more":{"x":[1]}},null],"other":{}, "last":"l"}"#);
        assert_eq!(outer.name, Lenient::Is("n".into()));
        assert_eq!(outer.port.required("port"), Ok(1));
        assert_eq!(outer.on, Lenient::Is(false));
        assert_eq!(outer.list, Lenient::Is(vec![Lenient::Is(Inner { id: Lenient::Is(2) }), Lenient::Absent]));
        assert_eq!(outer.last, Lenient::Is("l".into()));
    }

    #[test]
    fn other_types_are_odd_and_do_not_disturb_what_follows() {
        for value in ["{}", r#"{"a":[{"b":1}]}"#, "[1,[2,{}]]", "1", "1.5", "true", r#""text""#] {
            let json = format!(r#"{{"name":{value},"port":{value},"on":{value},"list":{value},"last":"l"}}"#);
            let outer = read(&json);
            assert_eq!(outer.last, Lenient::Is("l".into()), "{json}");
            let odd = [outer.name == Lenient::Odd, outer.port == Lenient::Odd, outer.on == Lenient::Odd];
            assert!(odd.iter().filter(|odd| **odd).count() >= 2, "{json} fits at most one scalar: {outer:?}");
        }
        let error = read(r#"{"port":"80"}"#).port.required("spec.port").unwrap_err();
        assert_eq!(error.to_string(), "spec.port is of another type than it should be");
        assert_eq!(read(r#"{"port":null}"#).port.required("spec.port"), Err(FieldError::Absent("spec.port")));
        assert_eq!(read(r#"{"port":99999999999}"#).port, Lenient::Odd);
    }
}
