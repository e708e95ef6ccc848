//! The certificates of the webhook on a real cluster: whatever somebody deletes or edits, the keeper repairs it, and one registration
//! that is gone does not stop the others.
//!
//! All of it is one test, because the steps disturb each other.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::{
    ByteString,
    api::{
        admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig},
        apps::v1::Deployment,
        core::v1::Secret,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::json;
use tars_common::v1beta3::TServer;

const NAMESPACE: &str = "tars-system";
const DEPLOYMENT: &str = "tars-webhook-manger";
const SECRET: &str = "tars-webhook-tls";
const MUTATING: &str = "tars-mutating-webhook";
const VALIDATING: &str = "tars-validating-webhook";
const DEFINITIONS: [&str; 2] = ["tservers.k8s.tars.io", "tframeworkconfigs.k8s.tars.io"];

/// The `data` of the Secret under `key`.
async fn read_secret(client: &Client, key: &str) -> Option<ByteString> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    secrets.get_opt(SECRET).await.expect("an answer")?.data?.get(key).cloned()
}

/// Reads the bundle of each clause of the registrations and of the definitions.
async fn read_bundles(client: &Client) -> Vec<Option<ByteString>> {
    let mutating = Api::<MutatingWebhookConfiguration>::all(client.clone()).get(MUTATING).await.expect("the registration");
    let validating = Api::<ValidatingWebhookConfiguration>::all(client.clone()).get(VALIDATING).await.expect("the registration");
    let mut clauses: Vec<WebhookClientConfig> =
        mutating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config).collect();
    clauses.extend(validating.webhooks.into_iter().flatten().map(|webhook| webhook.client_config));
    let mut bundles: Vec<_> = clauses.into_iter().map(|clause| clause.ca_bundle).collect();
    for name in DEFINITIONS {
        let definition = Api::<CustomResourceDefinition>::all(client.clone()).get(name).await.expect("the definition");
        let webhook = definition.spec.conversion.and_then(|conversion| conversion.webhook);
        bundles.push(webhook.and_then(|webhook| webhook.client_config).and_then(|config| config.ca_bundle));
    }
    bundles
}

/// Waits until each clause has the bundle of the Secret.
async fn wait_for_bundles(client: &Client, what: &str) {
    wait_for(what, || async {
        let bundle = read_secret(client, "bundle.crt").await?;
        read_bundles(client).await.into_iter().all(|found| found.as_ref() == Some(&bundle)).then_some(())
    })
    .await;
}

/// Whether every replica of the webhook is ready.
async fn is_ready(client: &Client) -> bool {
    let deployment = Api::<Deployment>::namespaced(client.clone(), NAMESPACE).get(DEPLOYMENT).await.expect("the webhook");
    let wanted = deployment.spec.and_then(|spec| spec.replicas);
    deployment.status.and_then(|status| status.ready_replicas) == wanted
}

/// Writes a server in the stored version and reads it in the older one, so that mutation and conversion must work.
async fn use_webhook(space: &Space, name: &str) -> Result<(), String> {
    let object = json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": format!("trade-{name}")},
        "spec": {
            "app": "Trade", "server": name, "subType": "tars", "k8s": {"replicas": 1},
            "tars": {"template": "root", "servants": [{"name": "FirstObj", "port": 9999}]},
        },
    });
    let made: TServer = space.apply(&object.to_string()).await.map_err(|error| error.to_string())?;
    if made.labels().get("tars.io/ServerName").map(String::as_str) != Some(name) {
        return Err(format!("mutation did not label {}", made.name_any()));
    }
    let older = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("k8s.tars.io", "v1beta2", "TServer"), "tservers");
    let older: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &older);
    older.get(&made.name_any()).await.map(|_| ()).map_err(|error| error.to_string())
}

async fn wait_for_webhook(space: &Space, name: &str) {
    wait_for(&format!("the webhook to answer for {name}"), || async { use_webhook(space, name).await.ok() }).await;
}

