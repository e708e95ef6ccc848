//! Which queue must look when something changed. The whole wiring of the controller is in this file.
//!
//! ```text
//! TServer ─────────────► itself                      TTemplate (parent) ──► TServers of the namespace
//! Service … TEndpoint ─► the TServer of that name    tars-framework ──────► TServers of the namespace
//! Pod, claim ──────────► the TServer of its labels   Node (labels) ───────► Node; TServers without a place
//! TTree, TAccount, TImage ► itself               TConfig ──────────────► its identity (all versions)
//! ```

use crate::{
    cache::{Cache, Change, Key, Selection, View, feed},
    context::Context,
    node,
    taccount::{self, AccountView},
    tconfig::{self, ConfigView},
    timage::{self, ImageView},
    tserver::{self, reason::Reason},
    ttree,
    view::{ClaimView, FrameworkView, Kind, Live, NodeView, PodView, ServerView, TemplateView, TreeView},
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Client, api::ApiResource};
use std::{sync::Arc, time::Duration};
use tars_common::{
    names::{self, label},
    v1beta3::{TFrameworkConfig, TTemplate},
};
use tokio::task::JoinSet;

/// Events about derived objects and pods come in bursts (a pod alone makes half a dozen while it starts), and most of them are
/// echoes of our own writes. Waiting this long makes one run of many; it is well below what anybody notices.
const SETTLE: Duration = Duration::from_millis(20);

/// Starts every watch. A task ends only if its watch can never deliver again, which is a reason to end the process.
pub fn start(context: &Arc<Context>, client: &Client) -> JoinSet<()> {
    let mut watches = Watches { tasks: JoinSet::new(), context: context.clone(), client: client.clone() };
    let caches = context.caches.clone();
    let of_servers = Some(format!("{},{}", label::SERVER_APP, label::SERVER_NAME));
    watches.watch(tserver::resource(), None, &caches.servers, server);
    for kind in Kind::ALL {
        let built_in = matches!(kind, Kind::Service | Kind::StatefulSet | Kind::DaemonSet);
        watches.watch(kind.resource(), of_servers.clone().filter(|_| built_in), caches.live(kind), derived);
    }
    watches.watch(ApiResource::erase::<Pod>(&()), of_servers.clone(), &caches.pods, pod);
    watches.watch(ApiResource::erase::<PersistentVolumeClaim>(&()), of_servers, &caches.claims, claim);
    watches.watch(node::resource(), None, &caches.nodes, node_changed);
    watches.watch(ApiResource::erase::<TTemplate>(&()), None, &caches.templates, template);
    watches.watch(ApiResource::erase::<TFrameworkConfig>(&()), None, &caches.frameworks, framework);
    watches.watch(ttree::resource(), None, &caches.trees, tree);
    watches.watch(tconfig::resource(), None, &caches.configs, config);
    watches.watch(taccount::resource(), None, &caches.accounts, account);
    watches.watch(timage::resource(), None, &caches.images, image);
    watches.tasks
}

struct Watches {
    tasks: JoinSet<()>,
    context: Arc<Context>,
    client: Client,
}

impl Watches {
    fn watch<V: View>(
        &mut self,
        resource: ApiResource,
        labels: Option<String>,
        cache: &Cache<V>,
        route: fn(&Context, &Change<V>),
    ) {
        let metadata_only = matches!(resource.kind.as_str(), "Node" | "TConfig");
        let selection = Selection { resource, labels, metadata_only };
        let context = self.context.clone();
        self.tasks.spawn(feed(self.client.clone(), selection, cache.clone(), move |change| route(&context, &change)));
    }
}

fn server(context: &Context, change: &Change<ServerView>) {
    let unchanged = change.old.as_ref().zip(change.new.as_ref()).is_some_and(|(old, new)| !new.differs(old));
    if !unchanged {
        context.queues.servers.add(change.key.clone());
    }
}

fn derived(context: &Context, change: &Change<Live>) {
    if change.new.is_none() {
        // Its successor may be waiting for the name.
        return context.queues.servers.add(change.key.clone());
    }
    let unchanged = change.old.as_ref().zip(change.new.as_ref()).is_some_and(|(old, new)| !new.differs(old));
    if !unchanged {
        context.queues.servers.add_after(change.key.clone(), SETTLE);
    }
}

