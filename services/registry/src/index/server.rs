//! One server of the cluster: its servants with their answers, and the sources of its configuration.

use super::answer::Answer;
use crate::objects::{EndpointObject, Pod, ServantObject, Tars};
use std::collections::BTreeSet;
use tars::framework::endpoint::EndpointF;
use tars_common::lenient::{FieldError, Lenient};

const ACTIVE: &str = "Active";
/// How many milliseconds a request may wait if the object does not say it.
const SERVANT_TIMEOUT: i32 = 60_000;

/// A server that has servants. A server of subtype `normal` has no servants and is not in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Name of the TEndpoint: `lower(app)-lower(server)`.
    pub name: Box<str>,
    /// How many threads of the server handle the answers to its asynchronous calls.
    pub async_thread: i32,
    /// Name of the template; may be empty.
    pub template: Box<str>,
    /// Configuration of this server alone, which wins over the template.
    pub profile: Box<str>,
    /// The servants in the order of the TServer.
    pub servants: Box<[Servant]>,
    pub pods: PodCount,
}

/// How many pods a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PodCount {
    /// Pods whose wanted state and present state are both `Active`.
    pub active: usize,
    /// All other pods.
    pub inactive: usize,
}

/// One servant of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servant {
    pub name: Box<str>,
    pub port: i32,
    /// Number of threads that handle requests.
    pub thread: i32,
    /// The highest number of connections.
    pub connection: i32,
    /// The highest number of requests that wait.
    pub capacity: i32,
    /// How many milliseconds a request may wait.
    pub timeout: i32,
    /// Whether the servant uses TCP; otherwise it uses UDP.
    pub is_tcp: bool,
    /// Whether the servant speaks Tars; otherwise it speaks another protocol.
    pub is_tars: bool,
    pub answer: Answer,
}

impl Server {
    /// Reads the TEndpoint `name`. Returns `None` for a server of subtype `normal`.
    ///
    /// A TEndpoint without status is a server without pods. The server exists, so the up-chain is not asked for it.
    pub fn read(name: &str, object: EndpointObject) -> Result<Option<Self>, FieldError> {
        let spec = object.spec.required("spec")?;
        let Some(tars) = spec.tars.optional("spec.tars")? else { return Ok(None) };
        let status = object.status.optional("status")?.unwrap_or_default();
        let pods = PodNames::read(status.pods.optional("status.pods")?.unwrap_or_default())?;
        let Tars { async_thread, template, profile, servants } = tars;
        let servants = servants.required("spec.tars.servants")?;
        Ok(Some(Self {
            name: name.into(),
            async_thread: async_thread.optional("spec.tars.asyncThread")?.unwrap_or_default(),
            template: template.optional("spec.tars.template")?.unwrap_or_default().into(),
            profile: profile.optional("spec.tars.profile")?.unwrap_or_default().into(),
            servants: servants.into_iter().map(|servant| Servant::read(name, servant, &pods)).collect::<Result<_, _>>()?,
            pods: PodCount { active: pods.active.len(), inactive: pods.inactive.len() },
        }))
    }

    /// Finds the first servant with this name.
    pub fn servant(&self, name: &str) -> Option<&Servant> {
        self.servants.iter().find(|servant| &*servant.name == name)
    }
}

/// The names of a server's pods, in ascending order of their bytes.
#[derive(Default)]
struct PodNames {
    active: BTreeSet<String>,
    inactive: BTreeSet<String>,
}

impl PodNames {
    fn read(pods: Vec<Lenient<Pod>>) -> Result<Self, FieldError> {
        let mut read = Self::default();
        for pod in pods {
            let Pod { name, setting_state, present_state } = pod.required("status.pods[]")?;
            let name = name.required("status.pods[].name")?;
            let setting = setting_state.optional("status.pods[].settingState")?;
            let present = present_state.optional("status.pods[].presentState")?;
            let active = setting.as_deref() == Some(ACTIVE) && present.as_deref() == Some(ACTIVE);
            let names = if active { &mut read.active } else { &mut read.inactive };
            names.insert(name);
        }
        Ok(read)
    }
}

impl Servant {
    fn read(server: &str, object: Lenient<ServantObject>, pods: &PodNames) -> Result<Self, FieldError> {
        let object = object.required("spec.tars.servants[]")?;
        let port = object.port.required("spec.tars.servants[].port")?;
        let timeout = object.timeout.optional("spec.tars.servants[].timeout")?.unwrap_or(SERVANT_TIMEOUT);
        let is_tcp = object.is_tcp.optional("spec.tars.servants[].isTcp")?.unwrap_or(true);
        // The host is relative to the namespace. Pods resolve it because their DNS option ndots is 2.
        let endpoint = |pod: &String| EndpointF {
            host: format!("{pod}.{server}"),
            port,
            timeout,
            istcp: is_tcp.into(),
            ..EndpointF::default()
        };
        Ok(Self {
            name: object.name.required("spec.tars.servants[].name")?.into(),
            port,
            thread: object.thread.optional("spec.tars.servants[].thread")?.unwrap_or_default(),
            connection: object.connection.optional("spec.tars.servants[].connection")?.unwrap_or_default(),
            capacity: object.capacity.optional("spec.tars.servants[].capacity")?.unwrap_or_default(),
            timeout,
            is_tcp,
            is_tars: object.is_tars.optional("spec.tars.servants[].isTars")?.unwrap_or(true),
            answer: Answer::new(pods.active.iter().map(endpoint), pods.inactive.iter().map(endpoint)),
        })
    }
}