#[tokio::test]
async fn what_is_deleted_or_edited_is_repaired_and_stops_nothing_else() {
    let space = Space::create("certificates").await;
    let client = space.client.clone();
    space.apply_template("root", "root").await.expect("a template");
    wait_for_bundles(&client, "bundles before the test").await;

    delete_and_restore_validation(&space).await;

    // A new Secret has a new authority, which comes into each bundle.
    let before = read_secret(&client, "ca.crt").await.expect("an authority");
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    secrets.delete(SECRET, &DeleteParams::default()).await.expect("a deleted Secret");
    wait_for("another authority", || async { read_secret(&client, "ca.crt").await.filter(|after| *after != before) }).await;
    wait_for_bundles(&client, "bundles with the new authority").await;
    wait_for_webhook(&space, "replaced").await;

    // Somebody writes a bundle that trusts nobody.
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let mut edited = configurations.get(MUTATING).await.expect("the registration");
    for webhook in edited.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = None;
    }
    configurations.replace(MUTATING, &PostParams::default(), &edited).await.expect("an edited registration");
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let old = json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": before}}}}});
    definitions.patch(DEFINITIONS[0], &PatchParams::default(), &Patch::Merge(&old)).await.expect("an edited definition");
    wait_for_bundles(&client, "repaired bundles").await;
    wait_for_webhook(&space, "repaired").await;
    expire_leaves(&space).await;
    assert!(is_ready(&client).await);
    space.delete().await;
}

/// Stores leaves that ended long ago, as a restored backup does. Each is replaced, and the webhook answers all the time.
async fn expire_leaves(space: &Space) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["tars-webhook-service.tars-system.svc".to_owned()]).expect("a name");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 1, 2));
    let cert = params.self_signed(&key).expect("a certificate").pem();
    let secrets: Api<Secret> = Api::namespaced(space.client.clone(), NAMESPACE);
    let ended = Patch::Merge(json!({"stringData": {"tls.crt": cert, "tls.key": key.serialize_pem()}}));
    for name in [SECRET, "tars-controller-tls", "tars-agent-tls"] {
        secrets.patch(name, &PatchParams::default(), &ended).await.expect("a leaf that has ended");
        use_webhook(space, "ended").await.expect("the leaf of before is served on");
        wait_for(&format!("another leaf in {name}"), || async {
            let data = secrets.get(name).await.expect("the Secret").data?;
            data.get("tls.crt").filter(|found| found.0 != cert.as_bytes()).cloned()
        })
        .await;
        use_webhook(space, "renewed").await.expect("a trusted leaf");
    }
}

/// Without the validating registration the rest works on; when it comes back, it gets its bundle.
async fn delete_and_restore_validation(space: &Space) {
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(space.client.clone());
    let read = configurations.get(VALIDATING).await.expect("the registration");
    let metadata = ObjectMeta {
        name: read.metadata.name.clone(),
        labels: read.metadata.labels.clone(),
        annotations: read.metadata.annotations.clone(),
        ..ObjectMeta::default()
    };
    let mut restored = ValidatingWebhookConfiguration { metadata, ..read };
    for webhook in restored.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = None;
    }
    configurations.delete(VALIDATING, &DeleteParams::default()).await.expect("a deleted registration");
    // A pass sees the deletion at once, and the kubelet asks every few seconds. Each look must find the replicas ready.
    for round in 0..20 {
        let used = use_webhook(space, &format!("without{round}")).await;
        let ready = is_ready(&space.client).await;
        if used.is_err() || !ready || round == 19 {
            configurations.create(&PostParams::default(), &restored).await.expect("a restored registration");
            used.expect("mutation and conversion without validation");
            assert!(ready, "the replicas stay ready without the validating registration");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    wait_for_bundles(&space.client, "the bundle of the restored registration").await;
    wait_for_webhook(space, "restored").await;
}
