//! Clients that find their servers through the name service.

use crate::support::{self, OBJECT, PATIENCE, Raw, Running};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tars::{
    client::{CallError, Client, ClientOptions, Proxy},
    endpoint::Endpoint,
    framework::{
        endpoint::EndpointF,
        query::{QueryF, QueryFClient, QueryFDispatch},
    },
    packet::{Packet, RequestPacket, ret},
    server::{Adapter, Request, ServantError, Server},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type Lists = (Vec<EndpointF>, Vec<EndpointF>);

/// A name service that answers what the test puts in.
#[derive(Default, Clone)]
struct Names {
    objects: Arc<Mutex<BTreeMap<String, Lists>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    fn set(&self, active: &[&Running], inactive: &[&Running]) {
        let endpoints = |servers: &[&Running]| {
            servers.iter().map(|server| EndpointF::from(&Endpoint::tcp("127.0.0.1", server.addr.port()))).collect()
        };
        self.objects.lock().unwrap().insert(OBJECT.to_owned(), (endpoints(active), endpoints(inactive)));
    }

    fn answer(&self, how: &str, request: &Request, id: &str) -> (i32, Vec<EndpointF>, Vec<EndpointF>) {
        let node = request.context.get("node_name").map_or("", String::as_str);
        self.asked.lock().unwrap().push(format!("{how} {id} {node}").trim().to_owned());
        let (active, inactive) = self.objects.lock().unwrap().get(id).cloned().unwrap_or_default();
        (0, active, inactive)
    }
}

type Answer = Result<(i32, Vec<EndpointF>, Vec<EndpointF>), ServantError>;

impl QueryF for Names {
    async fn find_object_by_id(&self, request: &Request, id: String) -> Result<Vec<EndpointF>, ServantError> {
        Ok(self.answer("id", request, &id).1)
    }
    async fn find_object_by_id_4_any(&self, request: &Request, id: String) -> Answer {
        Ok(self.answer("any", request, &id))
    }
    async fn find_object_by_id_4_all(&self, request: &Request, id: String) -> Answer {
        Ok(self.answer("all", request, &id))
    }
    async fn find_object_by_id_in_same_group(&self, request: &Request, id: String) -> Answer {
        Ok(self.answer("group", request, &id))
    }
    async fn find_object_by_id_in_same_station(&self, request: &Request, id: String, station: String) -> Answer {
        Ok(self.answer(&format!("station {station}"), request, &id))
    }
    async fn find_object_by_id_in_same_set(&self, request: &Request, id: String, set_id: String) -> Answer {
        Ok(self.answer(&format!("set {set_id}"), request, &id))
    }
}

/// Starts a name service. Returns its locator and the token that stops it.
async fn start_name_service(names: &Names) -> (String, CancellationToken) {
    let object = "tars.tarsregistry.QueryObj";
    let adapter = Adapter::new("Query", Endpoint::tcp("127.0.0.1", 0)).servant(object, Arc::new(QueryFDispatch(names.clone())));
    let server = Server::builder().adapter(adapter).bind().await.unwrap();
    let locator = format!("{object}@tcp -h 127.0.0.1 -p {}", server.local_addr("Query").unwrap().port());
    let stop = CancellationToken::new();
    tokio::spawn(server.serve(stop.clone()));
    (locator, stop)
}

fn client(locator: &str, options: ClientOptions) -> Client {
    let options = ClientOptions { timeout: PATIENCE, refresh_interval: Duration::ZERO, ..options };
    Client::builder().locator(locator).options(options).build().unwrap()
}

async fn check_call(proxy: &Proxy) {
    assert_eq!(proxy.call("later", Bytes::from_static(b"x")).await.unwrap().body, "x");
}

#[tokio::test]
async fn calls_go_to_the_active_endpoints_in_turn() {
    let (first, second, inactive) = (Running::tcp().await, Running::tcp().await, Running::tcp().await);
    let names = Names::default();
    names.set(&[&first, &second], &[&inactive]);
    let (locator, _stop) = start_name_service(&names).await;
    let options =
        ClientOptions { refresh_interval: Duration::from_mins(10), node_name: Some("n1".into()), ..ClientOptions::default() };
    let client = Client::builder().locator(locator).options(options).build().unwrap();
    let proxy = client.proxy(OBJECT).unwrap();
    for _ in 0..10 {
        check_call(&proxy).await;
    }
    let requests = [&first, &second, &inactive].map(|server| server.stats.snapshot()[0].requests);
    assert_eq!(requests, [5, 5, 0]);
    assert_eq!(*names.asked.lock().unwrap(), [format!("group {OBJECT} n1")]);
}

#[tokio::test]
async fn the_set_of_the_client_is_asked_for() {
    let names = Names::default();
    let server = Running::tcp().await;
    names.set(&[&server], &[]);
    let (locator, _stop) = start_name_service(&names).await;
    let client = client(&locator, ClientOptions { set: Some("mtt.s.1".into()), ..ClientOptions::default() });
    check_call(&client.proxy(OBJECT).unwrap()).await;
    assert_eq!(names.asked.lock().unwrap()[0], format!("set mtt.s.1 {OBJECT}"));
}

#[tokio::test]
async fn an_unknown_object_is_an_error_until_it_is_known() {
    let names = Names::default();
    let (locator, _stop) = start_name_service(&names).await;
    let proxy = client(&locator, ClientOptions::default()).proxy(OBJECT).unwrap();
    let error = proxy.ping().await.unwrap_err();
    assert_eq!((error.to_string(), error.ret()), (format!("{OBJECT}: no endpoint is active"), ret::NO_ADAPTER));
    let server = Running::tcp().await;
    names.set(&[&server], &[]);
    check_call(&proxy).await;
}

#[tokio::test]
async fn endpoints_are_refreshed_and_an_empty_list_changes_nothing() {
    let (first, second) = (Running::tcp().await, Running::tcp().await);
    let names = Names::default();
    names.set(&[&first], &[]);
    let (locator, stop) = start_name_service(&names).await;
    let proxy = client(&locator, ClientOptions::default()).proxy(OBJECT).unwrap();
    check_call(&proxy).await;
    names.set(&[&second], &[&first]);
    let served = |server: &Running| server.stats.snapshot()[0].requests;
    while served(&second) == 0 {
        check_call(&proxy).await;
    }
    assert_eq!(first.stats.snapshot()[0].connections, 1, "the connection to an inactive endpoint stays");
    names.set(&[], &[]);
    let asked = || names.asked.lock().unwrap().len();
    let before = asked();
    while asked() == before {
        check_call(&proxy).await;
    }
    check_call(&proxy).await;
    stop.cancel();
    check_call(&proxy).await;
}

#[tokio::test]
async fn a_name_service_that_is_away_is_named_in_the_error() {
    let port = Running::tcp().await;
    let locator = format!("tars.tarsregistry.QueryObj@tcp -h 127.0.0.1 -p {}", port.addr.port());
    let proxy = client(&locator, ClientOptions::default()).proxy(OBJECT).unwrap();
    let error = proxy.ping().await.unwrap_err();
    let text = "Test.Echo.EchoObj: the name service could not be asked: tars.tarsregistry.QueryObj: \
                `findObjectByIdInSameGroup` answered return code -4: adapter EchoAdapter does not serve `tars.tarsregistry.QueryObj`";
    assert_eq!(error.to_string(), text);
    assert!(matches!(error, CallError::Resolve { .. }));

    let error = Client::builder().build().unwrap().proxy(OBJECT).unwrap_err();
    assert!(error.to_string().contains("names no endpoint and the client has no locator"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_costs_no_call() {
    let server = Running::tcp().await;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let text = format!("{OBJECT}@tcp -h 127.0.0.1 -p {closed}:tcp -h 127.0.0.1 -p {}", server.addr.port());
    let proxy = support::client(ClientOptions::default()).proxy(&text).unwrap();
    for _ in 0..20 {
        check_call(&proxy).await;
    }
    let gone = format!("{OBJECT}@tcp -h 127.0.0.1 -p {closed}");
    let error = support::client(ClientOptions::default()).proxy(&gone).unwrap().ping().await.unwrap_err();
    assert_eq!(error.ret(), ret::CONNECT);
    assert!(
        error.to_string().starts_with(&format!("{OBJECT}: could not connect to `tcp -h 127.0.0.1 -p {closed} -t 3000`")),
        "{error}"
    );
}

#[tokio::test]
async fn a_lost_connection_fails_its_calls_at_once_and_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!("{OBJECT}@tcp -h 127.0.0.1 -p {}", listener.local_addr().unwrap().port());
    let proxy = support::client(ClientOptions::default()).proxy(&text).unwrap();
    for _ in 0..2 {
        let call = tokio::spawn({
            let proxy = proxy.clone();
            async move { proxy.call("echo", Bytes::new()).await }
        });
        let mut raw = Raw(listener.accept().await.unwrap().0);
        raw.frame().await.unwrap();
        drop(raw);
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Lost { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_silent_server_is_pinged_and_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!("{OBJECT}@tcp -h 127.0.0.1 -p {}", listener.local_addr().unwrap().port());
    let options = ClientOptions { keep_alive: Some(Duration::from_millis(20)), ..ClientOptions::default() };
    let proxy = support::client(options).proxy(&text).unwrap();
    let call = tokio::spawn(async move { proxy.call("echo", Bytes::new()).await });
    let mut raw = Raw(listener.accept().await.unwrap().0);
    let funcs = [raw.frame().await.unwrap(), raw.frame().await.unwrap()];
    let funcs = funcs.map(|frame| RequestPacket::read(&frame.slice(4..)).unwrap().func);
    assert_eq!(funcs, ["echo", "tars_ping"]);
    let error = call.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("the server was silent for"), "{error}");
}

#[tokio::test]
async fn functions_of_newer_definitions_do_not_exist_here() {
    let names = Names::default();
    let (locator, _stop) = start_name_service(&names).await;
    let client = Client::builder().build().unwrap();
    let query = QueryFClient::new(client.proxy(&locator).unwrap());
    assert_eq!(query.find_object_node_name("a.b.c").await.unwrap_err().ret(), ret::NO_FUNCTION);
    assert_eq!(query.find_object_by_id("a.b.c").await.unwrap(), []);
    assert_eq!(query.find_object_by_id_4_any("a.b.c").await.unwrap(), (0, vec![], vec![]));
    assert_eq!(query.find_object_by_id_in_same_station("a.b.c", "sz").await.unwrap(), (0, vec![], vec![]));
}
