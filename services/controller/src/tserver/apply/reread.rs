//! Reads the derived objects of a server from the API server, for a run that trusts no cache (docs/reference/controller.md#11.5).

use super::error::Error;
use crate::{engine::cache::Key, tserver::context::Context};
use futures::future::try_join_all;
use tars_common::derived::DerivedKind;

/// Corrects what is cached of the derived objects of `key`, and forgets which values the API server is known to rewrite. An object that the
/// cache lacks needs no read: the run makes it, and if it exists, that write fails and the run says so.
pub async fn reread(context: &Context, key: &Key) -> Result<(), Error> {
    context.rewrites.forget(key);
    // Records are only added to, and a caller needs no right to read one.
    let readable = DerivedKind::ALL.iter().copied().filter(|kind| kind.descriptor().verbs.contains(&"get"));
    try_join_all(readable.map(|kind| correct(context, kind, key))).await.map(drop)
}

async fn correct(context: &Context, kind: DerivedKind, key: &Key) -> Result<(), Error> {
    let Some(before) = context.derived.version(kind, key) else { return Ok(()) };
    let failed = |source| Error::api("get", kind.name(), key, source);
    let live = context.writer.get(&kind.resource(), key).await.map_err(failed)?;
    let corrected = context.derived.correct(kind, key, before, live);
    if corrected.map_err(|error| failed(kube::Error::SerdeError(error)))? {
        tracing::warn!(kind = kind.name(), object = %key, "the watch had not told of a change, which a resync found");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{
            Engine,
            fake::{Shared, World, client},
            metrics::Metrics,
        },
        tserver::{fixtures::server, reconcile},
        views::Views,
    };
    use jiff::Timestamp;
    use serde_json::json;
    use std::sync::{Arc, Mutex};
    use tars_kit::lease::Fence;

    const SERVER: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank/tservers/ledger-audit";
    const SERVICE: &str = "/api/v1/namespaces/bank/services/ledger-audit";
    const SET: &str = "/apis/apps/v1/namespaces/bank/statefulsets/ledger-audit";

    /// A server with its objects, and a process that has made them.
    async fn start() -> (Shared, Arc<Context>, Key) {
        let mut world = World::default();
        let spec = "{ subType: normal, normal: {}, release: { id: a, image: b }, k8s: { replicas: 0 } }";
        world.put(SERVER, serde_json::to_value(server(spec)).unwrap());
        let world = Arc::new(Mutex::new(world));
        let mut engine = Engine::new(client(&world), Arc::new(Metrics::default()), Fence::open());
        let views = Views::watch(&mut engine);
        let context = Context::open(&mut engine, &views);
        let key = Key::new("bank", "ledger-audit");
        for _ in 0..2 {
            world.lock().unwrap().tell(&engine);
            reconcile(&context, &key, Timestamp::now()).await.unwrap();
        }
        world.lock().unwrap().tell(&engine);
        (world, context, key)
    }

    async fn count_writes(world: &Shared, context: &Context, key: &Key) -> usize {
        let before = world.lock().unwrap().writes.len();
        reconcile(context, key, Timestamp::now()).await.unwrap();
        world.lock().unwrap().writes.len() - before
    }

    #[tokio::test]
    async fn a_change_that_the_watch_has_hidden_is_repaired_once_somebody_asks() {
        let (world, context, key) = start().await;
        world.lock().unwrap().edit(SERVICE, |service| service["metadata"]["labels"]["tars.io/ServerApp"] = json!("Other"));
        assert_eq!(count_writes(&world, &context, &key).await, 0, "the cache does not know");
        assert!(context.resyncs.ask(key.clone()));
        assert_eq!(count_writes(&world, &context, &key).await, 1);
        assert_eq!(world.lock().unwrap().get(SERVICE).unwrap()["metadata"]["labels"]["tars.io/ServerApp"], "Ledger");
        assert!(!context.resyncs.contains(&key), "the next run trusts the caches again");
        assert_eq!(count_writes(&world, &context, &key).await, 0);
    }

    #[tokio::test]
    async fn a_deletion_that_the_watch_has_hidden_is_repaired_too() {
        let (world, context, key) = start().await;
        world.lock().unwrap().remove(SET);
        assert_eq!(count_writes(&world, &context, &key).await, 0);
        assert!(context.resyncs.ask_all(std::slice::from_ref(&key)));
        assert_eq!(count_writes(&world, &context, &key).await, 1);
        assert!(world.lock().unwrap().get(SET).is_some());
    }

    #[tokio::test]
    async fn nothing_is_written_when_nothing_differs() {
        let (world, context, key) = start().await;
        assert!(context.resyncs.ask(key.clone()));
        assert_eq!(count_writes(&world, &context, &key).await, 0);
        assert!(!context.resyncs.contains(&key));
    }

    #[tokio::test]
    async fn a_server_that_is_gone_waits_for_nothing() {
        let (_, context, key) = start().await;
        let gone = Key::new("bank", "no-such");
        assert!(context.resyncs.ask_all(&[gone.clone(), key]));
        reconcile(&context, &gone, Timestamp::now()).await.unwrap();
        assert!(!context.resyncs.contains(&gone));
    }

    #[tokio::test]
    async fn a_value_that_the_api_server_rewrites_is_tried_once_more() {
        let (world, context, key) = start().await;
        world.lock().unwrap().rewrite = Some(("/spec/serviceName", json!("rewritten")));
        world.lock().unwrap().edit(SET, |set| set["spec"]["serviceName"] = json!("other"));
        let ask = || assert!(context.resyncs.ask(key.clone()));
        ask();
        assert_eq!(count_writes(&world, &context, &key).await, 1);
        assert_eq!(count_writes(&world, &context, &key).await, 0, "it is known");
        ask();
        assert_eq!(count_writes(&world, &context, &key).await, 1, "and forgotten");
    }
}
