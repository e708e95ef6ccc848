//! The real program as a process.

use super::proxy::Proxy;
use serde_json::json;
use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A controller that reaches the API server through a proxy. It is killed when it is dropped.
pub struct Controller {
    child: Child,
    metrics: SocketAddr,
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Controller {
    /// Starts the program. `folder` is for its files. It takes the Lease of the chart's controllers, which must be away.
    pub fn start(proxy: &Arc<Proxy>, folder: &Path) -> io::Result<Self> {
        let kubeconfig = folder.join("kubeconfig");
        fs::write(&kubeconfig, describe_cluster(proxy.address))?;
        let metrics = find_free_port()?;
        let log = fs::File::options().create(true).append(true).open(folder.join("log"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_tarscontroller"))
            .env("KUBECONFIG", &kubeconfig)
            .args(["--grpc-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"])
            .args(["--metrics-listen", &metrics.to_string(), "--namespace", "tars-system"])
            .arg("--tls-folder")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        proxy.revive();
        Ok(Self { child, metrics })
    }

    /// Stops the process in order, so that its Lease is free at once.
    pub fn stop(&mut self) -> io::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait().map(drop)
    }

    /// The value of a metric with these labels; `None` as long as the process does not tell it.
    pub async fn read_metric(&self, sample: &str) -> Option<f64> {
        let mut stream = TcpStream::connect(self.metrics).await.ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        answer.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }
}

fn find_free_port() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn describe_cluster(address: SocketAddr) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": {}}],
    })
    .to_string()
}
