//! Who may call gRPC on a real cluster (docs/reference/trust.md).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{
    FRAMEWORK, Space, connect,
    grpc::{Trust, connect_to_pod, find_pod, request_token, with_token},
    wait_for,
};
use k8s_openapi::api::{
    admissionregistration::v1::ValidatingWebhookConfiguration,
    core::v1::{ConfigMap, ServiceAccount},
    rbac::v1::{Role, RoleBinding, RoleRef, Subject},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use tars_proto::registry::v1::{ResolveRequest, name_service_client::NameServiceClient};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
};

const SYSTEM: &str = "tars-system";
const AUDIENCE: &str = "tars.io";

struct Component {
    namespace: &'static str,
    labels: &'static str,
    health: u16,
    grpc: u16,
}

const WEBHOOK: Component = Component { namespace: SYSTEM, labels: "tars.io/Webhook=true", health: 9446, grpc: 9444 };
const REGISTRY: Component = Component {
    namespace: FRAMEWORK,
    labels: "tars.io/ServerApp=tars,tars.io/ServerName=tarsregistry",
    health: 17893,
    grpc: 17892,
};
const COMPONENTS: [Component; 4] = [
    Component { labels: "tars.io/Controller=true", ..WEBHOOK },
    WEBHOOK,
    Component { labels: "tars.io/Agent=true", ..WEBHOOK },
    REGISTRY,
];

impl Component {
    async fn connect(&self, client: &Client, port: u16, trust: Option<Trust<'_>>) -> Result<Channel, tonic::transport::Error> {
        let pods = Api::namespaced(client.clone(), self.namespace);
        let pod = find_pod(&pods, self.labels).await;
        connect_to_pod(pods, pod, port, trust).await
    }
}

/// Asks for the list of services, which needs the right to get `reflection`.
async fn reflect(channel: &Channel, token: &str) -> Result<(), Status> {
    let question = MessageRequest::ListServices(String::new());
    let question = ServerReflectionRequest { message_request: Some(question), ..ServerReflectionRequest::default() };
    let request = with_token(tokio_stream::iter([question]), token);
    let mut answers = ServerReflectionClient::new(channel.clone()).server_reflection_info(request).await?.into_inner();
    answers.message().await?.expect("an answer");
    Ok(())
}

async fn expect_refusal(channel: &Channel, token: &str, code: Code, words: &str) {
    let refused = reflect(channel, token).await.expect_err("a refusal");
    assert!(refused.code() == code && refused.message().contains(words), "{refused}");
}

#[tokio::test]
async fn every_component_answers_probes_in_plain_text_on_a_port_of_its_own() {
    let client = connect().await;
    for component in COMPONENTS {
        let channel = component.connect(&client, component.health, None).await.expect("the port of the probes");
        for service in ["readiness", "liveness"] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let answer = HealthClient::new(channel.clone()).check(request).await.expect("an answer").into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{} {service}", component.labels);
        }
        let refused = reflect(&channel, "").await.expect_err("nothing else is served");
        assert_eq!(refused.code(), Code::Unimplemented, "{}", component.labels);
    }
}

#[tokio::test]
async fn a_lookup_needs_no_token() {
    let client = connect().await;
    let channel = REGISTRY.connect(&client, REGISTRY.grpc, None).await.expect("the registry");
    let request = ResolveRequest { servant: "tars.tarsregistry.QueryObj".to_owned() };
    let answer = NameServiceClient::new(channel.clone()).resolve(request).await.expect("an answer").into_inner();
    assert!(!answer.active.is_empty());
    expect_refusal(&channel, "", Code::Unauthenticated, "token").await;
}

/// The certificates of the authorities that API servers trust when they call the webhook.
async fn read_authorities(client: &Client) -> String {
    let registration: ValidatingWebhookConfiguration =
        Api::all(client.clone()).get("tars-validating-webhook").await.expect("the registration");
    let webhook = registration.webhooks.and_then(|webhooks| webhooks.into_iter().next()).expect("a webhook");
    String::from_utf8(webhook.client_config.ca_bundle.expect("a bundle").0).expect("PEM")
}

fn bind(space: &Space, kind: &str, role: &str, subject: Subject) -> RoleBinding {
    let api_group = "rbac.authorization.k8s.io".to_owned();
    RoleBinding {
        metadata: ObjectMeta { name: Some(space.name.clone()), ..ObjectMeta::default() },
        role_ref: RoleRef { api_group, kind: kind.to_owned(), name: role.to_owned() },
        subjects: Some(vec![subject]),
    }
}

