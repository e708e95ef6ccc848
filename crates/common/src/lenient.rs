//! Serde helpers for objects as other clients write them (docs/reference/resources.md#6).
//!
//! The API server has checked most objects against the schema before we see them, but not all of them against *today's* schema:
//! what was stored under an older one comes back unchanged, and watches deliver it. Where the schema says nothing about a value
//! (no bound on an integer, only a `format` on a time), decoding therefore never fails: one odd object must not stop the stream
//! that carries all others.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer};

/// Decodes a list or map, reading `null` as empty: Go clients write unset lists as `null`.
pub fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Decodes an integer that the schema does not bound; what lies outside of `i32` becomes its nearest value, `null` becomes 0.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    Ok(optional_integer(deserializer)?.unwrap_or_default())
}

/// Like [`integer`] for a field that may be absent.
pub fn optional_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let saturate = |value: i64| i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX });
    Ok(Option::<i64>::deserialize(deserializer)?.map(saturate))
}

/// Decodes an RFC 3339 time; `null`, the empty string and text that is no time become `None`.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| text.parse().ok()).map(Time))
}

/// Formats a time as all clients of the group do: RFC 3339, UTC, whole seconds (`2023-06-12T08:00:00Z`).
pub fn format_time(time: &Time) -> String {
    time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Default of an integer field, for `#[serde(default = "int::<3>")]`.
pub(crate) const fn int<const VALUE: i32>() -> i32 {
    VALUE
}

/// Default of a boolean field that is true when absent.
pub(crate) const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "null_default")]
        list: Vec<String>,
        #[serde(default, deserialize_with = "integer")]
        number: i32,
        #[serde(default, deserialize_with = "time")]
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
}
