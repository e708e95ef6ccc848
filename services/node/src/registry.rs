//! Fetches descriptors from the registry, and sends states to the registry and alarms to the operators. States and alarms travel in
//! tasks of their own, so that the supervisor never waits for them (docs/reference/tarsnode.md#3.11).

use crate::{objects::NOTIFY_OBJ, state::Report};
use std::time::Duration;
use tars::{
    client::{CallError, CallOptions, Client, Proxy},
    framework::{
        notify::NotifyClient,
        registry::{RegistryClient, ServerDescriptor},
    },
};
use tokio::sync::{mpsc, watch};

/// How many alarms wait while tarsnotify is slow. Further ones are only logged.
const ALARMS: usize = 64;
/// The shortest and the longest pause between attempts to report a state. The pause doubles after each attempt.
const RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(15)];

/// Client of the registry's object for tarsnode.
#[derive(Debug, Clone)]
pub struct Registry {
    client: RegistryClient,
}

/// Why there is no descriptor. The messages are alarms, with the beginnings that operators know.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    #[error("[alarm] call registryProxy->getServerDescriptor() catch exception: {0}")]
    Call(#[from] CallError),
    #[error(
        "[alarm] call registryProxy->getServerDescriptor() return {code}: the registry has no usable TServer or template for {module}{detail}"
    )]
    Refused {
        code: i32,
        /// `APP.SERVER`.
        module: String,
        /// The reason that the registry gives, in parentheses, or empty.
        detail: String,
    },
}

impl Registry {
    pub fn new(proxy: Proxy) -> Self {
        Self { client: RegistryClient::new(proxy) }
    }

    /// Asks how the server is to run.
    pub async fn fetch_descriptor(&self, app: &str, server: &str) -> Result<ServerDescriptor, DescriptorError> {
        let (code, descriptor) = self.client.get_server_descriptor(app, server).await?;
        if code < 0 {
            // If a template has a syntax error, the profile is the message of the parser. Otherwise it is a document, or empty.
            let first = descriptor.profile.lines().next().unwrap_or_default();
            let detail = if first.is_empty() || first.starts_with('<') { String::new() } else { format!(" ({first})") };
            return Err(DescriptorError::Refused { code, module: format!("{app}.{server}"), detail });
        }
        Ok(descriptor)
    }

    async fn report_state(&self, pod: &str, report: &Report) -> Result<(), CallError> {
        let mut options = CallOptions::default().context("PID", report.pid.to_string());
        if let Some(crash) = &report.crash {
            options = options.context("CRASH", crash.to_string());
        }
        let client = self.client.with_options(options);
        client.update_server_state(pod, report.setting.as_str(), report.present.as_str()).await
    }
}

/// Reports states to the registry until it succeeds. Only the latest state is sent.
#[derive(Debug)]
pub struct Reporter {
    latest: watch::Sender<(u64, Option<Report>)>,
    delivered: watch::Receiver<u64>,
}

impl Reporter {
    /// Starts the task, which ends when the reporter is dropped.
    pub fn start(registry: Registry, pod: String, alarms: Alarms) -> Self {
        let (latest, mut wanted) = watch::channel((0, None));
        let (done, delivered) = watch::channel(0);
        tokio::spawn(async move {
            while wanted.changed().await.is_ok() {
                let mut pause = RETRY[0];
                loop {
                    let (number, report) = wanted.borrow_and_update().clone();
                    let Some(report) = report else { break };
                    let Err(problem) = registry.report_state(&pod, &report).await else {
                        tracing::info!(setting = report.setting.as_str(), present = %report.present, pid = report.pid, "reported");
                        done.send_replace(number);
                        break;
                    };
                    // One alarm for each outage, not for each attempt.
                    if pause == RETRY[0] {
                        alarms.send(format!("[alarm]call registryProxy->updateServerState() catch exception: {problem}"));
                    }
                    // A newer state does not shorten the pause, because the registry is away for it, too.
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY[1]);
                    if wanted.has_changed().is_err() {
                        return;
                    }
                }
            }
        });
        Self { latest, delivered }
    }

    /// Replaces the state that waits, if any, and returns at once.
    pub fn send(&self, report: Report) {
        self.latest.send_modify(|(number, latest)| {
            *number += 1;
            *latest = Some(report);
        });
    }

    /// Waits until the registry has the latest state that was sent before this call, but not longer than `limit`.
    pub fn wait_for_delivery(&self, limit: Duration) -> impl Future<Output = ()> + use<> {
        let number = self.latest.borrow().0;
        let mut delivered = self.delivered.clone();
        async move {
            let _ = tokio::time::timeout(limit, delivered.wait_for(|done| *done >= number)).await;
        }
    }
}

/// Sends alarms to operators through tarsnotify, once and without a promise that they arrive. The log has all of them.
#[derive(Debug, Clone)]
pub struct Alarms(mpsc::Sender<String>);

impl Alarms {
    /// Starts the task, which ends when all clones are dropped.
    pub fn start(client: &Client, module: String) -> Self {
        let (sender, mut texts) = mpsc::channel::<String>(ALARMS);
        let notify = client.proxy(NOTIFY_OBJ).map(NotifyClient::new);
        tokio::spawn(async move {
            while let Some(text) = texts.recv().await {
                // A framework may have no tarsnotify.
                let Ok(notify) = &notify else { continue };
                if let Err(problem) = notify.report_server(&module, "-1", &text).await {
                    tracing::debug!(%problem, "tarsnotify did not take the alarm");
                }
            }
        });
        Self(sender)
    }

    /// Logs the alarm and puts it into the queue for tarsnotify.
    pub fn send(&self, text: String) {
        tracing::warn!("{text}");
        // A full queue drops the alarm, which then stands only in the log.
        let _ = self.0.try_send(text);
    }
}
