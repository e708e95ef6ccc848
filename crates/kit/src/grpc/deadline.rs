//! Reads how long the caller of a function waits.

use http::HeaderMap;
use std::time::Duration;
use tonic::Status;

/// The header with the time that the caller waits.
const TIMEOUT: &str = "grpc-timeout";

/// Reads the header `grpc-timeout`. It has at most eight digits and a unit, for example `250m` for 250 milliseconds.
pub(super) fn read_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
        match unit {
            "H" => Some(Duration::from_hours(number)),
            "M" => Some(Duration::from_mins(number)),
            "S" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_millis(number)),
            "u" => Some(Duration::from_micros(number)),
            "n" => Some(Duration::from_nanos(number)),
            _ => None,
        }
    });
    parsed
        .map(Some)
        .ok_or_else(|| Status::invalid_argument("the header grpc-timeout needs up to eight digits and one of H, M, S, m, u, n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        let read = |text: &'static str| {
            read_timeout(&HeaderMap::from_iter([(http::HeaderName::from_static(TIMEOUT), HeaderValue::from_static(text))]))
        };
        assert_eq!(read_timeout(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999H").unwrap(), Some(Duration::from_hours(99_999_999)));
        for wrong in ["", "1", "m", "1x", "123456789S", "-1S"] {
            assert_eq!(read(wrong).unwrap_err().code(), tonic::Code::InvalidArgument, "{wrong}");
        }
    }
}
