//! Who may call gRPC on a real cluster (docs/reference/trust.md).

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{
    FRAMEWORK, Space, connect,
    grpc::{Trust, connect_as, connect_to_pod, find_pod, request_token, shake_hands_at, with_token},
    wait_for,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    core::v1::{ConfigMap, ServiceAccount},
    rbac::v1::{Role, RoleBinding, RoleRef, Subject},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tars_proto::registry::v1::{ResolveRequest, name_service_client::NameServiceClient};
use tonic::{
    Code, Status,
    transport::{Channel, Identity},
};
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
const CONTROLLER: Component = Component { labels: "tars.io/Controller=true", ..WEBHOOK };
const AGENT: Component = Component { labels: "tars.io/Agent=true", ..WEBHOOK };
/// The components of the chart `tarscontroller`, with the names in their certificates.
const SYSTEM_COMPONENTS: [(Component, &str); 3] =
    [(CONTROLLER, "tars-controller"), (WEBHOOK, "tars-webhook-service"), (AGENT, "tars-agent")];

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
    for component in [CONTROLLER, WEBHOOK, AGENT, REGISTRY] {
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
async fn a_lookup_needs_no_token_and_reflection_does() {
    let client = connect().await;
    let channel = connect_trusting(&client, &REGISTRY, "tars-tarsregistry").await;
    let request = ResolveRequest { servant: "tars.tarsregistry.QueryObj".to_owned() };
    let answer = NameServiceClient::new(channel.clone()).resolve(request).await.expect("an answer").into_inner();
    assert!(!answer.active.is_empty());
    expect_refusal(&channel, "", Code::Unauthenticated, "token").await;
    let elsewhere = request_token(&client, SYSTEM, "tars-view", AUDIENCE).await;
    expect_refusal(&channel, &elsewhere, Code::PermissionDenied, "in namespace tars;").await;
    let token = request_token(&client, FRAMEWORK, "tars-view", AUDIENCE).await;
    reflect(&channel, &token).await.expect("the account of the chart may read");
}

/// Connects to the gRPC port of a component with the name `host`, and trusts the authorities of its namespace.
async fn connect_trusting(client: &Client, component: &Component, host: &str) -> Channel {
    let authorities = read_authorities(client, component.namespace, "tars-ca").await;
    let name = format!("{host}.{}.svc", component.namespace);
    // The kubelet brings a new Secret into a running pod within a minute or so.
    wait_for(&format!("{name} to be trusted"), || async {
        component.connect(client, component.grpc, Some(Trust { authorities: &authorities, name: &name })).await.ok()
    })
    .await
}

/// Reads the key `ca.crt` of a `ConfigMap`, which may be on its way.
async fn read_authorities(client: &Client, namespace: &str, name: &str) -> String {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    wait_for(&format!("the authorities in {namespace}/{name}"), || async {
        maps.get_opt(name).await.expect("an answer")?.data?.remove("ca.crt")
    })
    .await
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
    let foreign = read_authorities(&client, &space.name, "kube-root-ca.crt").await;
    let token = async |account, audience| request_token(&client, SYSTEM, account, audience).await;
    let elsewhere = token("tars-view", "https://kubernetes.default.svc").await;
    let (viewer, editor) = (token("tars-view", AUDIENCE).await, token("tars-edit", AUDIENCE).await);
    wait_for("the account of the namespace", || async {
        space.api::<ServiceAccount>().get_opt("default").await.expect("an answer")
    })
    .await;
    let poor = request_token(&client, &space.name, "default", AUDIENCE).await;

    let mut channels = Vec::new();
    for (component, host) in SYSTEM_COMPONENTS {
        let channel = connect_trusting(&client, &component, host).await;
        let name = format!("{host}.{SYSTEM}.svc");
        let trust = Trust { authorities: &foreign, name: &name };
        assert!(component.connect(&client, component.grpc, Some(trust)).await.is_err(), "{name} is not of that authority");
        let plain = match component.connect(&client, component.grpc, None).await {
            Ok(channel) => HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(|_| ()),
            Err(_) => Err(Status::unavailable("no connection")),
        };
        assert!(plain.is_err(), "{name} speaks no plain text");

        let command = "kubectl create token tars-view -n tars-system --audience=tars.io";
        expect_refusal(&channel, "", Code::Unauthenticated, command).await;
        for useless in ["a-word", &elsewhere] {
            expect_refusal(&channel, useless, Code::Unauthenticated, "for the audience tars.io").await;
        }
        let words = "may not get the resource reflection of the API group grpc.tars.io in namespace tars-system";
        expect_refusal(&channel, &poor, Code::PermissionDenied, words).await;
        for rich in [&viewer, &editor] {
            reflect(&channel, rich).await.expect("the accounts of the chart may read");
        }
        channels.push(channel);
    }

    let account = Subject {
        kind: "ServiceAccount".to_owned(),
        name: "default".to_owned(),
        namespace: Some(space.name.clone()),
        ..Subject::default()
    };
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), SYSTEM);
    let binding = bind(&space, "Role", "tars-view", account);
    bindings.create(&PostParams::default(), &binding).await.expect("a binding");
    for channel in channels {
        wait_for("the new right to be seen", || async { reflect(&channel, &poor).await.ok() }).await;
    }
    bindings.delete(&space.name, &DeleteParams::default()).await.expect("the end of the binding");
    space.delete().await;
}

/// Makes a certificate for a client that ended long ago, with its key.
fn make_ended_identity() -> Identity {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["a-client".to_owned()]).expect("a name");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 1, 2));
    Identity::from_pem(params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

/// Neither side accepts a certificate that has ended: a client refuses a server whose leaf has ended, and a client with such a certificate
/// is nobody without a token.
#[tokio::test]
async fn a_certificate_that_has_ended_opens_nothing() {
    let client = connect().await;
    let in_system = SYSTEM_COMPONENTS.map(|(component, host)| (component, host, SYSTEM));
    for (component, host, namespace) in in_system.into_iter().chain([(REGISTRY, "tars-tarsregistry", FRAMEWORK)]) {
        connect_trusting(&client, &component, host).await;
        let authorities = read_authorities(&client, namespace, "tars-ca").await;
        let (pods, name) = (Api::namespaced(client.clone(), namespace), format!("{host}.{namespace}.svc"));
        let pod = find_pod(&pods, component.labels).await;
        let shake = async |now| {
            let trust = Trust { authorities: &authorities, name: &name };
            shake_hands_at(now, &pods, &pod, component.grpc, trust).await
        };
        shake(Timestamp::now()).await.expect("the leaf is good today");
        let later = Timestamp::now() + SignedDuration::from_hours(24 * 7 + 1);
        let refused = shake(later).await.expect_err("a leaf lives for seven days").to_string();
        assert!(refused.contains("certificate expired"), "{name}: {refused}");

        let trust = Trust { authorities: &authorities, name: &name };
        let channel = connect_as(make_ended_identity(), pods, pod, component.grpc, trust).await;
        expect_refusal(&channel, "", Code::Unauthenticated, "token").await;
    }
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
