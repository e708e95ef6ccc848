//! Describes the Kubernetes Events that a service sends, for the reference pages.

/// A kind of Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventDeclaration {
    /// The kind of the object that the Event is about.
    pub object: &'static str,
    /// `Normal` or `Warning`, with a condition where there is one, such as `Warning after 10 s`.
    pub severity: &'static str,
    /// The reason: one word, which people and scripts match.
    pub reason: &'static str,
    /// The state or the change that the Event tells, in one sentence.
    pub meaning: &'static str,
}
