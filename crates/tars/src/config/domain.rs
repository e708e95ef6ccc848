//! A domain of a document: its parameters and its sub-domains.

use super::ordered::Ordered;

/// Deepest nesting of domains. Real documents use four levels.
pub const MAX_DEPTH: usize = 32;

/// One `<name> … </name>`: parameters and sub-domains, each in their own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    pub(super) parameters: Ordered<String>,
    pub(super) domains: Ordered<Domain>,
}

impl Domain {
    /// The value of the parameter `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str)
    }

    /// Keys and values in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(key, value)| (key, value.as_str()))
    }

    /// Names of the sub-domains and the sub-domains, first seen first.
    pub fn domains(&self) -> impl Iterator<Item = (&str, &Domain)> {
        self.domains.iter()
    }

    /// The sub-domain `name`.
    pub fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name)
    }

    /// Continues this domain with what `other` says.
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
