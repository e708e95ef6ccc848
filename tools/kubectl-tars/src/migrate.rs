//! `kubectl tars migrate storage` (docs/reference/kubectl-tars.md#4).
//!
//! ```text
//! each definition of the group ─► stored in one version only? ─► done
//!                │ no
//!                ▼
//! pages of objects ─► an empty patch each ─► the API server writes those that are stored in another version
//!                ▼
//! the same storage version as before? ─► status.storedVersions names only that one
//! ```
//!
//! An object that is stored in the right version already costs no write, so a run that was interrupted is just started again.

use crate::{
    cluster::{ClusterArgs, ClusterError},
    output::Verdict,
};
use clap::{Args, Subcommand};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind, Status},
};
use serde_json::json;
use std::time::Duration;
use tars_common::names::GROUP;

/// How many names one answer of the API server has.
const PAGE: u32 = 500;
/// The field manager of the patches. They set nothing, so no object names it.
const MANAGER: &str = "kubectl-tars";
/// How often an object is tried while the API server is busy or somebody else writes it.
const ATTEMPTS: u32 = 5;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Rewrite all objects of k8s.tars.io in the version that the definitions name as storage
    #[command(long_about = "Rewrite all objects of k8s.tars.io in the version that the definitions name as storage.\n\n\
        An object stays in the version in which it was written last, for example by the existing framework, until somebody writes it again. \
        This command does that without changing anything, and then takes the other versions off the list status.storedVersions of the \
        definition. Run it after an upgrade or after a change of the chart's value crds.storage, while the webhook is ready. It may be \
        interrupted and started again.")]
    Storage(StorageArgs),
}

/// The command line.
#[derive(Debug, Args)]
pub struct StorageArgs {
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// How many objects are written at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    parallel: u16,
}

/// Why the migration did not end.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The API server refused a request.
    #[error("cannot {action}; nothing is lost, start the command again when the cause is removed")]
    Api {
        /// What was asked.
        action: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// A definition has no storage version.
    #[error("customresourcedefinition {0} names no storage version")]
    NoStorage(String),
    /// The cluster has no definition of the group.
    #[error("the cluster has no definition of {GROUP}; install the chart tarscontroller")]
    NoDefinitions,
    /// Somebody changed the definition in the meantime.
    #[error("customresourcedefinition {0} was changed during the migration; start the command again")]
    Changed(String),
}

/// Runs a command.
pub async fn run(command: &MigrateCommand, cluster: &ClusterArgs) -> Result<Verdict, MigrateError> {
    let MigrateCommand::Storage(args) = command;
    let client = cluster.connect().await?.client;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let all =
        definitions.list(&ListParams::default()).await.map_err(api_error("list the custom resource definitions".to_owned()))?;
    let mut ours: Vec<_> = all.into_iter().filter(|definition| definition.spec.group == GROUP).collect();
    ours.sort_by_key(ResourceExt::name_any);
    if ours.is_empty() {
        return Err(MigrateError::NoDefinitions);
    }
    let mut verdict = Verdict::Fine;
    for definition in &ours {
        let refused = migrate(&client, definition, args).await?;
        if refused > 0 {
            verdict = Verdict::Wrong;
        }
    }
    Ok(verdict)
}

fn api_error(action: String) -> impl FnOnce(kube::Error) -> MigrateError {
    move |source| MigrateError::Api { action, source: Box::new(source) }
}

/// The version in which objects are stored, and the versions in which objects may be stored.
fn read_versions(definition: &CustomResourceDefinition) -> Result<(&str, &[String]), MigrateError> {
    let storage = definition.spec.versions.iter().find(|version| version.storage);
    let storage = storage.ok_or_else(|| MigrateError::NoStorage(definition.name_any()))?;
    let stored = definition.status.as_ref().and_then(|status| status.stored_versions.as_deref()).unwrap_or_default();
    Ok((&storage.name, stored))
}

/// Migrates the objects of one kind. Returns how many the cluster refused.
async fn migrate(client: &Client, definition: &CustomResourceDefinition, args: &StorageArgs) -> Result<usize, MigrateError> {
    let plural = &definition.spec.names.plural;
    let (storage, stored) = read_versions(definition)?;
    if stored.iter().all(|version| version == storage) {
        anstream::println!("{plural}: all objects are stored in {storage}");
        return Ok(0);
    }
    let others: Vec<&str> = stored.iter().map(String::as_str).filter(|version| *version != storage).collect();
    let others = others.join(", ");
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, storage, &definition.spec.names.kind), plural);
    if args.dry_run {
        let count = count_objects(client, &resource).await?;
        anstream::println!("{plural}: {count} objects to write in {storage}, some may be stored in {others}");
        return Ok(0);
    }
    let Outcome { written, refused } = rewrite_all(client, &resource, args.parallel).await?;
    if refused > 0 {
        anstream::println!(
            "{plural}: {written} objects are stored in {storage}; {refused} were refused and may be stored in {others}"
        );
        return Ok(refused);
    }
    finish(client, definition, storage).await?;
    anstream::println!("{plural}: {written} objects are stored in {storage}, none in {others}");
    Ok(0)
}

