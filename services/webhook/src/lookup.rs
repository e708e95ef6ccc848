//! Answers what the rules ask of other objects.
//!
//! | question | answered from |
//! | --- | --- |
//! | templates and their parents, default node image | memory, kept by watches; what is not found there is asked of the API server |
//! | everything else (children, servers of an application, versions of a configuration) | the API server, metadata only |
//!
//! A refusal therefore never rests on a cache that lags behind: "does not exist" is the API server's word. TServers are not cached at
//! all: their list can need a conversion, which this process serves, so a start would wait for itself.

use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
    core::{DynamicObject, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use serde_json::{Value, json};
use std::time::Duration;
use tars_common::{
    admission::{ConfigFacts, Effect, Facts, NodeImage, Query},
    convert::Context,
    names::{self, label},
    templates::LONGEST_CHAIN,
    v1beta3::{TConfig, TFrameworkConfig, TServer, TTemplate, TTree},
};
use tars_kit::causes::with_sources;
use tokio_util::sync::CancellationToken;

type TemplateMeta = PartialObjectMeta<TTemplate>;

/// Longer than this the API server does not wait for us either.
const PATIENCE: Duration = Duration::from_secs(8);
/// Most characters of a label's value, and so of what a label selector can ask for.
const LABEL_LIMIT: usize = 63;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not understand.
    #[error("cannot look up {kind} in namespace {namespace}: {source}; try again")]
    Api {
        /// What was asked for.
        kind: &'static str,
        /// Where.
        namespace: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("cannot look up other objects in namespace {namespace}: no answer within {}s; try again", PATIENCE.as_secs())]
    Slow {
        /// Where.
        namespace: String,
    },
}

/// What is known of other objects, and how to ask for more.
#[derive(Clone)]
pub struct Lookup {
    client: Client,
    templates: Store<TemplateMeta>,
    frameworks: Store<DynamicObject>,
}

impl Lookup {
    /// Starts the watches; they end with `stop`.
    pub fn start(client: Client, stop: &CancellationToken) -> Self {
        let (templates, writer) = reflector::store();
        let watch = watcher(Api::<TemplateMeta>::all(client.clone()), watcher::Config::default());
        let watch = watch.modify(|template: &mut TemplateMeta| {
            // Only the label is read; the rest would be kept once per template.
            template.metadata.managed_fields = None;
            template.metadata.annotations = None;
        });
        keep(watch.default_backoff().reflect(writer), "ttemplates", stop);
        let resource = framework_resource();
        let (frameworks, writer) = {
            let writer = reflector::store::Writer::new(resource.clone());
            (writer.as_reader(), writer)
        };
        let only = watcher::Config::default().fields(&format!("metadata.name={}", names::FRAMEWORK_CONFIG));
        let watch = watcher(Api::<DynamicObject>::all_with(client.clone(), &resource), only);
        keep(watch.default_backoff().reflect(writer), "tframeworkconfigs", stop);
        Self { client, templates, frameworks }
    }

    /// Waits until the templates are known. Framework configurations are not waited for: they may need a conversion, which works only
    /// once this process is ready.
    pub async fn ready(&self) {
        // The writer lives as long as its task, which ends only when the process stops.
        let _ = self.templates.wait_until_ready().await;
    }

    /// Answers all of `queries`.
    pub async fn facts(&self, namespace: &str, subject: &str, queries: Vec<Query>) -> Result<Facts, Error> {
        let mut facts = Facts::default();
        let gather = async {
            for query in queries {
                self.answer(namespace, subject, query, &mut facts).await?;
            }
            Ok(())
        };
        match tokio::time::timeout(PATIENCE, gather).await {
            Ok(result) => result.map(|()| facts),
            Err(_) => Err(Error::Slow { namespace: namespace.to_owned() }),
        }
    }

    async fn answer(&self, namespace: &str, subject: &str, query: Query, facts: &mut Facts) -> Result<(), Error> {
        match query {
            Query::Lineage(name) => self.lineage(namespace, name, facts).await?,
            Query::NodeImage => facts.node_image = self.node_image(namespace).await?,
            Query::ChildOf(name) => {
                let mut children = self.list::<TTemplate>("ttemplate", namespace, &[(label::PARENT, &name)]).await?;
                children.retain(|child| child != subject);
                facts.child_template = children.into_iter().next();
            }
            Query::ServerWithTemplate(name) => {
                let servers = self.list::<TServer>("tserver", namespace, &[(label::TEMPLATE, &name)]).await?;
                facts.server_with_template = servers.into_iter().next();
            }
            Query::ServerOfApp(app) => {
                let servers = self.list::<TServer>("tserver", namespace, &[(label::SERVER_APP, &app)]).await?;
                facts.server_of_app.extend(servers.into_iter().next().map(|server| (app, server)));
            }
            Query::Configs { app, server, config } => facts.configs = self.configs(namespace, &app, &server, &config).await?,
            Query::Tree => {
                let tree = self.api::<TTree>(namespace).get_metadata_opt(names::TREE).await;
                facts.tree_exists = tree.map_err(failed("ttree", namespace))?.is_some();
            }
        }
        Ok(())
    }

