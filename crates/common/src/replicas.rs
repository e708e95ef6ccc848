//! The number of pods of a server, and its bounds (docs/reference/admission.md#5.1.5).

/// Reads the value of an annotation that bounds the number of pods: 0 to 99 without leading zeros, that is `^[1-9]?[0-9]$`. `None`
/// stands for another text.
pub fn parse_bound(text: &str) -> Option<i64> {
    match text.as_bytes() {
        [b'0'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'] => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_has_one_or_two_digits() {
        for (text, bound) in
            [("0", Some(0)), ("99", Some(99)), ("100", None), ("07", None), ("-1", None), ("", None), ("x", None)]
        {
            assert_eq!(parse_bound(text), bound, "{text}");
        }
    }
}
