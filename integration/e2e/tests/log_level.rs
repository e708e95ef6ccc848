//! What a component logs follows the ConfigMap of the chart, in every replica and without a restart.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{connect, wait_for};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, ResourceExt,
    api::{ListParams, LogParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tars_common::names::SYSTEM_NAMESPACE;

const MAP: &str = "tars-log-level";
const PROGRAM: &str = "tarswebhook";

async fn patch<K>(api: &Api<K>, name: &str, change: &Value)
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.expect("the patch is accepted");
}

/// Waits until the log of each pod has a line with all of `words`. The kubelet looks at the ConfigMap when a pod changes.
async fn wait_for_line(pods: &Api<Pod>, words: [&str; 2]) {
    let list = pods.list(&ListParams::default().labels("tars.io/Webhook=true")).await.expect("the pods of the webhook");
    assert!(!list.items.is_empty());
    for pod in list {
        let name = pod.name_any();
        patch(pods, &name, &json!({"metadata": {"annotations": {"e2e/look": words[1]}}})).await;
        wait_for(&format!("{words:?} in the log of {name}"), || async {
            let log = pods.logs(&name, &LogParams::default()).await.ok()?;
            log.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
        })
        .await;
    }
}

/// The names of the pods of the webhook and how often their containers were started again.
async fn find_starts(pods: &Api<Pod>) -> Vec<(String, i32)> {
    let list = pods.list(&ListParams::default().labels("tars.io/Webhook=true")).await.expect("the pods of the webhook");
    let starts = |pod: &Pod| {
        pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()).map(|it| it.restart_count).sum()
    };
    list.iter().map(|pod| (pod.name_any(), starts(pod))).collect()
}

#[tokio::test]
async fn every_replica_follows_the_filter_of_the_log_without_a_restart() {
    let client = connect().await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let pods: Api<Pod> = Api::namespaced(client, SYSTEM_NAMESPACE);
    let before = maps.get(MAP).await.expect("the ConfigMap of the chart").data.and_then(|data| data.get(PROGRAM).cloned());
    let starts = find_starts(&pods).await;
    let module = format!("e2e_{}", jiff::Timestamp::now().as_millisecond());

    patch(&maps, MAP, &json!({"data": {PROGRAM: module}})).await;
    wait_for_line(&pods, ["the filter of the log cannot be used", &module]).await;
    patch(&maps, MAP, &json!({"data": {PROGRAM: format!("info,{module}=debug")}})).await;
    wait_for_line(&pods, ["the filter of the log changes", &format!("info,{module}=debug")]).await;

    patch(&maps, MAP, &json!({"data": {PROGRAM: before}})).await;
    assert_eq!(find_starts(&pods).await, starts);
}
