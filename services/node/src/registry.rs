//! The way to the registry and to the operators: descriptors in, states and alarms out. Nothing here holds up the supervisor.

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

/// Alarms that wait while tarsnotify is slow; more of them are only logged.
const ALARMS: usize = 64;
/// Pauses between attempts to report a state: they double from the first to the last.
const RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(15)];

/// Calls `RegistryObj`.
#[derive(Debug, Clone)]
pub struct Registry {
    client: RegistryClient,
}

/// Why there is no descriptor; the texts are the alarms that operators know.
#[derive(Debug, thiserror::Error)]
pub enum DescriptorError {
    /// The registry is away.
    #[error("[alarm] call registryProxy->getServerDescriptor() catch exception: {0}")]
    Call(#[from] CallError),
    /// The registry refuses.
    #[error(
        "[alarm] call registryProxy->getServerDescriptor() return {code}: the registry has no usable TServer or template for {module}{detail}"
    )]
    Refused {
        /// Return code.
        code: i32,
        /// `APP.SERVER`.
        module: String,
        /// What the registry says, if anything.
        detail: String,
    },
}

impl Registry {
    /// The registry behind `proxy`.
    pub fn new(proxy: Proxy) -> Self {
        Self { client: RegistryClient::new(proxy) }
    }

    /// How the server is to run.
    pub async fn descriptor(&self, app: &str, server: &str) -> Result<ServerDescriptor, DescriptorError> {
        let (code, descriptor) = self.client.get_server_descriptor(app, server).await?;
        if code < 0 {
            // After a template's syntax error the profile holds the parser's message; otherwise it is a document or empty.
            let first = descriptor.profile.lines().next().unwrap_or_default();
            let detail = if first.is_empty() || first.starts_with('<') { String::new() } else { format!(" ({first})") };
            return Err(DescriptorError::Refused { code, module: format!("{app}.{server}"), detail });
        }
        Ok(descriptor)
    }

    async fn report(&self, pod: &str, report: &Report) -> Result<(), CallError> {
        let options = CallOptions::default().context("PID", report.pid.to_string());
        let client = self.client.with_options(options);
        client.update_server_state(pod, report.setting.as_str(), report.present.as_str()).await
    }
}

/// Brings states to the registry, in a task of its own. Of several states that wait, only the latest is sent.
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
                    let (number, report) = *wanted.borrow_and_update();
                    let Some(report) = report else { break };
                    let Err(problem) = registry.report(&pod, &report).await else {
                        tracing::info!(setting = report.setting.as_str(), present = %report.present, pid = report.pid, "reported");
                        done.send_replace(number);
                        break;
                    };
                    // One alarm per outage, not one per attempt.
                    if pause == RETRY[0] {
                        alarms.send(format!("[alarm]call registryProxy->updateServerState() catch exception: {problem}"));
                    }
                    // A newer state does not shorten the pause: the registry is away for it as well.
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

    /// Sends `report` as soon as possible.
    pub fn send(&self, report: Report) {
        self.latest.send_modify(|(number, latest)| {
            *number += 1;
            *latest = Some(report);
        });
    }

    /// Resolves when everything that was sent up to now is delivered, or after `limit`.
    pub fn delivered(&self, limit: Duration) -> impl Future<Output = ()> + use<> {
        let number = self.latest.borrow().0;
        let mut delivered = self.delivered.clone();
        async move {
            let _ = tokio::time::timeout(limit, delivered.wait_for(|done| *done >= number)).await;
        }
    }
}

/// Tells operators through tarsnotify, in a task of its own and as well as it can.
#[derive(Debug, Clone)]
pub struct Alarms(mpsc::Sender<String>);

impl Alarms {
    /// Starts the task, which ends when all clones are dropped.
    pub fn start(client: &Client, module: String) -> Self {
        let (sender, mut texts) = mpsc::channel::<String>(ALARMS);
        let notify = client.proxy(NOTIFY_OBJ).map(NotifyClient::new);
        tokio::spawn(async move {
            while let Some(text) = texts.recv().await {
                // A framework without tarsnotify is in order; the log has the alarm.
                let Ok(notify) = &notify else { continue };
                if let Err(problem) = notify.report_server(&module, "-1", &text).await {
                    tracing::debug!(%problem, "tarsnotify did not take the alarm");
                }
            }
        });
        Self(sender)
    }

    /// Logs `text` and sends it on.
    pub fn send(&self, text: String) {
        tracing::warn!("{text}");
        // When the queue is full the log has it.
        let _ = self.0.try_send(text);
    }
}
