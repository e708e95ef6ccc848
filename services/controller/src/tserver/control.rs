//! What people may ask of this reconciler by gRPC (docs/reference/controller.md#11): an explanation, or a run that trusts no cache.

use super::{
    checks::{
        Input, judge,
        verdict::{APPLIED, Verdict},
    },
    context::Context,
    decide::decide,
    defaults::Defaults,
    explain::{explain, explain_broken, explain_end, keep_first_cause},
    reason::Reason,
    surroundings::look_around,
};
use crate::{engine::cache::Key, views::ServerView};
use jiff::Timestamp;
use std::sync::Arc;
use tars_common::v1beta3::TServer;
use tars_proto::controller::v1::{Cause, State};

/// After so many servers other tasks have a turn.
const TURN: usize = 32;

/// Answers questions about servers, and asks for runs. It writes nothing itself.
#[derive(Clone)]
pub struct ServerControl(Arc<Context>);

impl ServerControl {
    pub const fn new(context: Arc<Context>) -> Self {
        Self(context)
    }

    /// The tree of causes of a server; `None` if there is no such TServer.
    pub async fn explain(&self, key: &Key) -> Option<Cause> {
        let view = self.0.views.servers.get(key)?;
        Some(self.explain_view(key, &view, true).await)
    }

    /// The servers of a namespace, those that are not well first, then by name; each with its first cause, and without a look at Events.
    pub async fn explain_all(&self, namespace: &str) -> Vec<Cause> {
        let mut keys = self.list(namespace);
        keys.sort_unstable();
        let mut all = Vec::with_capacity(keys.len());
        for (number, key) in keys.iter().enumerate() {
            if number % TURN == 0 {
                tokio::task::yield_now().await;
            }
            if let Some(view) = self.0.views.servers.get(key) {
                all.push(keep_first_cause(self.explain_view(key, &view, false).await));
            }
        }
        all.sort_by_key(|cause| cause.state() == State::Ok);
        all
    }

    /// Asks for a run of a server that compares its objects with those of the API server. Returns false if too many wait for theirs.
    pub fn resync(&self, key: &Key) -> bool {
        let accepted = self.0.resyncs.ask(key.clone());
        if accepted {
            self.0.queue.add(key.clone());
        }
        accepted
    }

    /// Asks for such a run of every server of a namespace. Returns their number, or `None` if others wait for theirs.
    pub fn resync_all(&self, namespace: &str) -> Option<usize> {
        let keys = self.list(namespace);
        let accepted = self.0.resyncs.ask_all(&keys);
        accepted.then(|| {
            let count = keys.len();
            for key in keys {
                self.0.queue.add(key);
            }
            count
        })
    }

    /// The TServers of a namespace.
    fn list(&self, namespace: &str) -> Vec<Key> {
        self.0.views.servers.keys_in(namespace)
    }

    /// Whether the TServer exists.
    pub fn knows(&self, key: &Key) -> bool {
        self.0.views.servers.get(key).is_some()
    }

    async fn explain_view(&self, key: &Key, view: &ServerView, look: bool) -> Cause {
        if view.deleting {
            return explain_end(&key.name);
        }
        let server = &match view.read() {
            Ok(server) => server,
            Err(broken) => return explain_broken(&key.name, &broken),
        };
        let around = look_around(&self.0, key, server);
        let (problems, defaults) = match decide(server, &around) {
            Ok(validated) => (Vec::new(), validated.defaults),
            Err(problems) => (problems, Defaults::NEWEST),
        };
        let input = Input { defaults, reported: find_reported(server), ..Input::new(server, key, &problems, &around, &[]) };
        let now = Timestamp::now();
        if !look {
            return explain(&input, server, now);
        }
        let hints = match judge(&input).last() {
            Some((_, summary)) => self.0.hints.look(key, summary.reason, &input.find_subjects(summary)).await,
            None => Vec::new(),
        };
        explain(&input.with_hints(&hints), server, now)
    }
}

/// What the leader has reported about its writes for the present generation of the server.
fn find_reported(server: &TServer) -> Option<Verdict> {
    let status = server.status.as_ref().filter(|status| status.observed_generation == server.metadata.generation)?;
    let applied = status.condition(APPLIED).filter(|condition| condition.status == "False")?;
    let reason = Reason::parse(&applied.reason).filter(|reason| reason.tells_of_writes())?;
    Some(Verdict::violated(reason, applied.message.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tserver::{fixtures::server, status::with_verdicts};
    use tars_common::v1beta3::TServerStatus;

    #[test]
    fn a_report_about_writes_counts_for_its_generation_and_other_reasons_are_judged_anew() {
        let reported = |reason: Reason, generation: i64| {
            let mut server = server("normal: {}");
            let verdicts = [(APPLIED, Verdict::violated(reason, "no".to_owned()))];
            server.status = Some(with_verdicts(TServerStatus::default(), &verdicts, generation, Timestamp::UNIX_EPOCH));
            find_reported(&server).map(|verdict| (verdict.reason, verdict.message))
        };
        let present = server("normal: {}").metadata.generation.unwrap();
        for reason in [Reason::OutControl, Reason::Refused, Reason::ApplyFailed, Reason::Replacing] {
            assert_eq!(reported(reason, present), Some((reason, "no".to_owned())));
            assert_eq!(reported(reason, present - 1), None, "the spec has changed since");
        }
        assert_eq!(reported(Reason::InvalidSpec, present), None);
        assert_eq!(find_reported(&server("normal: {}")), None);
    }
}
