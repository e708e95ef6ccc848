//! What can be wrong with encoded bytes, and where.

use super::type_code::TypeCode;
use std::{borrow::Cow, fmt};

/// Why a value could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The payload ends too early.
    #[error("needs {needed} more bytes but only {remaining} remain")]
    Truncated {
        /// Bytes that the value announces.
        needed: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// The type code does not fit the declared type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The declared type in the words of the IDL.
        expected: &'static str,
        /// What the head says.
        found: TypeCode,
    },
    /// The head carries type code 14 or 15.
    #[error("type code {0} does not exist")]
    UnknownType(u8),
    /// A required value is not there.
    #[error("required value with tag {tag} is missing")]
    Missing {
        /// Tag that was looked for.
        tag: u8,
    },
    /// A collection announces a negative number of elements.
    #[error("count {0} is negative")]
    NegativeCount(i64),
    /// A collection announces more elements than the remaining bytes can hold.
    #[error("count {count} is more than the remaining {remaining} bytes can hold")]
    CountTooLarge {
        /// Announced number of elements.
        count: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// Structs, lists and maps are nested beyond the limit.
    #[error("nesting is deeper than {limit} levels")]
    TooDeep {
        /// The limit of the decoder.
        limit: u32,
    },
    /// The values would take more memory than the decoder may use.
    #[error("decoded values would take more than {limit} bytes of memory")]
    TooMuchMemory {
        /// The limit of the decoder in bytes.
        limit: usize,
    },
    /// An enum carries a number that it does not declare.
    #[error("{value} is no value of enum {name}")]
    UnknownVariant {
        /// The enum.
        name: &'static str,
        /// What arrived.
        value: i32,
    },
}

/// A [`Problem`] with the place in the input and the field that was being read.
///
/// It is boxed so that the results of the many small readers stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    problem: Problem,
    offset: usize,
    /// Innermost place first.
    path: Vec<Cow<'static, str>>,
}

impl DecodeError {
    /// A problem at `offset` bytes from the start of the input.
    #[cold]
    pub fn new(problem: Problem, offset: usize) -> Self {
        Self(Box::new(Details { problem, offset, path: Vec::new() }))
    }

    /// Adds the struct and field around the place named so far.
    #[must_use]
    #[cold]
    pub fn within(mut self, place: impl Into<Cow<'static, str>>) -> Self {
        self.0.path.push(place.into());
        self
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// Bytes from the start of the input to the place of the problem.
    pub fn offset(&self) -> usize {
        self.0.offset
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.0.path.iter().rev().enumerate() {
            let separator = if index == 0 { "" } else { " > " };
            write!(f, "{separator}{place}")?;
        }
        let separator = if self.0.path.is_empty() { "" } else { ": " };
        write!(f, "{separator}{} (at byte {})", self.0.problem, self.0.offset)
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}
