//! `RegistryObj`: tarsnode asks it for the descriptor of its server, and reports the state of that server to it
//! (docs/reference/name-service.md#A8).

use crate::{
    index::{Index, Server, Snapshot},
    metrics::Metrics,
    readiness::{Reporter, StateReport},
    render::render,
};
use std::collections::BTreeMap;
use tars::{
    framework::registry::{AdapterDescriptor, Registry, ServerDescriptor},
    server::{Request, ServantError},
};

/// Key of the request's context under which tarsnode sends the process id of the server.
const PID: &str = "PID";
/// Key under which tarsnode sends how the process ended by itself. Other implementations neither send nor read it.
const CRASH: &str = "CRASH";
/// The return value of `getServerDescriptor` when there is no usable descriptor.
const FAILURE: i32 = -1;

/// The servant.
#[derive(Debug)]
pub struct RegistryObj {
    index: Index,
    reporter: Reporter,
    metrics: Metrics,
}

impl RegistryObj {
    /// Renders configurations from `index` and hands reports to `reporter`.
    pub fn new(index: Index, reporter: Reporter, metrics: Metrics) -> Self {
        Self { index, reporter, metrics }
    }
}

impl Registry for RegistryObj {
    async fn get_server_descriptor(
        &self,
        _: &Request,
        server_app: String,
        server_name: String,
    ) -> Result<(i32, ServerDescriptor), ServantError> {
        if server_app.is_empty() || server_name.is_empty() {
            return Ok((FAILURE, ServerDescriptor::default()));
        }
        let snapshot = self.index.load_full();
        let Some(server) = snapshot.server_of(&server_app, &server_name) else {
            tracing::warn!(app = server_app, server = server_name, "the descriptor of an unknown server was requested");
            return Ok((FAILURE, ServerDescriptor::default()));
        };
        let (code, descriptor) = describe(&snapshot, server, &server_app, &server_name);
        self.metrics.count_rendering(code == 0);
        Ok((code, descriptor))
    }

    async fn update_server_state(
        &self,
        request: &Request,
        pod_name: String,
        setting_state: String,
        present_state: String,
    ) -> Result<(), ServantError> {
        let pid = request.context.get(PID).cloned().unwrap_or_default();
        let report = StateReport::new(pod_name, &setting_state, &present_state, pid);
        let outcome = match report {
            Ok(report) => {
                let crash = request.context.get(CRASH).map(String::as_str).unwrap_or_default();
                self.reporter.report(report.with_crash(crash)).await
            }
            Err(error) => Err(error.into()),
        };
        outcome.map(drop).map_err(ServantError::unknown)
    }
}

/// Returns 0 and the descriptor of a server. If its configuration cannot be rendered, returns [`FAILURE`] and a descriptor that has
/// the reason as its profile.
fn describe(snapshot: &Snapshot, server: &Server, app: &str, name: &str) -> (i32, ServerDescriptor) {
    let (code, profile) = match render(snapshot, server) {
        Ok(profile) => (0, profile),
        Err(error) => {
            tracing::warn!(server = &*server.name, %error, "the configuration cannot be rendered");
            (FAILURE, error.to_string())
        }
    };
    let adapters = server.servants.iter().map(|servant| {
        let object = format!("{app}.{name}.{}", servant.name);
        let adapter = AdapterDescriptor {
            adapter_name: format!("{object}Adapter"),
            endpoint: format!(
                "{} -h ${{localip}} -p {} -t {}",
                if servant.is_tcp { "tcp" } else { "udp" },
                servant.port,
                servant.timeout
            ),
            thread_num: servant.thread,
            max_connections: servant.connection,
            allow_ip: String::new(),
            servant: object,
            queuecap: servant.capacity,
            queuetimeout: servant.timeout,
            protocol: if servant.is_tars { "tars" } else { "not_tars" }.to_owned(),
        };
        (adapter.adapter_name.clone(), adapter)
    });
    let adapters: BTreeMap<_, _> = adapters.collect();
    (code, ServerDescriptor { profile, async_thread_num: server.async_thread, adapters })
}
