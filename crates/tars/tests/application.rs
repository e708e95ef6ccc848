//! An application as tarsnode runs it: it reads a rendered configuration, sends heartbeats and ends when it is asked to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{net::SocketAddr, sync::Arc, time::Duration};
use tars::{
    application::{Application, ApplicationError},
    client::Client,
    endpoint::Endpoint,
    framework::{
        admin::AdminFClient,
        node::{ServerF, ServerFDispatch, ServerInfo},
    },
    server::{Adapter, Request, ServantError, Server},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

#[tars::interface]
trait Shout {
    /// Answers `text` in capitals.
    async fn shout(&self, text: String) -> String;
}

struct Loud;

impl Shout for Loud {
    async fn shout(&self, _: &Request, text: String) -> Result<String, ServantError> {
        Ok(text.to_uppercase())
    }
}

struct Node(mpsc::UnboundedSender<ServerInfo>);

impl ServerF for Node {
    async fn keep_alive(&self, _: &Request, info: ServerInfo) -> Result<i32, ServantError> {
        self.0.send(info).unwrap();
        Ok(0)
    }

    async fn keep_activing(&self, _: &Request, _: ServerInfo) -> Result<i32, ServantError> {
        Ok(0)
    }

    async fn report_version(&self, _: &Request, _: String, _: String, _: String) -> Result<i32, ServantError> {
        Ok(0)
    }

    async fn get_latest_keep_alive_time(&self, _: &Request) -> Result<u32, ServantError> {
        Ok(0)
    }
}

const WAIT: Duration = Duration::from_secs(20);

async fn node(stop: CancellationToken) -> (SocketAddr, mpsc::UnboundedReceiver<ServerInfo>) {
    let (sender, beats) = mpsc::unbounded_channel();
    let adapter = Adapter::new("n", Endpoint::tcp("127.0.0.1", 0))
        .servant("tars.tarsnode.ServerObj", Arc::new(ServerFDispatch(Node(sender))));
    let server = Server::builder().adapter(adapter).bind().await.unwrap();
    let addr = server.local_addr("n").unwrap();
    tokio::spawn(server.serve(stop));
    (addr, beats)
}

fn config(node: u16, object: &str) -> String {
    format!(
        "<tars>
<application>
<server>
app=Demo
server=Loud
node=tars.tarsnode.ServerObj@tcp -h 127.0.0.1 -p {node} -t 60000
local=tcp -h 127.0.0.1 -p 0 -t 3000
<Demo.Loud.ShoutObjAdapter>
allow
endpoint=tcp -h 127.0.0.1 -p 0 -t 60000
servant=Demo.Loud.{object}
</Demo.Loud.ShoutObjAdapter>
</server>
</application>
</tars>"
    )
}

#[tokio::test]
async fn an_application_serves_beats_and_ends_when_the_node_asks() {
    let over = CancellationToken::new();
    let (node, mut beats) = node(over.clone()).await;
    let application = Application::from_text(&config(node.port(), "ShoutObj")).unwrap().version("1.2.3");
    let running = application.servant("ShoutObj", ShoutDispatch(Loud)).bind().await.unwrap();
    let servant = running.local_addr("Demo.Loud.ShoutObjAdapter").unwrap();
    let admin = running.local_addr("AdminAdapter").unwrap();
    let serving = tokio::spawn(running.run());

    let mut adapters = Vec::new();
    while adapters.len() < 3 {
        let beat = timeout(WAIT, beats.recv()).await.unwrap().unwrap();
        assert_eq!((beat.application.as_str(), beat.server_name.as_str()), ("Demo", "Loud"));
        assert_eq!(beat.pid, i32::try_from(std::process::id()).unwrap());
        adapters.push(beat.adapter);
    }
    assert_eq!(adapters, ["", "Demo.Loud.ShoutObjAdapter", "AdminAdapter"]);

    let client = Client::builder().build().unwrap();
    let proxy =
        |object: &str, addr: SocketAddr| client.proxy(&format!("{object}@tcp -h {} -p {}", addr.ip(), addr.port())).unwrap();
    let shout = ShoutClient::new(proxy("Demo.Loud.ShoutObj", servant));
    assert_eq!(shout.shout("hello").await.unwrap(), "HELLO");

    let admin = AdminFClient::new(proxy("AdminObj", admin));
    assert_eq!(admin.notify("tars.viewversion").await.unwrap(), "1.2.3");
    assert_eq!(admin.notify("tars.unheard").await.unwrap(), "tars.unheard not support now!");
    assert_eq!(admin.get_pid().await.unwrap(), i64::from(std::process::id()));
    admin.shutdown().await.unwrap();
    timeout(WAIT, serving).await.unwrap().unwrap();
    over.cancel();
}

#[tokio::test]
async fn a_configuration_and_a_program_that_do_not_match_are_refused() {
    let application = || Application::from_text(&config(1, "OtherObj")).unwrap();
    let unserved = application().servant("ShoutObj", ShoutDispatch(Loud)).bind().await.unwrap_err();
    assert!(matches!(unserved, ApplicationError::Unserved { .. }), "{unserved}");
    let missing =
        application().servant("OtherObj", ShoutDispatch(Loud)).servant("ShoutObj", ShoutDispatch(Loud)).bind().await.unwrap_err();
    assert!(matches!(missing, ApplicationError::NoAdapter(ref name) if name == "Demo.Loud.ShoutObj"), "{missing}");
}
