//! The size of texts, which the schema bounds in characters and the storage of the API server in bytes.

use super::warning::Warning;

/// The bytes of a text that the storage accepts with its default settings: etcd takes 1.5 MiB for the whole object.
const STORED_BYTES: usize = 1_500_000;

/// Warns about a text that is probably too long to be stored. The API server then refuses the request with
/// `etcdserver: request is too large`, which names no field.
pub(super) fn warn_of_size(rule: &'static str, field: &'static str, text: &str) -> Option<Warning> {
    // A control character takes six bytes in JSON, any other one at most twice its own.
    if text.len() < STORED_BYTES / 6 {
        return None;
    }
    // A text always serializes.
    let bytes = serde_json::to_vec(text).map_or(0, |json| json.len());
    (bytes > STORED_BYTES).then(|| {
        let text = format!(
            "{field} takes {bytes} bytes as JSON: by default etcd stores 1.5 MiB for the whole object, so it refuses larger requests; \
             shorten the text or split it"
        );
        Warning::fixed(rule, text).at(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_and_not_characters() {
        assert_eq!(warn_of_size("6.2.1", "configContent", &"x".repeat(1_499_998)), None);
        assert!(warn_of_size("6.2.1", "configContent", &"x".repeat(1_499_999)).is_some());
        assert_eq!(warn_of_size("6.2.1", "configContent", &"ü".repeat(700_000)), None);
        let warning = warn_of_size("6.2.1", "configContent", &"ü".repeat(800_000)).unwrap();
        assert!(warning.text.starts_with("configContent takes 1600002 bytes as JSON") && warning.text.len() <= 256, "{warning}");
        assert!(warn_of_size("6.2.1", "configContent", &"\u{1}".repeat(300_000)).is_some());
    }
}
