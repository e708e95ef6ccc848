//! Warnings about accepted requests, as sentences of bounded length.

use super::denial::format_path;
use std::{array, fmt};

/// The greatest number of characters in a warning. When a request draws many warnings, the API server cuts each one here
/// (docs/reference/admission.md#3.11).
pub const WARNING_LIMIT: usize = 256;

/// A warning about a request that is accepted. `Display` writes the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The number of the rule in docs/reference/admission.md, such as `6.1.14`.
    pub rule: &'static str,
    /// The path of the member that the warning is about, such as `spec.k8s.replicas`; empty for the object as a whole.
    pub field: String,
    /// The problem and the remedy, in at most 256 characters.
    pub text: String,
}

impl Warning {
    /// Builds a warning whose sentence has no value of unknown length. `text` has at most 256 characters.
    pub(super) fn fixed(rule: &'static str, text: impl Into<String>) -> Self {
        Self { rule, field: String::new(), text: text.into() }
    }

    /// Names the member that the warning is about. The path may begin with a dot, or be a JSON pointer without indices.
    pub(super) fn at(mut self, path: impl AsRef<str>) -> Self {
        self.field = format_path(path.as_ref());
        self
    }

    /// Builds a warning from the values that the author wrote. `write` puts them into the sentence. The values are shortened, longest
    /// first, until the sentence fits, so a long value never hides the remedy. The other words of the sentence have at most
    /// 256 characters.
    pub fn new<const N: usize>(rule: &'static str, values: [&str; N], write: impl Fn([&str; N]) -> String) -> Self {
        let mut longest = WARNING_LIMIT;
        loop {
            let short = values.map(|value| shorten(value, longest));
            let text = write(array::from_fn(|i| short[i].as_str()));
            let excess = text.chars().count().saturating_sub(WARNING_LIMIT);
            if excess == 0 || longest == 0 {
                return Self { rule, field: String::new(), text };
            }
            longest = longest.saturating_sub(excess.div_ceil(N.max(1)));
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the value with at most `longest` characters. An ellipsis stands for the rest.
fn shorten(value: &str, longest: usize) -> String {
    match value.char_indices().nth(longest) {
        None => value.to_owned(),
        Some(_) => value.chars().take(longest.saturating_sub(1)).chain((longest > 0).then_some('…')).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warn(values: [&str; 2]) -> Warning {
        Warning::new("6.1.14", values, |[key, value]| format!("no node matches {key} {value:?}; correct the value"))
    }

    #[test]
    fn values_that_fit_stay_as_they_are() {
        assert_eq!(warn(["disk", "bíg"]).to_string(), "no node matches disk \"bíg\"; correct the value");
        let room = WARNING_LIMIT - "no node matches disk \"\"; correct the value".len();
        let text = warn(["disk", &"é".repeat(room)]).text;
        assert!(text.chars().count() == WARNING_LIMIT && !text.contains('…'), "{text}");
    }

    #[test]
    fn long_values_are_shortened_and_the_remedy_stays() {
        for values in [["disk", &"é".repeat(1_000)], [&"k".repeat(300), &"v".repeat(400)], ["k", &"\0".repeat(10_000)]] {
            let text = warn(values).text;
            assert!(text.chars().count() <= WARNING_LIMIT, "{text}");
            assert!(text.starts_with("no node matches ") && text.ends_with("…\"; correct the value"), "{text}");
            assert!(values[0].len() > 4 || text.contains(values[0]), "a short value stays: {text}");
        }
    }
}
