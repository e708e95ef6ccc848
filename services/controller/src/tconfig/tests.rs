//! Whole runs against an API server in memory.

use super::*;
use crate::engine::{
    fake::{Shared, client},
    metrics::Metrics,
};
use tars_kit::lease::Fence;

const TARS: &str = "/apis/k8s.tars.io/v1beta3/namespaces/bank";

fn path(name: &str) -> String {
    format!("{TARS}/tconfigs/{name}")
}

/// A version that was made in this second of a minute.
fn put(world: &Shared, name: &str, second: usize, active: bool) {
    let labels = json!({"tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit", "tars.io/ConfigName": "a.conf", "tars.io/PodSeq": "m",
        "tars.io/Activated": active.to_string()});
    let created = format!("2030-01-01T00:00:{second:02}Z");
    let object = json!({"metadata": {"name": name, "namespace": "bank", "labels": labels, "creationTimestamp": created}, "activated": active});
    world.lock().unwrap().put(&path(name), object);
}

/// Runs until nothing is written any more.
async fn run(world: &Shared) {
    let mut engine = Engine::new(client(world), Arc::new(Metrics::default()), Fence::open());
    let views = Views::watch(&mut engine);
    let reconciler = TConfigReconciler::open(&mut engine, &views);
    for _ in 0..10 {
        let before = world.lock().unwrap().writes.len();
        world.lock().unwrap().tell(&engine);
        reconciler.reconcile(&Key::new("bank", "Ledger/Audit/a.conf/m")).await.unwrap();
        if world.lock().unwrap().writes.len() == before {
            return;
        }
    }
    panic!("no rest: {:?}", world.lock().unwrap().writes);
}

#[tokio::test]
async fn a_version_is_deactivated_in_label_and_field() {
    let world = Shared::default();
    put(&world, "one", 1, true);
    put(&world, "two", 2, true);
    run(&world).await;
    let state = |name: &str| {
        let object = world.lock().unwrap().get(&path(name)).cloned().unwrap();
        (object["metadata"]["labels"]["tars.io/Activated"].clone(), object["activated"].clone())
    };
    assert_eq!((state("one"), state("two")), ((json!("false"), json!(false)), (json!("true"), json!(true))));
}

#[tokio::test]
async fn as_many_inactive_versions_are_kept_as_the_framework_says_or_ten() {
    let world = Shared::default();
    put(&world, "live", 59, true);
    for number in 0..13 {
        put(&world, &format!("v{number:02}"), number, false);
    }
    let left =
        || (0..13).filter(|number| world.lock().unwrap().get(&path(&format!("v{number:02}"))).is_some()).collect::<Vec<_>>();
    run(&world).await;
    assert_eq!(left(), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "the oldest are gone");
    let framework = json!({"metadata": {"name": "tars-framework", "namespace": "bank"}, "recordLimit": {"tconfigHistory": 2}});
    world.lock().unwrap().put(&format!("{TARS}/tframeworkconfigs/tars-framework"), framework);
    run(&world).await;
    assert_eq!(left(), [11, 12]);
    assert!(world.lock().unwrap().get(&path("live")).is_some());
}
