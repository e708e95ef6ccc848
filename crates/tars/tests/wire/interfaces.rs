//! Interfaces that are generated from a declaration: one of the framework, and one of our own with every kind of parameter.

use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc};
use tars::{
    client::{CallOptions, Client},
    codec::{from_bytes, to_bytes},
    endpoint::Endpoint,
    framework::registry::{AdapterDescriptor, Registry, RegistryClient, RegistryDispatch, ServerDescriptor, ServerState},
    server::{Adapter, Dispatch, Request, ServantError, Server},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

async fn serve(object: &str, dispatch: Arc<dyn Dispatch>) -> (tars::client::Proxy, CancellationToken) {
    let adapter = Adapter::new("A", Endpoint::tcp("127.0.0.1", 0)).servant(object, dispatch);
    let server = Server::builder().adapter(adapter).bind().await.unwrap();
    let text = format!("{object}@tcp -h 127.0.0.1 -p {}", server.local_addr("A").unwrap().port());
    let stop = CancellationToken::new();
    tokio::spawn(server.serve(stop.clone()));
    (Client::builder().build().unwrap().proxy(&text).unwrap(), stop)
}

struct Descriptors(mpsc::UnboundedSender<String>);

impl Registry for Descriptors {
    async fn get_server_descriptor(
        &self,
        _: &Request,
        server_app: String,
        server_name: String,
    ) -> Result<(i32, ServerDescriptor), ServantError> {
        if server_app != "Test" {
            return Ok((-1, ServerDescriptor::default()));
        }
        let adapter =
            AdapterDescriptor { adapter_name: format!("{server_app}.{server_name}.OAdapter"), ..AdapterDescriptor::default() };
        let adapters = BTreeMap::from([(adapter.adapter_name.clone(), adapter)]);
        Ok((0, ServerDescriptor { profile: "<tars>\n</tars>\n".to_owned(), async_thread_num: 3, adapters }))
    }

    async fn update_server_state(
        &self,
        request: &Request,
        pod_name: String,
        setting_state: String,
        present_state: String,
    ) -> Result<(), ServantError> {
        let state: ServerState = present_state.parse().map_err(ServantError::unknown)?;
        let pid = request.context.get("PID").cloned().unwrap_or_default();
        self.0.send(format!("{pod_name} {setting_state} {state} {pid}")).map_err(ServantError::unknown)
    }
}

#[tokio::test]
async fn the_registry() {
    let (sender, mut states) = mpsc::unbounded_channel();
    let (proxy, _stop) = serve("tars.tarsregistry.RegistryObj", Arc::new(RegistryDispatch(Descriptors(sender)))).await;
    let registry = RegistryClient::new(proxy).with_options(CallOptions::default().context("PID", "57"));
    let (code, descriptor) = registry.get_server_descriptor("Test", "Hello").await.unwrap();
    assert_eq!((code, descriptor.async_thread_num), (0, 3));
    assert_eq!(descriptor.adapters.keys().collect::<Vec<_>>(), ["Test.Hello.OAdapter"]);
    assert_eq!(registry.get_server_descriptor("X", "Y").await.unwrap(), (-1, ServerDescriptor::default()));
    registry.update_server_state("test-hello-0", "Active", "Active").await.unwrap();
    assert_eq!(states.recv().await.as_deref(), Some("test-hello-0 Active Active 57"));
    let error = registry.update_server_state("test-hello-0", "Active", "Busy").await.unwrap_err().to_string();
    assert!(error.ends_with("server state `Busy` does not exist; use Inactive, Activating, Active or Deactivating"), "{error}");
}

/// Has every kind of parameter, and parameters with names that the generated code uses, too.
#[tars::interface]
trait Kinds {
    /// Has no parameters and no result.
    async fn nothing(&self);
    /// Mixes in- and out-parameters.
    async fn mixed(&self, request: i32, body: Out<String>, list: Vec<String>, answer: Out<Bytes>, results: bool) -> i64;
    /// Returns an out-parameter only.
    async fn only_out(&self, map: BTreeMap<i32, String>, copy: Out<BTreeMap<i32, String>>);
    /// Has another name on the wire.
    #[tars(name = "Weird_Name")]
    async fn weird(&self, #[tars(name = "X")] x: u8) -> u8;
}

struct Implementation;

impl Kinds for Implementation {
    async fn nothing(&self, _: &Request) -> Result<(), ServantError> {
        Ok(())
    }

    async fn mixed(&self, _: &Request, number: i32, list: Vec<String>, flag: bool) -> Result<(i64, String, Bytes), ServantError> {
        Ok((i64::from(number) << 32, list.join(","), Bytes::from(vec![u8::from(flag)])))
    }

    async fn only_out(&self, _: &Request, map: BTreeMap<i32, String>) -> Result<BTreeMap<i32, String>, ServantError> {
        Ok(map)
    }

    async fn weird(&self, _: &Request, x: u8) -> Result<u8, ServantError> {
        Ok(x.wrapping_add(1))
    }
}

#[tokio::test]
async fn one_of_our_own() {
    assert_eq!(KindsDispatch::<Implementation>::FUNCTIONS, ["nothing", "mixed", "onlyOut", "Weird_Name"]);
    let (proxy, _stop) = serve("A.B.C", Arc::new(KindsDispatch(Implementation))).await;
    let kinds = KindsClient::new(proxy.clone());
    kinds.nothing().await.unwrap();
    let mixed = kinds.mixed(3, &["a".to_owned(), "b".to_owned()], true).await.unwrap();
    assert_eq!(mixed, (3 << 32, "a,b".to_owned(), Bytes::from_static(&[1])));
    let map = BTreeMap::from([(1, "one".to_owned())]);
    assert_eq!(kinds.only_out(&map).await.unwrap(), map);
    assert_eq!(kinds.weird(200).await.unwrap(), 201);
    // A call without the generated client is understood.
    let body = to_bytes(1, &7_u8);
    let answer = proxy.call("Weird_Name", body).await.unwrap();
    assert_eq!(from_bytes::<u8>(0, &answer.body), Ok(8));
}
