//! Prints a configuration.

use super::domain::Domain;
use std::iter;

/// How many bytes a printed text may have. Indentation can make it longer than the text that was read.
pub const MAX_PRINTED: usize = 4 << 20;

/// Why a document cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrintError {
    /// A name, a key or a value contains `<` or `>`, for which the grammar has no escape.
    #[error("{what} {text:?} in domain <{domain}> contains '<' or '>', which a configuration cannot hold; remove it")]
    Bracket {
        /// Where the bracket stands: `domain`, `key` or `value`.
        what: &'static str,
        /// The name, the key or the value.
        text: String,
        /// The name of the enclosing domain; empty at the top level.
        domain: String,
    },
    /// A name would be read back as something else: a domain that contains a line break or begins with `/`, or a key that begins
    /// with `#`.
    #[error("{what} {text:?} in domain <{domain}> would be read back as something else; rename it")]
    Name {
        /// The thing that has the name: `domain` or `key`.
        what: &'static str,
        /// The name itself.
        text: String,
        /// The name of the enclosing domain; empty at the top level.
        domain: String,
    },
    /// The printed text would be longer than [`MAX_PRINTED`].
    #[error("the printed configuration would be longer than {MAX_PRINTED} bytes")]
    TooLong,
}

pub(super) fn print(root: &Domain) -> Result<String, PrintError> {
    check_printable(root)?;
    let mut text = String::new();
    let mut tops: Vec<_> = root.domains().collect();
    tops.sort_unstable_by_key(|(name, _)| *name);
    for (name, domain) in tops {
        print_domain(&mut text, name, domain, 0)?;
    }
    Ok(text)
}

fn print_domain(text: &mut String, name: &str, domain: &Domain, level: usize) -> Result<(), PrintError> {
    push_line(text, level, &["<", name, ">"])?;
    for (key, value) in domain.parameters() {
        let printed = escape(key);
        match (value, key) {
            // An empty line would not be read back.
            ("", "") => push_line(text, level + 1, &["="])?,
            ("", _) => push_line(text, level + 1, &[&printed])?,
            // A backslash right before the `=` would be read as its escape, so a blank stands between them.
            (value, key) if key.ends_with('\\') => push_line(text, level + 1, &[&printed, " =", &escape(value)])?,
            (value, _) => push_line(text, level + 1, &[&printed, "=", &escape(value)])?,
        }
    }
    for (name, domain) in domain.domains() {
        print_domain(text, name, domain, level + 1)?;
    }
    push_line(text, level, &["</", name, ">"])
}

fn push_line(text: &mut String, level: usize, parts: &[&str]) -> Result<(), PrintError> {
    text.extend(iter::repeat_n("  ", level));
    text.extend(parts.iter().copied());
    text.push('\n');
    if text.len() > MAX_PRINTED { Err(PrintError::TooLong) } else { Ok(()) }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\r' => escaped.push_str("\\r"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '=' => escaped.push_str("\\="),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Checks that all domains below `root` can be printed. The parameters of the root itself are not printed and not checked.
pub(super) fn check_printable(root: &Domain) -> Result<(), PrintError> {
    check_domains(root, "")
}

fn check_domains(parent: &Domain, parent_name: &str) -> Result<(), PrintError> {
    for (name, domain) in parent.domains() {
        check_text("domain", name, parent_name)?;
        if name.starts_with('/') || name.contains('\n') {
            return Err(PrintError::Name { what: "domain", text: name.to_owned(), domain: parent_name.to_owned() });
        }
        for (key, value) in domain.parameters() {
            check_text("key", key, name)?;
            check_text("value", value, name)?;
            if key.starts_with('#') {
                return Err(PrintError::Name { what: "key", text: key.to_owned(), domain: name.to_owned() });
            }
        }
        check_domains(domain, name)?;
    }
    Ok(())
}

fn check_text(what: &'static str, text: &str, domain: &str) -> Result<(), PrintError> {
    if text.contains(['<', '>']) {
        return Err(PrintError::Bracket { what, text: text.to_owned(), domain: domain.to_owned() });
    }
    Ok(())
}
