//! Two replicas go through two rotations of the authority while API servers call them without a pause. No review fails
//! (docs/reference/admission.md#1.8).
//!
//! An API server trusts the bundle of one carrier, and reads the time from the clock of the test. Every third day has a pass of both
//! replicas, and every API server ends at least one review between two changes.

use super::*;
use crate::{
    lookup::Lookup,
    router::{App, build_router},
};
use axum::http::header::HOST;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use rustls::{ClientConfig, RootCertStore, time_provider::TimeProvider};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst},
};
use tars_kit::tls;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The time of the test, in Unix seconds. Clones are the same clock.
#[derive(Clone, Debug)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(SeqCst)).unwrap()
    }

    fn advance(&self, time: SignedDuration) {
        self.0.fetch_add(time.as_secs(), SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.load(SeqCst)).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// A replica that serves reviews with the certificate of its keeper.
struct Replica {
    keeper: Keeper,
    memory: Memory,
    address: SocketAddr,
}

impl Replica {
    async fn start(world: &Shared, stop: &CancellationToken) -> Self {
        let keeper = make_keeper(world).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = build_router(App::new(Lookup::start(connect(world), stop), Metrics::register().0));
        tokio::spawn(tls::serve(listener, router, keeper.certificate.clone(), stop.clone()));
        Self { keeper, memory: Memory::default(), address }
    }

    async fn pass(&mut self, leads: bool, clock: &Clock) {
        self.keeper.run_pass(leads, &mut self.memory, clock.now()).await.unwrap();
    }
}

/// Sends one review over a new connection, as an API server that trusts `bundle` does.
async fn review(address: SocketAddr, bundle: &str, clock: &Clock) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(clock.clone())).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(format!("{SERVICE}.{NAMESPACE}.svc")).unwrap();
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = TokioIo::new(stream.map_err(|error| format!("at {}: {error}", clock.now()))?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let body = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "kind": {"group": "k8s.tars.io", "version": "v1beta3", "kind": "TImage"},
            "resource": {"group": "k8s.tars.io", "version": "v1beta3", "resource": "timages"}, "name": "i", "namespace": "n",
            "operation": "CREATE", "userInfo": {}, "object": {"metadata": {"name": "i"}, "imageType": "server", "releases": []},
        },
    });
    let request = Request::post("/mutating").header(HOST, "webhook").body(body.to_string()).unwrap();
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let answer = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
    if answer["response"]["allowed"] == true { Ok(()) } else { Err(answer.to_string()) }
}

/// The carriers whose bundles the API servers trust: one of each kind.
const CALLED: [Carrier; 2] = [Carrier::Mutating, Carrier::Definition(CONVERTED[0])];

/// What the API servers did.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    /// The reviews of each API server.
    done: [AtomicUsize; CALLED.len()],
    failures: Mutex<Vec<String>>,
}

/// Calls both replicas in turn, with the bundle that `carrier` has at the moment.
async fn call(load: Arc<Load>, number: usize, world: Shared, replicas: [SocketAddr; 2], clock: Clock) {
    let carrier = CALLED[number];
    while !load.stop.load(SeqCst) {
        for address in replicas {
            let bundle = bundles(&world, carrier).remove(0);
            if let Err(failure) = review(address, &bundle, &clock).await {
                load.failures.lock().unwrap().push(format!("{}: {failure}", carrier.name()));
            }
        }
        load.done[number].fetch_add(1, SeqCst);
    }
}

/// Waits until every API server has begun and ended a round of reviews.
async fn let_reviews_pass(load: &Load) {
    let goals = load.done.each_ref().map(|done| done.load(SeqCst) + 2);
    while load.done.iter().zip(&goals).any(|(done, goal)| done.load(SeqCst) < *goal) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_rotations_under_load_fail_no_review() {
    tars_kit::crypto::install();
    let (world, stop) = (make_world(&Carrier::ALL), CancellationToken::new());
    let clock = Clock(Arc::new(AtomicI64::new(Timestamp::now().as_second())));
    let (mut leader, mut follower) = (Replica::start(&world, &stop).await, Replica::start(&world, &stop).await);
    leader.pass(true, &clock).await;
    follower.pass(false, &clock).await;

    let (load, mut callers) = (Arc::new(Load::default()), JoinSet::new());
    for number in 0..CALLED.len() {
        callers.spawn(call(load.clone(), number, world.clone(), [leader.address, follower.address], clock.clone()));
    }
    let (mut authorities, mut leaves, mut overlaps) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    // The first authority, and two that came after it and sign alone by now.
    while authorities.len() < 3 || bundles(&world, Carrier::Mutating)[0].matches("BEGIN").count() > 1 {
        clock.advance(SignedDuration::from_hours(72));
        leader.pass(true, &clock).await;
        let_reviews_pass(&load).await;
        follower.pass(false, &clock).await;
        let_reviews_pass(&load).await;
        for carrier in Carrier::ALL {
            let bundle = bundles(&world, carrier).remove(0);
            let parts: Vec<String> = bundle.split_inclusive("-----END CERTIFICATE-----\n").map(str::to_owned).collect();
            if parts.len() > 1 {
                overlaps.insert((carrier.name(), bundle));
            }
            authorities.extend(parts);
        }
        leaves.insert(stored(&world).leaf().0.to_owned());
        assert!(leaves.len() < 400, "the authority is never replaced");
    }
    load.stop.store(true, SeqCst);
    callers.join_all().await;
    stop.cancel();

    let failures = load.failures.lock().unwrap();
    assert!(failures.is_empty(), "{} reviews failed: {:#?}", failures.len(), &failures[..failures.len().min(5)]);
    assert!(
        overlaps.len() >= 2 * Carrier::ALL.len(),
        "every bundle holds the old and the new authority twice: {}",
        overlaps.len()
    );
    assert!(leaves.len() > 50, "the leaf is renewed every few days: {}", leaves.len());
}