fn pod(context: &Context, change: &Change<PodView>) {
    let gone = change.new.is_none();
    let Some(pod) = change.new.as_ref().or(change.old.as_ref()) else { return };
    let Some(server) = pod.group() else { return };
    if gone {
        context.exits.note(server.clone(), pod);
    }
    context.queues.servers.add_after(server, SETTLE);
}

fn claim(context: &Context, change: &Change<ClaimView>) {
    if let Some(server) = change.new.as_ref().or(change.old.as_ref()).and_then(|claim| claim.group()) {
        context.queues.servers.add_after(server, SETTLE);
    }
}

fn node_changed(context: &Context, change: &Change<NodeView>) {
    if change.old == change.new {
        return;
    }
    context.queues.nodes.add(change.key.clone());
    let waits_for_a_node = |view: &ServerView| {
        let status = view.object.as_ref().ok().and_then(|server| server.status.as_ref());
        status.is_some_and(|status| {
            status.conditions.iter().any(|condition| {
                condition.type_ == "Scheduled"
                    && [Reason::NoNodeMatches, Reason::ClaimUnbound, Reason::Unschedulable]
                        .map(Reason::as_str)
                        .contains(&condition.reason.as_str())
            })
        })
    };
    for key in context.caches.servers.keys(|_, view| waits_for_a_node(view)) {
        context.queues.servers.add_after(key, SETTLE);
    }
}

fn template(context: &Context, change: &Change<TemplateView>) {
    if change.old.as_ref().map(|template| &template.parent) != change.new.as_ref().map(|template| &template.parent) {
        servers_of_namespace(context, &change.key);
    }
}

fn framework(context: &Context, change: &Change<FrameworkView>) {
    if change.key.name == names::FRAMEWORK_CONFIG && change.old != change.new {
        servers_of_namespace(context, &change.key);
    }
}

fn servers_of_namespace(context: &Context, of: &Key) {
    for key in context.caches.servers.keys(|key, _| key.namespace == of.namespace) {
        context.queues.servers.add_after(key, SETTLE);
    }
}

fn config(context: &Context, change: &Change<ConfigView>) {
    if let Some(identity) = change.new.as_ref().and_then(|config| config.group()) {
        context.queues.configs.add_after(identity, SETTLE);
    }
}

fn account(context: &Context, change: &Change<AccountView>) {
    if change.new.as_ref().is_some_and(|account| account.expiries.iter().any(Option::is_some)) {
        context.queues.accounts.add(change.key.clone());
    }
}

fn image(context: &Context, change: &Change<ImageView>) {
    if change.new.as_ref().is_some_and(|image| image.running.is_some()) {
        context.queues.images.add(change.key.clone());
    }
}

fn tree(context: &Context, change: &Change<TreeView>) {
    if change.key.name == names::TREE && change.new.is_some() {
        context.queues.trees.add(change.key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixtures, metrics::Metrics, run};
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;

    /// A leader judges by its caches, so whatever exists must be known, and asked for, before it begins.
    #[tokio::test]
    async fn whatever_exists_is_known_and_queued_once_the_caches_are_in_sync() {
        let service = tower::service_fn(|request: Request<Body>| async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=")) {
                return std::future::pending().await;
            }
            // The slowest list is the one that matters most.
            let servers = request.uri().path().ends_with("/tservers");
            if servers {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let items = if servers { json!([fixtures::server("normal: {}")]) } else { json!([]) };
            let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "20"}, "items": items});
            Ok::<_, std::io::Error>(Response::new(Body::from(list.to_string().into_bytes())))
        });
        let client = Client::new(service, "default");
        let context = Arc::new(run::context(client.clone(), Arc::new(Metrics::default())));
        let watches = start(&context, &client);
        context.caches.synced().await;
        let key = Key::new("bank", "ledger-audit");
        assert_eq!((context.caches.servers.keys(|_, _| true), context.queues.servers.next().await), (vec![key.clone()], key));
        drop(watches);
    }
}
