//! Answers the queries of the rules about other objects.
//!
//! | query | source of the answer |
//! | --- | --- |
//! | templates and their parents, default node image | memory, which watches keep up to date; then the API server, if the object is not there |
//! | everything else (children, servers of an application, versions of a configuration) | the API server, metadata only |
//! | the releases of an image | the API server |
//! | who uses a port of the node | memory ([`host_ports`]) |
//!
//! So no object is refused because a cache lags behind: only the API server can say that another object does not exist. No rule
//! that refuses reads TServers from memory. A list of them can need a conversion, which this process serves, so its start would wait for
//! itself.

mod host_ports;

use futures::{Stream, StreamExt, future::try_join};
use host_ports::HostPorts;
use k8s_openapi::api::{
    authentication::v1::UserInfo,
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, PostParams},
    core::{ApiResource, DynamicObject, NamespaceResourceScope, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fmt::Debug, pin::pin, time::Duration};
use tars_common::{
    activation::find_activation,
    admission::{ConfigFacts, Facts, NodeImage, Query, ReleaseFacts},
    convert::Context,
    kube_syntax::is_dns_subdomain,
    names::{self, label},
    templates::LONGEST_CHAIN,
    v1beta3::{SubType, TConfig, TFrameworkConfig, TImage, TServer, TTemplate, TTree},
};
use tars_kit::causes::with_sources;
use tokio_util::sync::CancellationToken;

type TemplateMeta = PartialObjectMeta<TTemplate>;

/// The limit for all queries of one request. The API server waits a little longer for the answer: 10 s, unless the chart's value
/// `webhook.timeoutSeconds` says otherwise.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(8);
/// The API server accepts no longer value of a label, neither in an object nor in a selector.
const LABEL_LIMIT: usize = 63;

/// How many images of one server are looked at. They hold all their releases, so they can be long.
const MOST_IMAGES: u32 = 8;

/// The verb on TServers that permits to change the objects of servers by hand.
const REPAIR: &str = "repair";
/// A verb that no role names. Who has it nevertheless, has every verb.
const ANY_VERB: &str = "have-every-verb";

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The API server answered with an error, or could not be reached.
    #[error("cannot look up {kind} in namespace {namespace}: {source}; try again")]
    Api { kind: &'static str, namespace: String, source: Box<kube::Error> },
    /// The API server did not answer within [`LOOKUP_TIMEOUT`].
    #[error("cannot look up other objects in namespace {namespace}: no answer within {}s; try again", LOOKUP_TIMEOUT.as_secs())]
    Timeout { namespace: String },
}

/// Answers questions about other objects from memory, or asks the API server.
#[derive(Clone)]
pub struct Lookup {
    client: Client,
    templates: Store<TemplateMeta>,
    frameworks: Store<DynamicObject>,
    host_ports: HostPorts,
}

impl Lookup {
    /// Starts the watches, which end with `stop`.
    pub fn start(client: Client, stop: &CancellationToken) -> Self {
        let (templates, writer) = reflector::store();
        let watch = watcher(Api::<TemplateMeta>::all(client.clone()), watcher::Config::default());
        let watch = watch.modify(|template: &mut TemplateMeta| {
            // Only labels are read. The rest would take memory for each template.
            template.metadata.managed_fields = None;
            template.metadata.annotations = None;
        });
        spawn_watch(watch.default_backoff().reflect(writer), "ttemplates", stop);
        let resource = framework_resource();
        let (frameworks, writer) = {
            let writer = reflector::store::Writer::new(resource.clone());
            (writer.as_reader(), writer)
        };
        let only = watcher::Config::default().fields(&format!("metadata.name={}", names::FRAMEWORK_CONFIG));
        let watch = watcher(Api::<DynamicObject>::all_with(client.clone(), &resource), only);
        spawn_watch(watch.default_backoff().reflect(writer), "tframeworkconfigs", stop);
        let host_ports = HostPorts::start(client.clone(), stop);
        Self { client, templates, frameworks, host_ports }
    }

    /// Waits until all templates are known. It does not wait for the framework configurations: they may need a conversion, which works
    /// only when this process is ready.
    pub async fn wait_until_ready(&self) {
        // The writer lives as long as its task, which ends only when the process stops.
        let _ = self.templates.wait_until_ready().await;
    }

    /// Answers all of `queries` about the request for the object `subject`.
    pub async fn gather_facts(&self, namespace: &str, subject: &str, queries: Vec<Query>) -> Result<Facts, LookupError> {
        let mut facts = Facts::default();
        let gather = async {
            for query in queries {
                self.answer(namespace, subject, query, &mut facts).await?;
            }
            Ok(())
        };
        match tokio::time::timeout(LOOKUP_TIMEOUT, gather).await {
            Ok(result) => result.map(|()| facts),
            Err(_) => Err(LookupError::Timeout { namespace: namespace.to_owned() }),
        }
    }