    /// The template and its ancestors, as far as they exist and a chain may go. A cycle ends the walk.
    async fn lineage(&self, namespace: &str, name: String, facts: &mut Facts) -> Result<(), Error> {
        let mut next = Some(name);
        while facts.templates.len() < LONGEST_CHAIN
            && let Some(name) = next.take()
        {
            if name.is_empty() || facts.templates.contains_key(&name) {
                break;
            }
            let known = self.templates.get(&ObjectRef::new(&name).within(namespace)).map(|template| parent(&template));
            let found = if known.is_some() {
                known
            } else {
                let asked = self.api::<TTemplate>(namespace).get_metadata_opt(&name).await;
                asked.map_err(failed("ttemplate", namespace))?.map(|template| parent(&template))
            };
            let Some(parent) = found else { break };
            next.clone_from(&parent);
            facts.templates.insert(name, parent);
        }
        Ok(())
    }

    async fn node_image(&self, namespace: &str) -> Result<Option<NodeImage>, Error> {
        if let Some(image) = self.known_node_image(namespace) {
            return Ok(Some(image));
        }
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &framework_resource());
        let asked = api.get_opt(names::FRAMEWORK_CONFIG).await.map_err(failed("tframeworkconfig", namespace))?;
        Ok(asked.as_ref().and_then(node_image))
    }

    fn known_node_image(&self, namespace: &str) -> Option<NodeImage> {
        let key = ObjectRef::new_with(names::FRAMEWORK_CONFIG, framework_resource()).within(namespace);
        node_image(&*self.frameworks.get(&key)?)
    }

    /// What conversion may use: memory only, because the question may come from the watch that fills it.
    pub fn conversion_context(&self, namespace: &str) -> Context {
        Context { node_image: self.known_node_image(namespace).map(|node| (node.image, node.secret)) }
    }

    async fn configs(&self, namespace: &str, app: &str, server: &str, config: &str) -> Result<Vec<ConfigFacts>, Error> {
        let labels = [(label::SERVER_APP, app), (label::SERVER_NAME, server), (label::CONFIG_NAME, config)];
        let list = ListParams::default().labels(&selector(&labels));
        let found = self.api::<TConfig>(namespace).list_metadata(&list).await.map_err(failed("tconfig", namespace))?;
        Ok(found.items.iter().map(config_facts).collect())
    }

    /// Names of some objects with these labels.
    async fn list<K>(&self, kind: &'static str, namespace: &str, labels: &[(&str, &str)]) -> Result<Vec<String>, Error>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + std::fmt::Debug,
        K: serde::de::DeserializeOwned,
    {
        if labels.iter().any(|(_, value)| value.len() > LABEL_LIMIT) {
            // No object can carry that label.
            return Ok(Vec::new());
        }
        let list = ListParams::default().labels(&selector(labels)).limit(2);
        let found = self.api::<K>(namespace).list_metadata(&list).await.map_err(failed(kind, namespace))?;
        Ok(found.items.iter().map(ResourceExt::name_any).collect())
    }

    /// Writes what accepting a request does to another object; one that is gone meanwhile needs nothing.
    pub async fn apply(&self, namespace: &str, effect: &Effect) -> Result<(), kube::Error> {
        let labels = json!({"metadata": {"labels": {effect.label: effect.value}}});
        let api = self.api::<TConfig>(namespace);
        match api.patch_metadata(&effect.config, &PatchParams::default(), &Patch::Merge(&labels)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            result => result.map(|_| ()),
        }
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Untyped: only the image is read, and what an older release stored must not stop the watch.
fn framework_resource() -> kube::core::ApiResource {
    kube::core::ApiResource::erase::<TFrameworkConfig>(&())
}

/// Runs a watch until `stop`. It retries by itself and says so.
fn keep<S, E>(stream: S, resource: &'static str, stop: &CancellationToken)
where
    S: futures::Stream<Item = Result<E, watcher::Error>> + Send + 'static,
    E: Send,
{
    let stop = stop.clone();
    tokio::spawn(async move {
        let mut stream = std::pin::pin!(stream.take_until(stop.cancelled_owned()));
        while let Some(event) = stream.next().await {
            if let Err(error) = event {
                tracing::warn!(resource, error = with_sources(&error), "cannot watch, trying again");
            }
        }
    });
}

fn parent(template: &TemplateMeta) -> Option<String> {
    template.labels().get(label::PARENT).filter(|parent| **parent != template.name_any()).cloned()
}

fn node_image(framework: &DynamicObject) -> Option<NodeImage> {
    let text = |key| framework.data.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let node = NodeImage { image: text("/nodeImage/image"), secret: text("/nodeImage/secret") };
    (!node.image.is_empty()).then_some(node)
}

fn config_facts(config: &PartialObjectMeta<TConfig>) -> ConfigFacts {
    let labels = config.labels();
    ConfigFacts {
        name: config.name_any(),
        pod_seq: labels.get(label::POD_SEQ).cloned(),
        activated: labels.get(label::ACTIVATED).is_some_and(|value| value == "true"),
        deactivating: labels.contains_key(label::DEACTIVATE),
        // An object that is being deleted already needs no label for it.
        deleting: labels.contains_key(label::DELETING) || config.metadata.deletion_timestamp.is_some(),
    }
}

fn selector(labels: &[(&str, &str)]) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn failed(kind: &'static str, namespace: &str) -> impl FnOnce(kube::Error) -> Error {
    let namespace = namespace.to_owned();
    move |source| Error::Api { kind, namespace, source: Box::new(source) }
}
