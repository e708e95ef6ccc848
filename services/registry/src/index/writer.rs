//! Applies changes of objects, in order, to the next snapshot.

use super::{Index, Snapshot, Template, Totals, server::Server, shard_of, up_chain::UpChain};
use crate::objects::{EndpointObject, FrameworkObject, TemplateObject};
use std::{collections::HashSet, sync::Arc};
use tars_common::{lenient::FieldError, names::FRAMEWORK_CONFIG};

/// The kinds of objects that the index is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    Endpoint,
    Template,
    Framework,
}

impl SourceKind {
    pub const ALL: [Self; 3] = [Self::Endpoint, Self::Template, Self::Framework];

    /// The plural of the kind, as labels of metrics have it.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Endpoint => "tendpoints",
            Self::Template => "ttemplates",
            Self::Framework => "tframeworkconfigs",
        }
    }

    /// The position of the kind in [`SourceKind::ALL`].
    pub const fn position(self) -> usize {
        self as usize
    }
}

/// One step of a list or watch.
#[derive(Debug, Clone)]
pub enum Change {
    /// A list of this kind begins.
    ListBegins(SourceKind),
    /// A TEndpoint exists and looks like this.
    Endpoint(EndpointObject),
    /// A TTemplate exists and looks like this.
    Template(TemplateObject),
    /// A TFrameworkConfig exists and looks like this.
    Framework(FrameworkObject),
    /// The object with this kind and name was deleted.
    Gone(SourceKind, String),
    /// The list of this kind is complete. Objects that were not in it do not exist any more.
    ListEnds(SourceKind),
}

/// The result of applying a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The change was applied, or it does not concern the index.
    Applied,
    /// The object cannot be used. Its last usable version stays.
    Skipped { kind: SourceKind, name: String, error: FieldError },
}

/// Changes the index. One task holds the writer.
#[derive(Debug)]
pub struct Writer {
    index: Index,
    next: Snapshot,
    changed: bool,
    listing: [Option<HashSet<Box<str>>>; SourceKind::ALL.len()],
    synced: [bool; SourceKind::ALL.len()],
}

impl Writer {
    /// Makes the writer of `index`. An index must have one writer only.
    pub fn new(index: Index) -> Self {
        let next = Snapshot::clone(&index.load());
        Self { index, next, changed: false, listing: Default::default(), synced: Default::default() }
    }

    /// Whether every kind was listed completely at least once.
    pub fn is_synced(&self) -> bool {
        self.synced.iter().all(|synced| *synced)
    }

    /// Applies a change. Readers see it after the next [`Writer::publish`].
    pub fn apply(&mut self, change: Change) -> Outcome {
        let (kind, name, result) = match change {
            Change::ListBegins(kind) => {
                self.listing[kind.position()] = Some(HashSet::new());
                return Outcome::Applied;
            }
            Change::ListEnds(kind) => {
                self.end_list(kind);
                return Outcome::Applied;
            }
            Change::Gone(kind, name) => {
                self.remove(kind, &name);
                return Outcome::Applied;
            }
            Change::Endpoint(mut object) => {
                let name = object.metadata.name.take().unwrap_or_default();
                let read = Server::read(&name, object);
                let put = read.map(|server| match server {
                    Some(server) => self.put_server(server),
                    None => self.remove(SourceKind::Endpoint, &name),
                });
                (SourceKind::Endpoint, name, put)
            }
            Change::Template(mut object) => {
                let name = object.metadata.name.take().unwrap_or_default();
                let read = read_template(object);
                let put = read.map(|template| self.put_template(&name, template));
                (SourceKind::Template, name, put)
            }
            Change::Framework(mut object) => {
                let name = object.metadata.name.take().unwrap_or_default();
                if name != FRAMEWORK_CONFIG {
                    return Outcome::Applied;
                }
                (SourceKind::Framework, name, UpChain::read(object).map(|chain| self.put_up_chain(chain)))
            }
        };
        // An object that cannot be used was listed, too, so it still exists.
        if let Some(listed) = &mut self.listing[kind.position()] {
            listed.insert(name.as_str().into());
        }
        match result {
            Ok(()) => Outcome::Applied,
            Err(error) => Outcome::Skipped { kind, name, error },
        }
    }

    /// Publishes all changes that were applied since the last call. Returns whether there were any.
    pub fn publish(&mut self) -> bool {
        if !std::mem::take(&mut self.changed) {
            return false;
        }
        self.next.revision += 1;
        self.index.0.store(Arc::new(self.next.clone()));
        true
    }

    fn put_server(&mut self, server: Server) {
        let shard = shard_of(&server.name);
        if self.next.shards[shard].get(&server.name).is_some_and(|known| **known == server) {
            return;
        }
        self.next.totals.add(Totals::of(&server));
        let shard = Arc::make_mut(&mut self.next.shards[shard]);
        if let Some(before) = shard.insert(server.name.clone(), Arc::new(server)) {
            self.next.totals.subtract(Totals::of(&before));
        }
        self.changed = true;
    }

    fn put_template(&mut self, name: &str, template: Template) {
        if self.next.template(name) != Some(&template) {
            Arc::make_mut(&mut self.next.templates).insert(name.into(), template);
            self.changed = true;
        }
    }

    fn put_up_chain(&mut self, chain: UpChain) {
        if *self.next.up_chain != chain {
            self.next.up_chain = Arc::new(chain);
            self.changed = true;
        }
    }

    fn remove(&mut self, kind: SourceKind, name: &str) {
        match kind {
            SourceKind::Endpoint => {
                let shard = &mut self.next.shards[shard_of(name)];
                if shard.contains_key(name)
                    && let Some(before) = Arc::make_mut(shard).remove(name)
                {
                    self.next.totals.subtract(Totals::of(&before));
                    self.changed = true;
                }
            }
            SourceKind::Template => {
                if self.next.templates.contains_key(name) {
                    Arc::make_mut(&mut self.next.templates).remove(name);
                    self.changed = true;
                }
            }
            SourceKind::Framework if name == FRAMEWORK_CONFIG => self.put_up_chain(UpChain::default()),
            SourceKind::Framework => {}
        }
    }

    fn end_list(&mut self, kind: SourceKind) {
        self.synced[kind.position()] = true;
        let Some(listed) = self.listing[kind.position()].take() else { return };
        let gone: Vec<Box<str>> = match kind {
            SourceKind::Endpoint => {
                self.next.shards.iter().flat_map(|shard| shard.keys()).filter(|name| !listed.contains(*name)).cloned().collect()
            }
            SourceKind::Template => self.next.templates.keys().filter(|name| !listed.contains(*name)).cloned().collect(),
            SourceKind::Framework if listed.contains(FRAMEWORK_CONFIG) => Vec::new(),
            SourceKind::Framework => vec![FRAMEWORK_CONFIG.into()],
        };
        for name in gone {
            self.remove(kind, &name);
        }
    }
}

fn read_template(object: TemplateObject) -> Result<Template, FieldError> {
    let spec = object.spec.required("spec")?;
    Ok(Template { parent: spec.parent.required("spec.parent")?.into(), content: spec.content.required("spec.content")?.into() })
}
