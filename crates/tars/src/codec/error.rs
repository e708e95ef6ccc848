//! The problems that encoded bytes can have, with the place where they were found.

use super::type_code::TypeCode;
use std::{borrow::Cow, error::Error, fmt};

/// Why a value could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The input ends within a value.
    #[error("needs {needed} more bytes but only {remaining} remain")]
    Truncated {
        /// How many bytes the value announces.
        needed: usize,
        /// How many bytes are left.
        remaining: usize,
    },
    /// The type code does not fit the declared type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The declared type as the interface definition calls it.
        expected: &'static str,
        /// The type code in the head.
        found: TypeCode,
    },
    /// The head has type code 14 or 15.
    #[error("type code {0} does not exist")]
    UnknownType(u8),
    /// A required value is absent.
    #[error("required value with tag {tag} is missing")]
    Missing {
        /// The tag of the value.
        tag: u8,
    },
    /// A collection announces a negative number of elements.
    #[error("count {0} is negative")]
    NegativeCount(i64),
    /// A collection announces more elements than the remaining bytes can hold.
    #[error("count {count} is more than the remaining {remaining} bytes can hold")]
    CountTooLarge {
        /// How many elements the collection announces.
        count: usize,
        /// How many bytes are left.
        remaining: usize,
    },
    /// Structs, lists and maps are nested deeper than [`super::Limits::depth`].
    #[error("nesting is deeper than {limit} levels")]
    TooDeep {
        /// The deepest allowed nesting.
        limit: u32,
    },
    /// The values would take more memory than [`super::Limits::memory`].
    #[error("decoded values would take more than {limit} bytes of memory")]
    TooMuchMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// An enum carries a number that it does not declare.
    #[error("enum {name} has no value {value}")]
    UnknownVariant {
        /// The name of the enum.
        name: &'static str,
        /// The number that arrived.
        value: i32,
    },
}

/// A [`Problem`] with the place in the input and the field that was being read.
///
/// The details are boxed, so that the results of the many small readers stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    problem: Problem,
    offset: usize,
    /// Structs and fields around the place, the innermost first.
    path: Vec<Cow<'static, str>>,
}

impl DecodeError {
    /// A problem that was found `offset` bytes from the start of the input.
    #[cold]
    pub fn new(problem: Problem, offset: usize) -> Self {
        Self(Box::new(Details { problem, offset, path: Vec::new() }))
    }

    /// Adds `place`, such as a struct and its field, around the places that were added before.
    #[must_use]
    #[cold]
    pub fn within(mut self, place: impl Into<Cow<'static, str>>) -> Self {
        self.0.path.push(place.into());
        self
    }

    /// The problem itself.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// How many bytes of the input stand before the problem.
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

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        None
    }
}
