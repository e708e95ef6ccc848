//! Answers which endpoints a servant has at this moment (docs/reference/name-service.md#A5).
//!
//! ```text
//! TEndpoint ────────► Server ─► Servant ─► Answer   encoded once for each change
//! TFrameworkConfig ─► UpChain ───────────► Answer
//! TTemplate ────────► Template                      for the configuration of servers
//! ```
//!
//! A [`Snapshot`] never changes once it is published, so readers take it and never wait. The writer works on its own copy, which
//! shares all shards with the published snapshot except those that the writer changes.

mod answer;
mod server;
#[cfg(test)]
mod tests;
mod up_chain;
mod writer;

use arc_swap::ArcSwap;
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};
use tars::framework::endpoint::EndpointF;
use tars_common::names::port;

pub use answer::Answer;
pub use server::{PodCount, Servant, Server};
pub use up_chain::UpChain;
pub use writer::{Change, Outcome, SourceKind, Writer};

/// The answer to a lookup that finds nothing.
static EMPTY: Answer = Answer::EMPTY;

/// Object name of the query servant.
pub const QUERY_OBJECT: &str = "tars.tarsregistry.QueryObj";
/// Object name of the registry servant.
pub const REGISTRY_OBJECT: &str = "tars.tarsregistry.RegistryObj";
/// The host of this service: its headless Service. The name has no dot and is the same in every namespace.
const OWN_HOST: &str = "tars-tarsregistry";
/// In milliseconds.
const OWN_TIMEOUT: i32 = 6_000;

/// Shards bound how much a change copies: with 10,000 servers about 40 pointers.
const SHARDS: usize = 256;

static QUERY_ANSWER: LazyLock<Answer> = LazyLock::new(|| build_own_answer(port::REGISTRY_QUERY));
static REGISTRY_ANSWER: LazyLock<Answer> = LazyLock::new(|| build_own_answer(port::REGISTRY));

fn build_own_answer(port: u16) -> Answer {
    let endpoint = EndpointF { host: OWN_HOST.into(), port: port.into(), timeout: OWN_TIMEOUT, istcp: 1, ..EndpointF::default() };
    Answer::new(std::iter::once(endpoint), std::iter::empty())
}

/// A TTemplate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Name of the parent; a template without parent has its own name or nothing here.
    pub parent: Box<str>,
    pub content: Box<str>,
}

/// The result of a lookup.
#[derive(Debug, Clone, Copy)]
pub enum Resolution<'a> {
    /// The servant belongs to the name service itself.
    Registry(&'a Answer),
    /// The servant belongs to this cluster. It may have no endpoints.
    Cluster(&'a Servant),
    /// The server is in this cluster but has no such servant. Another cluster is not asked.
    NoServant,
    /// The endpoints belong to another cluster.
    UpChain(&'a Answer),
    /// Neither this cluster nor the up-chain knows the server.
    Unknown,
    /// The id does not have three parts.
    Malformed,
}

impl<'a> Resolution<'a> {
    /// The endpoints. If the lookup found nothing, the answer is empty.
    pub fn answer(self) -> &'a Answer {
        match self {
            Self::Registry(answer) | Self::UpChain(answer) => answer,
            Self::Cluster(servant) => &servant.answer,
            Self::NoServant | Self::Unknown | Self::Malformed => &EMPTY,
        }
    }
}

/// How many servers, servants and endpoints a snapshot has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Servers that have servants.
    pub servers: usize,
    pub servants: usize,
    /// Endpoints of active pods.
    pub active: usize,
    /// Endpoints of all other pods.
    pub inactive: usize,
}

impl Totals {
    fn of(server: &Server) -> Self {
        let servants = server.servants.len();
        Self { servers: 1, servants, active: servants * server.pods.active, inactive: servants * server.pods.inactive }
    }

    fn add(&mut self, other: Self) {
        self.servers += other.servers;
        self.servants += other.servants;
        self.active += other.active;
        self.inactive += other.inactive;
    }