#[tokio::test]
async fn only_callers_with_a_token_for_us_and_a_right_are_served() {
    let space = Space::create("trust").await;
    let client = space.client.clone();
    let authorities = read_authorities(&client).await;
    let name = "tars-webhook-service.tars-system.svc";
    let trust = |authorities| Some(Trust { authorities, name });

    let foreign: ConfigMap =
        wait_for("the authority of the cluster", || async { space.api().get_opt("kube-root-ca.crt").await.expect("an answer") })
            .await;
    let foreign = foreign.data.and_then(|data| data.get("ca.crt").cloned()).expect("a certificate");
    assert!(WEBHOOK.connect(&client, WEBHOOK.grpc, trust(&foreign)).await.is_err(), "a foreign authority is not trusted");
    assert!(
        WEBHOOK.connect(&client, WEBHOOK.grpc, None).await.is_err() || {
            let plain = WEBHOOK.connect(&client, WEBHOOK.grpc, None).await.expect("a connection");
            reflect(&plain, "").await.is_err()
        }
    );

    let channel = WEBHOOK.connect(&client, WEBHOOK.grpc, trust(&authorities)).await.expect("a trusted connection");
    expect_refusal(&channel, "", Code::Unauthenticated, "kubectl create token tars-view -n tars-system --audience=tars.io").await;
    expect_refusal(&channel, "a-word", Code::Unauthenticated, "for the audience tars.io").await;
    for account in ["tars-view", "tars-edit"] {
        let elsewhere = request_token(&client, SYSTEM, account, "https://kubernetes.default.svc").await;
        expect_refusal(&channel, &elsewhere, Code::Unauthenticated, "for the audience tars.io").await;
        let token = request_token(&client, SYSTEM, account, AUDIENCE).await;
        reflect(&channel, &token).await.expect("the accounts of the chart may read");
    }

    wait_for("the account of the namespace", || async {
        space.api::<ServiceAccount>().get_opt("default").await.expect("an answer")
    })
    .await;
    let token = request_token(&client, &space.name, "default", AUDIENCE).await;
    let words = "may not get the resource reflection of the API group grpc.tars.io in namespace tars-system";
    expect_refusal(&channel, &token, Code::PermissionDenied, words).await;
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), SYSTEM);
    let account = Subject {
        kind: "ServiceAccount".to_owned(),
        name: "default".to_owned(),
        namespace: Some(space.name.clone()),
        ..Subject::default()
    };
    let binding = bind(&space, "Role", "tars-view", account);
    bindings.create(&PostParams::default(), &binding).await.expect("a binding");
    wait_for("the new right to be seen", || async { reflect(&channel, &token).await.ok() }).await;
    bindings.delete(&space.name, &DeleteParams::default()).await.expect("the end of the binding");
    space.delete().await;
}

#[tokio::test]
async fn the_admin_of_a_namespace_can_give_a_registry_and_its_callers_their_rights() {
    let space = Space::create("admin").await;
    let user = format!("admin-of-{}", space.name);
    let subject = Subject { kind: "User".to_owned(), name: user.clone(), ..Subject::default() };
    let binding = bind(&space, "ClusterRole", "admin", subject);
    space.api::<RoleBinding>().create(&PostParams::default(), &binding).await.expect("a binding");
    let mut config = Config::infer().await.expect("a cluster");
    config.auth_info.impersonate = Some(user);
    let admin = Client::try_from(config).expect("a client");

    let (given, theirs): (Api<Role>, Api<Role>) =
        (Api::namespaced(space.client.clone(), FRAMEWORK), Api::namespaced(admin, &space.name));
    for name in ["tars-tarsregistry", "tars-view", "tars-edit"] {
        let rules = given.get(name).await.expect("a role of the chart").rules;
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let role = Role { metadata, rules };
        // The authorizer sees a new binding a moment later.
        wait_for(&format!("the admin to make {name}"), || async { theirs.create(&PostParams::default(), &role).await.ok() })
            .await;
    }
    let metadata = ObjectMeta { name: Some("more".to_owned()), ..ObjectMeta::default() };
    let rules =
        serde_json::from_value(serde_json::json!([{"apiGroups": ["k8s.tars.io"], "resources": ["taccounts"], "verbs": ["get"]}]));
    let more = Role { metadata, rules: Some(rules.expect("rules")) };
    assert!(theirs.create(&PostParams::default(), &more).await.is_err(), "nobody gives more than they have");
    space.delete().await;
}
