//! Reads the text of a configuration.

use super::domain::{Domain, MAX_DEPTH};

/// How many bytes a text may have that is read. No real configuration is nearly as long.
pub const MAX_TEXT: usize = 1 << 20;

/// Why a text is not a configuration, and in which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    /// The number of the line, counted from 1. It is one more than the last line if the end of a domain is missing.
    pub line: usize,
    /// The problem in this line.
    pub problem: ParseProblem,
}

/// The problem in a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseProblem {
    /// The text is longer than [`MAX_TEXT`].
    #[error("the text has {0} bytes, but at most {MAX_TEXT} are read")]
    TooLong(usize),
    /// A domain is nested deeper than [`MAX_DEPTH`].
    #[error("domain <{0}> is nested deeper than {MAX_DEPTH} levels")]
    TooDeep(String),
    /// A tag has no `>`.
    #[error("tag {0:?} has no closing '>'")]
    UnfinishedTag(String),
    /// A closing tag has another name than the innermost open domain.
    #[error("</{found}> does not close the innermost open domain, which is <{open}>")]
    Mismatch {
        /// The name in the closing tag.
        found: String,
        /// The name of the innermost open domain.
        open: String,
    },
    /// A closing tag stands where no domain is open.
    #[error("</{0}> closes a domain, but none is open")]
    NothingOpen(String),
    /// The text ends inside a domain.
    #[error("domain <{0}> is still open at the end; add </{0}>")]
    Unclosed(String),
    /// A backslash begins something else than `\\`, `\r`, `\n`, `\t` or `\=`.
    #[error("{0:?} has a backslash that does not begin an escape; write a backslash as \\\\")]
    Escape(String),
}

const BLANKS: [char; 4] = [' ', '\r', '\n', '\t'];

pub(super) fn parse(text: &str) -> Result<Domain, ParseError> {
    if text.len() > MAX_TEXT {
        return Err(ParseError { line: 1, problem: ParseProblem::TooLong(text.len()) });
    }
    let mut root = Domain::default();
    let mut lines = Lines { rest: text, number: 0 };
    read_domain(&mut lines, &mut root, None, 0)?;
    Ok(root)
}

struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    /// Returns the next line, trimmed. It skips empty lines and comments.
    fn next(&mut self) -> Option<&'a str> {
        while !self.rest.is_empty() {
            let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            self.rest = rest;
            self.number += 1;
            let line = line.trim_matches(BLANKS);
            if !line.is_empty() && !line.starts_with('#') {
                return Some(line);
            }
        }
        None
    }

    fn fail<T>(&self, problem: ParseProblem) -> Result<T, ParseError> {
        Err(ParseError { line: self.number, problem })
    }
}

/// Reads up to the closing tag of `open`, or up to the end of the text for the root. `depth` limits the recursion.
fn read_domain(lines: &mut Lines<'_>, domain: &mut Domain, open: Option<&str>, depth: usize) -> Result<(), ParseError> {
    while let Some(line) = lines.next() {
        if let Some(tag) = line.strip_prefix('<') {
            // The rest of the line behind the tag is ignored.
            let Some((name, _)) = tag.split_once('>') else {
                return lines.fail(ParseProblem::UnfinishedTag(line.to_owned()));
            };
            match (name.strip_prefix('/'), open) {
                (Some(closed), Some(open)) if closed == open => return Ok(()),
                (Some(closed), Some(open)) => {
                    return lines.fail(ParseProblem::Mismatch { found: closed.to_owned(), open: open.to_owned() });
                }
                (Some(closed), None) => return lines.fail(ParseProblem::NothingOpen(closed.to_owned())),
                (None, _) if depth == MAX_DEPTH => return lines.fail(ParseProblem::TooDeep(name.to_owned())),
                (None, _) => read_domain(lines, domain.domains.entry(name, Domain::default), Some(name), depth + 1)?,
            }
        } else {
            match parse_parameter(line) {
                Ok((key, value)) => domain.parameters.put_last(key, value),
                Err(problem) => return lines.fail(problem),
            }
        }
    }
    match open {
        None => Ok(()),
        Some(open) => Err(ParseError { line: lines.number + 1, problem: ParseProblem::Unclosed(open.to_owned()) }),
    }
}

fn parse_parameter(line: &str) -> Result<(String, String), ParseProblem> {
    let (key, value) = split_at_equals(line);
    Ok((unescape(key.trim_matches(BLANKS))?, unescape(value.trim_matches(BLANKS))?))
}

/// Splits a line at the first `=` that has no backslash right before it. An escaped backslash counts as one, too, so a key that
/// ends with a backslash needs a blank before its `=`.
fn split_at_equals(line: &str) -> (&str, &str) {
    let bytes = line.as_bytes();
    let at = (0..bytes.len()).find(|&i| bytes[i] == b'=' && (i == 0 || bytes[i - 1] != b'\\'));
    at.map_or((line, ""), |at| (&line[..at], &line[at + 1..]))
}

fn unescape(text: &str) -> Result<String, ParseProblem> {
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('\\') => '\\',
                Some('r') => '\r',
                Some('n') => '\n',
                Some('t') => '\t',
                Some('=') => '=',
                _ => return Err(ParseProblem::Escape(text.to_owned())),
            },
            other => other,
        });
    }
    Ok(plain)
}