async fn count_objects(client: &Client, resource: &ApiResource) -> Result<usize, MigrateError> {
    let mut count = 0;
    let mut list = ListParams::default().limit(PAGE);
    loop {
        let page = list_page(client, resource, &list).await?;
        count += page.items.len();
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => list = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(count),
        }
    }
}

async fn list_page(
    client: &Client,
    resource: &ApiResource,
    list: &ListParams,
) -> Result<kube::core::ObjectList<kube::core::PartialObjectMeta<DynamicObject>>, MigrateError> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    api.list_metadata(list).await.map_err(api_error(format!("list {}", resource.plural)))
}

/// What became of the objects of a kind.
#[derive(Default)]
struct Outcome {
    written: usize,
    refused: usize,
}

/// Writes each object without a change. Objects that are made meanwhile are stored in the right version anyway.
async fn rewrite_all(client: &Client, resource: &ApiResource, parallel: u16) -> Result<Outcome, MigrateError> {
    let mut outcome = Outcome::default();
    let mut list = ListParams::default().limit(PAGE);
    loop {
        let page = list_page(client, resource, &list).await?;
        let rewrites = page.items.iter().map(|object| {
            let namespace = object.namespace().unwrap_or_default();
            async move { rewrite(client, resource, &namespace, &object.name_any()).await }
        });
        let rewritten: Vec<bool> = stream::iter(rewrites).buffer_unordered(usize::from(parallel)).try_collect().await?;
        let refused = rewritten.iter().filter(|rewritten| !**rewritten).count();
        outcome.refused += refused;
        outcome.written += rewritten.len() - refused;
        let rest = page.metadata.remaining_item_count.unwrap_or_default();
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => {
                anstream::eprintln!("{}: {} written, {rest} to go", resource.plural, outcome.written);
                list = ListParams::default().limit(PAGE).continue_token(&token);
            }
            None => return Ok(outcome),
        }
    }
}

/// Returns whether the object is stored in the right version now. An object that the cluster refuses is reported, and the others go on.
async fn rewrite(client: &Client, resource: &ApiResource, namespace: &str, name: &str) -> Result<bool, MigrateError> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
    let (nothing, params) =
        (Patch::Merge(json!({})), PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() });
    let mut attempt = 1;
    loop {
        match api.patch_metadata(name, &params, &nothing).await {
            Ok(_) => return Ok(true),
            // It was deleted after it was listed.
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(true),
            Err(error) if attempt < ATTEMPTS && is_passing(&error) => {
                tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                attempt += 1;
            }
            Err(kube::Error::Api(status)) if is_refusal(&status) => {
                anstream::eprintln!(
                    "{} {namespace}/{name} is refused: {}; correct the object and start the command again",
                    resource.plural,
                    status.message
                );
                return Ok(false);
            }
            Err(error) => return Err(api_error(format!("write {} {namespace}/{name}", resource.plural))(error)),
        }
    }
}

/// Whether the object is at fault, and not the user or the cluster.
fn is_refusal(status: &Status) -> bool {
    matches!(status.code, 400 | 422) || status.message.contains("admission webhook")
}

/// Whether the same request may succeed later: the API server is busy, or somebody else writes the object.
fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 409 | 429 | 500 | 503 | 504),
        _ => true,
    }
}

/// Takes the other versions off the list, if the definition is still the same.
async fn finish(client: &Client, before: &CustomResourceDefinition, storage: &str) -> Result<(), MigrateError> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = before.name_any();
    let mut now = definitions.get(&name).await.map_err(api_error(format!("read customresourcedefinition {name}")))?;
    if now.uid() != before.uid() || read_versions(&now)?.0 != storage {
        return Err(MigrateError::Changed(name));
    }
    if let Some(status) = &mut now.status {
        status.stored_versions = Some(vec![storage.to_owned()]);
    }
    // The object has its resourceVersion, so a change in this moment makes it fail.
    match definitions.replace_status(&name, &PostParams::default(), &now).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_conflict() => Err(MigrateError::Changed(name)),
        Err(error) => Err(api_error(format!("write the status of customresourcedefinition {name}"))(error)),
    }
}
