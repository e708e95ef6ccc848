//! The forms of names that the API server of Kubernetes accepts.

/// The greatest number of characters in a label of DNS, and in the name part of a label key.
const LABEL_LIMIT: usize = 63;
/// The greatest number of characters in a name of several labels of DNS.
const SUBDOMAIN_LIMIT: usize = 253;

/// Whether `text` may be the name of a volume or container: lower-case letters, digits and inner hyphens, at most 63.
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= LABEL_LIMIT && has_form(text, |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'), b"-")
}

/// Whether `text` may be the name of most objects, such as a service account: labels of DNS with dots between them, at most 253 characters.
pub fn is_dns_subdomain(text: &str) -> bool {
    let is_part = |part: &str| has_form(part, |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'), b"-");
    text.len() <= SUBDOMAIN_LIMIT && text.split('.').all(is_part)
}

/// Whether `text` may be the key of a label or the name of a readiness gate: a name of at most 63 letters, digits and inner `-_.`, behind
/// the name of a domain and a slash or without.
pub fn is_qualified_name(text: &str) -> bool {
    let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
    domain.is_none_or(is_dns_subdomain)
        && name.len() <= LABEL_LIMIT
        && has_form(name, |byte| byte.is_ascii_alphanumeric(), b"-_.")
}

/// Whether `text` may be the value of a label: at most 63 letters, digits and inner `-_.`, or empty.
pub fn is_label_value(text: &str) -> bool {
    text.is_empty() || text.len() <= LABEL_LIMIT && has_form(text, |byte| byte.is_ascii_alphanumeric(), b"-_.")
}

/// Whether `text` begins and ends with an `outer` character, and has only those and `inner` ones between.
fn has_form(text: &str, outer: impl Fn(u8) -> bool, inner: &[u8]) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.into_iter().all(|end| end.is_some_and(|byte| outer(*byte)))
        && bytes.iter().all(|byte| outer(*byte) || inner.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_forms_of_kubernetes() {
        let long = "a".repeat(63);
        for (text, label, subdomain, qualified) in [
            ("data-1", true, true, true),
            (&long, true, true, true),
            (&"a".repeat(64), false, true, false),
            ("a.b", false, true, true),
            ("tars.io/active", false, false, true),
            ("tars.io/Active_1.x", false, false, true),
            ("Data", false, false, true),
            ("-a", false, false, false),
            ("a-", false, false, false),
            ("", false, false, false),
            ("a..b", false, false, true),
            ("a/b/c", false, false, false),
            ("Tars.io/active", false, false, false),
            ("/active", false, false, false),
            ("tars.io/", false, false, false),
            ("über", false, false, false),
        ] {
            let found = (is_dns_label(text), is_dns_subdomain(text), is_qualified_name(text));
            assert_eq!(found, (label, subdomain, qualified), "{text:?}");
        }
        for (text, value) in
            [("", true), ("V1_b.c-d", true), (&long, true), (&"a".repeat(64), false), ("a-", false), ("a/b", false)]
        {
            assert_eq!(is_label_value(text), value, "{text:?}");
        }
    }
}
