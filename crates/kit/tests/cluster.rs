//! Checks the deadlines of the client of the API server, against a server that stops in the middle, under tokio's paused clock.

#![allow(clippy::expect_used, reason = "a failed expectation is how a test fails, in its helpers too")]

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config,
    api::{ListParams, WatchParams},
};
use std::time::Duration;
use tars_kit::cluster::prepare;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::Instant,
};

/// Serves one connection: sends the next of `answers` for each request, and keeps silent after the last one.
async fn serve(answers: Vec<String>) -> Client {
    tars_kit::crypto::install();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut answers = answers.into_iter();
        let mut buffer = [0; 4096];
        while connection.read(&mut buffer).await.is_ok_and(|length| length > 0) {
            if let Some(answer) = answers.next() {
                connection.write_all(answer.as_bytes()).await.expect("an answer");
            }
        }
    });
    let config = Config::new(format!("http://{address}").parse().expect("an address"));
    prepare(config).expect("a client").build()
}

fn empty_list() -> String {
    let body = r#"{"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "7"}, "items": []}"#;
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The head of a watch and its first event, as one chunk of a body without end.
fn first_event() -> String {
    let event = r#"{"type": "ADDED", "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "resourceVersion": "8"}}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{event}\n\r\n", event.len() + 1)
}

#[tokio::test]
async fn a_request_without_an_answer_fails() {
    let client = serve(vec![empty_list()]).await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "desk");
    maps.list(&ListParams::default()).await.expect("the first answer");
    tokio::time::pause();
    let began = Instant::now();
    maps.list(&ListParams::default()).await.expect_err("no second answer");
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_watch_that_falls_silent_ends() {
    let client = serve(vec![first_event()]).await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "desk");
    let mut events = maps.watch(&WatchParams::default(), "7").await.expect("a watch").boxed();
    events.next().await.expect("an event").expect("no error");
    tokio::time::pause();
    let began = Instant::now();
    let end = events.next().await;
    assert!(end.is_none_or(|event| event.is_err()), "nothing was sent");
    assert!(began.elapsed() <= Duration::from_secs(76), "after {:?}", began.elapsed());
}
