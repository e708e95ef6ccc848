//! Decides which servers run when an object changes.
//!
//! ```text
//! TServer ─────────────► itself                      TTemplate (parent) ──► the TServers of the namespace
//! Service … TEndpoint ─► the TServer of that name    tars-framework ──────► the TServers of the namespace
//! Pod, claim ──────────► the TServer of its labels   Node ────────────────► the TServers that wait for a node
//! ```

use super::{
    context::Context,
    derived::Live,
    reason::Reason,
    template::TemplateView,
    views::{CachedPod, ClaimView},
};
use crate::{
    engine::{
        cache::{Change, Key, View as _},
        queue::BURST,
    },
    views::{FrameworkView, NodeView, ServerView},
};
use std::{sync::Arc, time::Duration};
use tars_common::names::FRAMEWORK_CONFIG;

/// What each pod of a server adds to the pause after a change of one of them.
const PAUSE_PER_POD: Duration = Duration::from_millis(2);
/// Clients learn of a pod that is ready, or no longer, at most this late.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Listens to every cache that a run reads.
pub fn listen(context: &Arc<Context>) {
    context.views.servers.listen(context, on_server_change);
    context.views.nodes.listen(context, on_node_change);
    context.views.frameworks.listen(context, on_framework_change);
    context.pods.listen(context, on_pod_change);
    context.claims.listen(context, on_claim_change);
    context.templates.listen(context, on_template_change);
    for cache in context.derived.caches() {
        cache.listen(context, on_derived_change);
    }
}

/// A run that wrote something has looked at everything else, so its own write asks for no other run.
fn on_server_change(context: &Context, change: &Change<ServerView>) {
    if change.own {
        return;
    }
    if let (Some(old), None) = (&change.old, &change.new) {
        context.departed.note(change.key.clone(), old.uid.clone());
    }
    let unchanged = change.old.as_ref().zip(change.new.as_ref()).is_some_and(|(old, new)| !new.differs(old));
    if !unchanged {
        context.queue.add(change.key.clone());
    }
}

fn on_derived_change(context: &Context, change: &Change<Live>) {
    if change.own {
        return;
    }
    if change.new.is_none() {
        // A successor may be waiting for the name.
        return context.queue.add(change.key.clone());
    }
    match change.old.as_ref().zip(change.new.as_ref()) {
        Some((old, new)) if !new.differs(old) => {}
        Some((old, new)) if new.has_only_progressed(old) => context.queue.add_late(change.key.clone()),
        _ => context.queue.add_soon(change.key.clone()),
    }
}

/// Clients wait for a pod that is ready, or that no longer is. Nobody waits for the steps in between.
fn on_pod_change(context: &Context, change: &Change<CachedPod>) {
    let Some(pod) = change.latest() else { return };
    let Some(server) = pod.group() else { return };
    if change.new.is_none() {
        context.exits.note(server.clone(), &pod.read());
    }
    if [&change.old, &change.new].into_iter().flatten().any(|pod| pod.ready) {
        let pause = choose_pause(context.pods.group_size(&server));
        context.queue.add_after(server, pause);
    } else {
        context.queue.add_late(server);
    }
}

/// The pause after a change of a ready pod. The TEndpoint of a server lists all its pods, so a rollout would write a list that grows with
/// their number as often as their number. A longer pause for more pods makes fewer writes.
fn choose_pause(pods: usize) -> Duration {
    let pods = u32::try_from(pods).unwrap_or(u32::MAX);
    PAUSE_PER_POD.saturating_mul(pods).clamp(BURST, LONGEST_PAUSE)
}

fn on_claim_change(context: &Context, change: &Change<ClaimView>) {
    if let Some(server) = change.latest().and_then(|claim| claim.group()) {
        context.queue.add_soon(server);
    }
}

fn on_node_change(context: &Context, change: &Change<NodeView>) {
    if change.old == change.new {
        return;
    }
    for key in context.views.servers.keys(waits_for_a_node) {
        context.queue.add_soon(key);
    }
}

fn waits_for_a_node(view: &ServerView) -> bool {
    [Reason::NoNodeMatches, Reason::ClaimUnbound, Reason::Unschedulable].map(Reason::as_str).contains(&&*view.scheduled)
}

fn on_template_change(context: &Context, change: &Change<TemplateView>) {
    if change.old.as_ref().map(|template| &template.parent) != change.new.as_ref().map(|template| &template.parent) {
        add_servers_of_namespace(context, &change.key);
    }
}

fn on_framework_change(context: &Context, change: &Change<FrameworkView>) {
    if change.key.name == FRAMEWORK_CONFIG && change.old != change.new {
        add_servers_of_namespace(context, &change.key);
    }
}

fn add_servers_of_namespace(context: &Context, of: &Key) {
    for key in context.views.servers.keys_in(&of.namespace) {
        context.queue.add_soon(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_many_pods_lists_them_less_often() {
        let pauses = [0, 1, 10, 100, 499, 501, usize::MAX].map(|pods| choose_pause(pods).as_millis());
        assert_eq!(pauses, [20, 20, 20, 200, 998, 1000, 1000]);
    }
}
