//! The resources that admission has rules for.

use crate::{derived::DerivedKind, names};
use std::fmt;

/// A resource that admission has rules for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `tservers.k8s.tars.io`
    Server,
    /// `tconfigs.k8s.tars.io`
    Config,
    /// `ttemplates.k8s.tars.io`
    Template,
    /// `ttrees.k8s.tars.io`
    Tree,
    /// `taccounts.k8s.tars.io`
    Account,
    /// `timages.k8s.tars.io`
    Image,
    /// `tframeworkconfigs.k8s.tars.io`
    Framework,
    /// A protected kind of objects that the controller makes for a TServer.
    Derived(DerivedKind),
}

impl Resource {
    /// Returns the resource of a group and plural name; `None` if admission has no rules for it.
    pub fn of(group: &str, plural: &str) -> Option<Self> {
        Some(match (group, plural) {
            (names::GROUP, "tservers") => Self::Server,
            (names::GROUP, "tconfigs") => Self::Config,
            (names::GROUP, "ttemplates") => Self::Template,
            (names::GROUP, "ttrees") => Self::Tree,
            (names::GROUP, "taccounts") => Self::Account,
            (names::GROUP, "timages") => Self::Image,
            (names::GROUP, "tframeworkconfigs") => Self::Framework,
            _ => Self::Derived(DerivedKind::of(group, plural).filter(|kind| kind.descriptor().protected)?),
        })
    }

    /// Returns the resource of a kind of our group; `None` if admission has no rules for it.
    pub fn of_kind(kind: &str) -> Option<Self> {
        [Self::Server, Self::Config, Self::Template, Self::Tree, Self::Account, Self::Image, Self::Framework]
            .into_iter()
            .find(|resource| kind.eq_ignore_ascii_case(resource.as_str()))
    }

    /// The kind in lower case, as in messages: `tserver`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "tserver",
            Self::Config => "tconfig",
            Self::Template => "ttemplate",
            Self::Tree => "ttree",
            Self::Account => "taccount",
            Self::Image => "timage",
            Self::Framework => "tframeworkconfig",
            Self::Derived(kind) => kind.descriptor().singular,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