    async fn answer(&self, namespace: &str, subject: &str, query: Query, facts: &mut Facts) -> Result<(), LookupError> {
        match query {
            Query::Lineage(name) => self.find_lineage(namespace, name, facts).await?,
            Query::NodeImage => facts.node_image = self.find_node_image(namespace).await?,
            Query::ChildOf(name) => {
                let mut children = self.list_names::<TTemplate>("ttemplate", namespace, &[(label::PARENT, &name)]).await?;
                children.retain(|child| child != subject);
                facts.child_template = children.into_iter().next();
            }
            Query::ServerWithTemplate(name) => {
                let servers = self.list_names::<TServer>("tserver", namespace, &[(label::TEMPLATE, &name)]).await?;
                facts.server_with_template = servers.into_iter().next();
            }
            Query::ServerOfApp(app) => {
                let servers = self.list_names::<TServer>("tserver", namespace, &[(label::SERVER_APP, &app)]).await?;
                facts.server_of_app.extend(servers.into_iter().next().map(|server| (app, server)));
            }
            Query::Server { app, server } => {
                let labels = [(label::SERVER_APP, app.as_str()), (label::SERVER_NAME, server.as_str())];
                facts.configured_server = self.list_names::<TServer>("tserver", namespace, &labels).await?.into_iter().next();
            }
            Query::Configs { app, server, config } => {
                facts.configs = self.list_configs(namespace, &app, &server, &config).await?;
            }
            Query::Image { app, server } => facts.image_release = self.find_image_release(namespace, &app, &server).await?,
            Query::TarsServer => {
                let labels = [(label::SUB_TYPE, SubType::Tars.as_str())];
                facts.tars_server = self.list_names::<TServer>("tserver", namespace, &labels).await?.into_iter().next();
            }
            Query::RegistryAccount => {
                let account = self.api::<ServiceAccount>(namespace).get_metadata_opt(names::REGISTRY_SERVER).await;
                facts.registry_account_exists = account.map_err(api_error("serviceaccount", namespace))?.is_some();
            }
            Query::HostPorts(ports) => facts.host_port_users = self.host_ports.find_users(namespace, subject, &ports),
            Query::Tree => {
                let tree = self.api::<TTree>(namespace).get_metadata_opt(names::TREE).await;
                facts.tree_exists = tree.map_err(api_error("ttree", namespace))?.is_some();
            }
        }
        Ok(())
    }

    /// Adds the parents of a template and of all its ancestors to `facts`. The walk ends at a template that does not exist, when it comes
    /// to a template for the second time, and after [`LONGEST_CHAIN`] templates.
    async fn find_lineage(&self, namespace: &str, name: String, facts: &mut Facts) -> Result<(), LookupError> {
        let mut next = Some(name);
        while facts.templates.len() < LONGEST_CHAIN
            && let Some(name) = next.take()
        {
            // Another text names no object, and must not become a part of a path.
            if !is_dns_subdomain(&name) || facts.templates.contains_key(&name) {
                break;
            }
            let known = self.templates.get(&ObjectRef::new(&name).within(namespace)).map(|template| read_parent(&template));
            let found = if known.is_some() {
                known
            } else {
                let asked = self.api::<TTemplate>(namespace).get_metadata_opt(&name).await;
                asked.map_err(api_error("ttemplate", namespace))?.map(|template| read_parent(&template))
            };
            let Some(parent) = found else { break };
            next.clone_from(&parent);
            facts.templates.insert(name, parent);
        }
        Ok(())
    }

