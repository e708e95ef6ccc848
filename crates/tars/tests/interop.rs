//! Tests against TarsGo: its unmodified client finds our servers through our name service and calls them, and our client calls a
//! server of TarsGo. They need Go.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use futures::future::join_all;
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tars::{
    client::{Client, ClientOptions},
    endpoint::Endpoint,
    framework::{
        endpoint::EndpointF,
        query::{QueryF, QueryFDispatch},
    },
    server::{Adapter, Dispatch, Request, ServantError, Server},
};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const OBJECT: &str = "Demo.EchoRust.EchoObj";
const QUERY: &str = "tars.tarsregistry.QueryObj";

#[tars::interface]
trait Echo {
    async fn echo(&self, message: String) -> String;
    async fn hostname(&self) -> String;
}

struct Servant(&'static str);

impl Echo for Servant {
    async fn echo(&self, _: &Request, message: String) -> Result<String, ServantError> {
        // Half of the requests have to wait and so get a task of their own.
        if message.len().is_multiple_of(2) {
            tokio::task::yield_now().await;
        }
        Ok(message)
    }

    async fn hostname(&self, _: &Request) -> Result<String, ServantError> {
        Ok(self.0.to_owned())
    }
}

/// A name service that knows the active and inactive endpoints of [`OBJECT`].
#[derive(Clone, Default)]
struct Names(Arc<Mutex<(Vec<EndpointF>, Vec<EndpointF>)>>);

type Lists = Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError>;

impl Names {
    fn find(&self, id: &str) -> (i32, Vec<EndpointF>, Vec<EndpointF>) {
        let (active, inactive) = if id == OBJECT { self.0.lock().unwrap().clone() } else { Default::default() };
        (0, active, inactive)
    }

    fn set(&self, active: &[SocketAddr], inactive: &[SocketAddr]) {
        let endpoints = |addrs: &[SocketAddr]| {
            addrs.iter().map(|addr| EndpointF::from(&Endpoint::tcp(addr.ip().to_string(), addr.port()))).collect()
        };
        *self.0.lock().unwrap() = (endpoints(active), endpoints(inactive));
    }
}

impl QueryF for Names {
    async fn find_object_by_id(&self, _: &Request, id: String) -> Result<Vec<EndpointF>, ServantError> {
        Ok(self.find(&id).1)
    }
    async fn find_object_by_id_4_any(&self, _: &Request, id: String) -> Lists {
        Ok(self.find(&id))
    }
    async fn find_object_by_id_4_all(&self, _: &Request, id: String) -> Lists {
        Ok(self.find(&id))
    }
    async fn find_object_by_id_in_same_group(&self, _: &Request, id: String) -> Lists {
        Ok(self.find(&id))
    }
    async fn find_object_by_id_in_same_station(&self, _: &Request, id: String, _: String) -> Lists {
        Ok(self.find(&id))
    }
    async fn find_object_by_id_in_same_set(&self, _: &Request, id: String, _: String) -> Lists {
        Ok(self.find(&id))
    }
}

async fn serve(host: &str, object: &str, dispatch: Arc<dyn Dispatch>) -> (SocketAddr, CancellationToken) {
    let server =
        Server::builder().adapter(Adapter::new("A", Endpoint::tcp(host, 0)).servant(object, dispatch)).bind().await.unwrap();
    let (addr, stop) = (server.local_addr("A").unwrap(), CancellationToken::new());
    tokio::spawn(server.serve(stop.clone()));
    (addr, stop)
}

/// Builds a Go program of the repository.
async fn go_build(folder: &str, name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let program = root.join("target/interop").join(name);
    let built = Command::new("go").arg("-C").arg(root.join(folder)).args(["build", "-o"]).arg(&program).arg(".").status().await;
    assert!(built.unwrap().success(), "{folder} does not build");
    program
}

fn report(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tarsgo_client_finds_calls_and_leaves_our_servers() {
    let program = go_build("integration/clients/go", "tars-client").await;
    let names = Names::default();
    let (locator, _stop) = serve("127.0.0.1", QUERY, Arc::new(QueryFDispatch(names.clone()))).await;
    // The servers have two hosts, because TarsGo takes two ports of one host for the same server.
    let (first, stop_first) = serve("127.0.0.1", OBJECT, Arc::new(EchoDispatch(Servant("first")))).await;
    let (second, _stop_second) = serve("127.0.0.2", OBJECT, Arc::new(EchoDispatch(Servant("second")))).await;
    names.set(&[first, second], &[]);
    let client = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("--locator").arg(format!("{QUERY}@tcp -h 127.0.0.1 -p {}", locator.port()));
        command.args(["--object", OBJECT, "--json"]).args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    };
    for (concurrency, size) in [("1", "32"), ("16", "33"), ("4", "100000")] {
        let output = client(&["--calls", "1000", "--concurrency", concurrency, "--size", size]).output().await.unwrap();
        let report = report(&output);
        assert!(report.contains(r#""ok":1000,"failed":0"#), "{report}");
        assert!(report.contains("first") && report.contains("second"), "{report}");
    }

    // One server leaves: first it becomes inactive, then it stops. (If an endpoint is in neither list, TarsGo closes its
    // connection at once, and the call that is under way is lost.)
    let calls = client(&["--duration", "5s", "--refresh", "200ms", "--concurrency", "4"]).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    names.set(&[second], &[first]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop_first.cancel();
    let report = report(&calls.wait_with_output().await.unwrap());
    assert!(report.contains(r#""failed":0"#), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_calls_a_tarsgo_server() {
    let program = go_build("examples/echo-go", "echo-go").await;
    let files = tempfile::tempdir().unwrap();
    let path = files.path().display();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "<tars>\n<application>\n<server>\napp=Demo\nserver=EchoGo\nlocalip=127.0.0.1\nbasepath={path}/\ndatapath={path}/\n\
         logpath={path}/\nlogLevel=ERROR\n<Demo.EchoGo.EchoObjAdapter>\nendpoint=tcp -h 127.0.0.1 -p {port} -t 60000\n\
         servant=Demo.EchoGo.EchoObj\nallow\nmaxconns=100\nthreads=2\nqueuecap=10000\nqueuetimeout=60000\nprotocol=tars\n\
         </Demo.EchoGo.EchoObjAdapter>\n</server>\n<client>\n</client>\n</application>\n</tars>\n"
    );
    let file = files.path().join("echo.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command.arg(format!("--config={}", file.display())).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let _server = command.spawn().unwrap();

    let options = ClientOptions { timeout: Duration::from_secs(20), ..ClientOptions::default() };
    let client = Client::builder().options(options).build().unwrap();
    let echo = EchoClient::new(client.proxy(&format!("Demo.EchoGo.EchoObj@tcp -h 127.0.0.1 -p {port}")).unwrap());
    tokio::time::timeout(Duration::from_secs(20), async {
        while echo.proxy().ping().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let calls = (0..1000).map(|number| {
        let echo = echo.clone();
        async move {
            let message = "x".repeat(number * 37);
            assert_eq!(echo.echo(&message).await.unwrap(), message);
        }
    });
    join_all(calls).await;
    // TarsGo answers an unknown function with return code 1 and a text.
    let refused = echo.proxy().call("nothing", Bytes::new()).await.unwrap_err();
    assert_eq!((refused.ret(), refused.to_string().contains("func mismatch")), (1, true), "{refused}");
    assert!(!echo.hostname().await.unwrap().is_empty());
}
