//! A domain of a document: its parameters and its sub-domains.

use super::ordered::Ordered;

/// How deep domains may be nested. Real documents have four levels.
pub const MAX_DEPTH: usize = 32;

/// The content of `<name> … </name>`: parameters and sub-domains, both in the order in which they were placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    pub(super) parameters: Ordered<String>,
    pub(super) domains: Ordered<Domain>,
}

impl Domain {
    /// The value of the parameter `key`; `None` if the domain has no such parameter.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str)
    }

    /// Keys and values of all parameters, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(key, value)| (key, value.as_str()))
    }

    /// All sub-domains with their names, in the order in which they appeared first.
    pub fn domains(&self) -> impl Iterator<Item = (&str, &Domain)> {
        self.domains.iter()
    }

    /// The sub-domain `name`; `None` if there is no such sub-domain.
    pub fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name)
    }

    /// Appends the content of `other`, as if its text followed that of this domain.
    fn append(&mut self, other: &Domain) {
        for (key, value) in other.parameters.iter() {
            self.parameters.put_last(key.to_owned(), value.clone());
        }
        self.append_domains(other);
    }

    pub(super) fn append_domains(&mut self, other: &Domain) {
        for (name, domain) in other.domains.iter() {
            self.domains.entry(name, Domain::default).append(domain);
        }
    }
}
