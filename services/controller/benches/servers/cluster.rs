//! The namespace of the benchmark, and the controllers that are measured.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
};
use serde_json::json;
use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use tars_bench::{Result, Server, connect_when_ready, find_free_address};
use tars_common::names::{CONTROLLER_USER, SYSTEM_NAMESPACE};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

/// The longest wait for anything but the creation of many servers.
const LIMIT: Duration = Duration::from_mins(2);

pub struct Space {
    pub client: Client,
    pub name: String,
    kubeconfig: PathBuf,
}

impl Space {
    pub async fn create() -> Result<Self> {
        let client = Client::try_from(Config::infer().await?)?;
        let metadata = ObjectMeta { generate_name: Some("bench-controller-".to_owned()), ..ObjectMeta::default() };
        let made =
            Api::all(client.clone()).create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await?;
        let name = made.metadata.name.unwrap_or_default();
        // Admission lets only the account of the controller write what belongs to a TServer.
        let mut config = serde_json::to_value(Kubeconfig::read()?)?;
        for user in config["users"].as_array_mut().into_iter().flatten() {
            user["user"]["as"] = CONTROLLER_USER.into();
        }
        let kubeconfig = std::env::temp_dir().join(format!("{name}.kubeconfig"));
        std::fs::write(&kubeconfig, config.to_string())?;
        Ok(Self { client, name, kubeconfig })
    }

    pub async fn delete(&self) -> Result<()> {
        std::fs::remove_file(&self.kubeconfig)?;
        Api::<Namespace>::all(self.client.clone()).delete(&self.name, &DeleteParams::background()).await?;
        Ok(())
    }

    /// The objects of this group, version and kind.
    pub fn api(&self, (group, version, kind): (&str, &str, &str)) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.name, &resource)
    }

    pub fn servers(&self) -> Api<DynamicObject> {
        self.api(("k8s.tars.io", "v1beta3", "TServer"))
    }

    /// The same namespace under the account of the controller.
    pub async fn as_controller(&self) -> Result<Self> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        let client = Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)?;
        Ok(Self { client, name: self.name.clone(), kubeconfig: self.kubeconfig.clone() })
    }

    pub async fn create_server(&self, number: usize) -> Result<DynamicObject> {
        let object = serde_json::from_value(super::build_server(number, 1))?;
        Ok(self.servers().create(&PostParams::default(), &object).await?)
    }

    pub async fn change(&self, number: usize) -> Result<()> {
        let spec = super::build_server(number, 2)["spec"]["release"].clone();
        let change = Patch::Merge(json!({"spec": {"release": spec}}));
        self.servers().patch(&format!("bench-s{number}"), &PatchParams::default(), &change).await?;
        Ok(())
    }

    pub async fn delete_server(&self, number: usize) -> Result<()> {
        self.servers().delete(&format!("bench-s{number}"), &DeleteParams::background()).await?;
        Ok(())
    }

    /// Deletes every server, and waits for their end.
    pub async fn delete_all(&self) -> Result<()> {
        let servers = self.servers();
        servers.delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
        while !servers.list_metadata(&ListParams::default().limit(1)).await?.items.is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// A controller in a process of its own. It is killed when it is dropped.
pub struct Controller {
    pub server: Server,
    metrics: SocketAddr,
}

impl Controller {
    pub fn start(space: &Space) -> Result<Self> {
        let metrics = find_free_address()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tarscontroller"));
        // The account may use the Lease of the chart only, which nobody holds meanwhile.
        command.args(["--namespace", SYSTEM_NAMESPACE, "--metrics-listen", &metrics.to_string()]);
        command.args(["--grpc-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"]);
        let server = Server::start(command.env("KUBECONFIG", &space.kubeconfig).env("RUST_LOG", "error"))?;
        Ok(Self { server, metrics })
    }

    /// Waits until the caches are full.
    pub async fn wait_until_ready(&self) -> Result<()> {
        self.wait("tars_controller_caches_full", |value| value >= 1.0).await
    }

    pub async fn wait_until_leading(&self) -> Result<()> {
        self.wait("tars_controller_leading", |value| value >= 1.0).await
    }

    /// Waits until so many runs of TServers are done.
    pub async fn wait_until_idle(&self, servers: usize) -> Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let runs = servers as f64;
        self.wait("tars_controller_reconciles_total{reconciler=\"tserver\"", |value| value >= runs).await
    }

    async fn wait(&self, metric: &str, enough: impl Fn(f64) -> bool) -> Result<()> {
        let give_up = Instant::now() + LIMIT;
        loop {
            let text = self.read_metrics().await.unwrap_or_default();
            let lines = text.lines().filter(|line| line.starts_with(metric));
            let sum: f64 = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
            if enough(sum) {
                return Ok(());
            }
            if Instant::now() > give_up {
                return Err(format!("{metric} is {sum}").into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn read_metrics(&self) -> Result<String> {
        let mut connection = connect_when_ready(|| TcpStream::connect(self.metrics)).await?;
        connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        connection.read_to_string(&mut text).await?;
        Ok(text)
    }
}