    fn subtract(&mut self, other: Self) {
        self.servers -= other.servers;
        self.servants -= other.servants;
        self.active -= other.active;
        self.inactive -= other.inactive;
    }
}

type Shard = HashMap<Box<str>, Arc<Server>>;

/// The state of the cluster at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    revision: u64,
    shards: Box<[Arc<Shard>]>,
    templates: Arc<HashMap<Box<str>, Template>>,
    up_chain: Arc<UpChain>,
    totals: Totals,
}

impl Default for Snapshot {
    fn default() -> Self {
        let empty = Arc::new(Shard::default());
        Self {
            revision: 0,
            shards: vec![empty; SHARDS].into(),
            templates: Arc::default(),
            up_chain: Arc::default(),
            totals: Totals::default(),
        }
    }
}

impl Snapshot {
    /// Looks up a servant by its id, for the six functions of `QueryObj` and for gRPC (docs/reference/name-service.md#A7.2).
    pub fn resolve(&self, id: &str) -> Resolution<'_> {
        match id {
            QUERY_OBJECT => return Resolution::Registry(&QUERY_ANSWER),
            REGISTRY_OBJECT => return Resolution::Registry(&REGISTRY_ANSWER),
            _ => {}
        }
        let Some((app, server, servant)) = split_id(id) else { return Resolution::Malformed };
        match with_object_name(app, server, |name| self.server(name)) {
            Some(server) => server.servant(servant).map_or(Resolution::NoServant, Resolution::Cluster),
            None => self.up_chain.answer(id).map_or(Resolution::Unknown, Resolution::UpChain),
        }
    }

    /// Finds a server by the name of its TEndpoint.
    pub fn server(&self, name: &str) -> Option<&Arc<Server>> {
        self.shards[shard_of(name)].get(name)
    }

    /// Finds a server by its application and its name, both without regard to case.
    pub fn server_of(&self, app: &str, server: &str) -> Option<&Arc<Server>> {
        with_object_name(app, server, |name| self.server(name))
    }

    /// Finds a template by its name.
    pub fn template(&self, name: &str) -> Option<&Template> {
        self.templates.get(name)
    }

    /// The number of this state. Each published state has a higher number than the states before it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The number of templates.
    pub fn templates(&self) -> usize {
        self.templates.len()
    }

    pub fn up_chain(&self) -> &UpChain {
        &self.up_chain
    }
}

/// The published snapshot, shared by all readers and one [`Writer`].
#[derive(Debug, Clone, Default)]
pub struct Index(Arc<ArcSwap<Snapshot>>);

impl Index {
    /// The present state, for a short use. It costs little and never waits for the writer.
    pub fn load(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The present state, to be kept across an await.
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

/// Splits an id into its three parts. Empty parts do not count: `.a..b.c.` has the parts a, b and c.
pub fn split_id(id: &str) -> Option<(&str, &str, &str)> {
    let mut parts = id.split('.').filter(|part| !part.is_empty());
    let split = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(split)
}

/// Calls `with` with `lower(app)-lower(server)`. A name that is short enough for an object is built without an allocation.
fn with_object_name<T>(app: &str, server: &str, with: impl FnOnce(&str) -> T) -> T {
    const LONGEST: usize = 128;
    let length = app.len() + 1 + server.len();
    let mut buffer = [0_u8; LONGEST];
    if let Some(name) = buffer.get_mut(..length) {
        name[..app.len()].copy_from_slice(app.as_bytes());
        name[app.len()] = b'-';
        name[app.len() + 1..].copy_from_slice(server.as_bytes());
        name.make_ascii_lowercase();
        if let Ok(name) = std::str::from_utf8(name) {
            return with(name);
        }
    }
    with(&format!("{app}-{server}").to_ascii_lowercase())
}

/// The shard of a name, by the hash FNV-1a. It is fast for short names, and a name always has the same shard. The hash need not
/// resist attacks, because a lookup by a client adds nothing to a shard.
fn shard_of(name: &str) -> usize {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // There are 2^8 shards, and the upper bits of the hash are better mixed than the lower ones.
    (hash >> 24) as usize % SHARDS
}
