//! The mode of a local volume's directory: three octal digits, with or without a leading zero (docs/reference/local-volumes.md#7.1).

/// The mode of a directory for which nobody states one.
pub const DEFAULT_MODE: u32 = 0o755;

/// Why a text is no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// The text has other characters than octal digits.
    #[error("a mode has octal digits only, such as 755")]
    NotOctal,
    /// Only the nine permission bits can be set.
    #[error("a mode is at most 777, because only the nine permission bits can be set")]
    TooManyBits,
}

/// Reads a mode. An empty text means [`DEFAULT_MODE`].
///
/// # Errors
/// If the text has other characters than octal digits, or a value above 0777.
pub fn parse_mode(text: &str) -> Result<u32, ModeError> {
    if text.is_empty() {
        return Ok(DEFAULT_MODE);
    }
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return Err(ModeError::NotOctal);
    }
    // Leading zeros change nothing, and a number that does not fit is too large as well.
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err(ModeError::TooManyBits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_and_have_nine_bits() {
        for (text, mode) in
            [("", 0o755), ("755", 0o755), ("0755", 0o755), ("0", 0), ("777", 0o777), ("00000000000000000700", 0o700)]
        {
            assert_eq!(parse_mode(text), Ok(mode), "{text}");
        }
        for text in ["9", "798", "-1", "+7", "0o755", "rwx", "7 5", "７５５"] {
            assert_eq!(parse_mode(text), Err(ModeError::NotOctal), "{text}");
        }
        for text in ["1000", "1777", "77777777777777777777777777"] {
            assert_eq!(parse_mode(text), Err(ModeError::TooManyBits), "{text}");
        }
    }
}
