//! A fault in a TServer that keeps its objects from being built.

/// One fault, as a sentence without full stop that names the field, the fault and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}; {remedy}")]
pub struct Problem {
    pub field: String,
    pub fault: String,
    pub remedy: String,
}

impl Problem {
    pub fn new(field: impl Into<String>, fault: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), fault: fault.into(), remedy: remedy.into() }
    }
}