    async fn find_node_image(&self, namespace: &str) -> Result<Option<NodeImage>, LookupError> {
        if let Some(image) = self.cached_node_image(namespace) {
            return Ok(Some(image));
        }
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &framework_resource());
        let asked = api.get_opt(names::FRAMEWORK_CONFIG).await.map_err(api_error("tframeworkconfig", namespace))?;
        Ok(asked.as_ref().and_then(read_node_image))
    }

    fn cached_node_image(&self, namespace: &str) -> Option<NodeImage> {
        let key = ObjectRef::new_with(names::FRAMEWORK_CONFIG, framework_resource()).within(namespace);
        read_node_image(&*self.frameworks.get(&key)?)
    }

    /// Builds the facts for a conversion from memory only: the conversion may be for the very watch that fills this memory.
    pub fn build_conversion_context(&self, namespace: &str) -> Context {
        Context { node_image: self.cached_node_image(namespace).map(|node| (node.image, node.secret)) }
    }

    async fn list_configs(
        &self,
        namespace: &str,
        app: &str,
        server: &str,
        config: &str,
    ) -> Result<Vec<ConfigFacts>, LookupError> {
        let labels = [(label::SERVER_APP, app), (label::SERVER_NAME, server), (label::CONFIG_NAME, config)];
        let list = ListParams::default().labels(&format_selector(&labels));
        let found = self.api::<TConfig>(namespace).list_metadata(&list).await.map_err(api_error("tconfig", namespace))?;
        Ok(found.items.iter().map(read_config_facts).collect())
    }

    /// Finds the default release of the first image with these labels that has one. A server has one image, as a rule.
    async fn find_image_release(&self, namespace: &str, app: &str, server: &str) -> Result<Option<ReleaseFacts>, LookupError> {
        let labels = format_selector(&[(label::SERVER_APP, app), (label::SERVER_NAME, server)]);
        let list = ListParams::default().labels(&labels).limit(MOST_IMAGES);
        let images = self.api::<TImage>(namespace).list(&list).await.map_err(api_error("timage", namespace))?;
        Ok(images.items.iter().find_map(read_default_release))
    }

    /// Lists the names of at most two objects with these labels. One is reported, and the other may be the object of the request.
    async fn list_names<K>(
        &self,
        kind: &'static str,
        namespace: &str,
        labels: &[(&str, &str)],
    ) -> Result<Vec<String>, LookupError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
        K: DeserializeOwned,
    {
        if labels.iter().any(|(_, value)| value.len() > LABEL_LIMIT) {
            // No object can have that label.
            return Ok(Vec::new());
        }
        let list = ListParams::default().labels(&format_selector(labels)).limit(2);
        let found = self.api::<K>(namespace).list_metadata(&list).await.map_err(api_error(kind, namespace))?;
        Ok(found.items.iter().map(ResourceExt::name_any).collect())
    }

    /// Whether `user` has the verb `repair` on this TServer, by its name and not by a wildcard (docs/reference/admission.md#6.7.4).
    pub async fn may_repair(&self, namespace: &str, name: &str, user: &UserInfo) -> Result<bool, LookupError> {
        let both = try_join(self.may(namespace, name, user, REPAIR), self.may(namespace, name, user, ANY_VERB));
        match tokio::time::timeout(LOOKUP_TIMEOUT, both).await {
            Ok(result) => result.map(|(repair, anything)| repair && !anything),
            Err(_) => Err(LookupError::Timeout { namespace: namespace.to_owned() }),
        }
    }

    async fn may(&self, namespace: &str, name: &str, user: &UserInfo, verb: &str) -> Result<bool, LookupError> {
        let spec = SubjectAccessReviewSpec {
            user: user.username.clone(),
            groups: user.groups.clone(),
            uid: user.uid.clone(),
            extra: user.extra.clone(),
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(namespace.to_owned()),
                name: Some(name.to_owned()),
                verb: Some(verb.to_owned()),
                group: Some(names::GROUP.to_owned()),
                resource: Some("tservers".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let answer =
            reviews.create(&PostParams::default(), &review).await.map_err(api_error("subjectaccessreview", namespace))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// The objects stay untyped: only the image is read, and an object that an older release stored must not stop the watch.
fn framework_resource() -> ApiResource {
    ApiResource::erase::<TFrameworkConfig>(&())
}

/// Runs a watch as a task until `stop`. The watch retries by itself; the task logs its errors.
fn spawn_watch<S, E>(stream: S, resource: &'static str, stop: &CancellationToken)
where
    S: Stream<Item = Result<E, watcher::Error>> + Send + 'static,
    E: Send,
{
    let stop = stop.clone();
    tokio::spawn(async move {
        let mut stream = pin!(stream.take_until(stop.cancelled_owned()));
        while let Some(event) = stream.next().await {
            if let Err(error) = event {
                tracing::warn!(resource, error = with_sources(&error), "the watch failed and is tried again");
            }
        }
    });
}

fn read_default_release(image: &TImage) -> Option<ReleaseFacts> {
    let wanted = image.default.as_ref()?;
    let release = image.releases.iter().find(|release| release.id == *wanted)?;
    let (id, image, secret) = (release.id.clone(), release.image.clone(), release.secret.clone().unwrap_or_default());
    Some(ReleaseFacts { id, image, secret })
}

fn read_parent(template: &TemplateMeta) -> Option<String> {
    template.labels().get(label::PARENT).filter(|parent| **parent != template.name_any()).cloned()
}

fn read_node_image(framework: &DynamicObject) -> Option<NodeImage> {
    let text = |key| framework.data.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let node = NodeImage { image: text("/nodeImage/image"), secret: text("/nodeImage/secret") };
    (!node.image.is_empty()).then_some(node)
}

fn read_config_facts(config: &PartialObjectMeta<TConfig>) -> ConfigFacts {
    let labels = config.labels();
    ConfigFacts {
        name: config.name_any(),
        pod_seq: labels.get(label::POD_SEQ).cloned(),
        activated: labels.get(label::ACTIVATED).is_some_and(|value| value == "true"),
        deactivating: labels.contains_key(label::DEACTIVATE),
        // The label announces the deletion. Once the deletion has begun, the label is not needed.
        deleting: labels.contains_key(label::DELETING) || config.metadata.deletion_timestamp.is_some(),
        activation: find_activation(&config.metadata),
    }
}

fn format_selector(labels: &[(&str, &str)]) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn api_error(kind: &'static str, namespace: &str) -> impl FnOnce(kube::Error) -> LookupError {
    let namespace = namespace.to_owned();
    move |source| LookupError::Api { kind, namespace, source: Box::new(source) }
}
