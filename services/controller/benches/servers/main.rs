//! Measures the controller on a cluster: how long TServers take until everything follows them, what they cost the API server, how fast
//! another instance takes over, and the start with many TServers.
//!
//! The measured controllers run as processes of their own on this machine, under the account of the controller of the chart, which must
//! not run meanwhile. The servers have a release and no node, so that their pods stay pending: the figures are those of the controller and
//! not of a kubelet. `BENCH_SERVERS` is the number of TServers of the cold start (10,000).
//!
//! `cargo bench -p tarscontroller --bench servers`

mod api_server;
mod cluster;
mod floor;
mod followers;

use api_server::Counters;
use cluster::{Controller, Space};
use floor::measure_floor;
use followers::{Followers, Stage};
use futures::{StreamExt, stream};
use serde_json::json;
use std::time::{Duration, Instant};
use tars_bench::Result;

/// TServers of the first part, and the people who change them at the same time.
const SERVERS: usize = 300;
const CLIENTS: usize = 16;
/// Changes of single TServers on an idle cluster.
const SINGLE: usize = 50;

fn main() -> Result<()> {
    tars_kit::crypto::install();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run())
}

async fn run() -> Result<()> {
    let count = std::env::var("BENCH_SERVERS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let space = Space::create().await?;
    // The namespace goes, whatever happens.
    let result = measure(&space, count).await;
    space.delete().await?;
    result
}

async fn measure(space: &Space, count: usize) -> Result<()> {
    let alone = {
        let begun = Instant::now();
        let requests = change_all(space, 0..SERVERS, "create").await?;
        print_times("without a controller: requests to create", &requests, begun.elapsed());
        space.delete_all().await?;
        percentile(&requests, 99)
    };
    measure_floor(space, SERVERS).await?;
    let controller = Controller::start(space)?;
    controller.wait_until_leading().await?;
    for (what, stage) in [("create", Stage::Created), ("change", Stage::Changed), ("delete", Stage::Deleted)] {
        let (before, cpu, begun) = (Counters::read(space).await?, controller.server.read_cpu_time()?, Instant::now());
        let mut followers = Followers::watch(space).await?;
        let changing = change_all(space, 0..SERVERS, what);
        let (requests, followed) = futures::join!(changing, followers.wait_for(SERVERS, stage, begun));
        let (requests, followed) = (requests?, followed?);
        print_times(&format!("{SERVERS} TServers: requests to {what}"), &requests, begun.elapsed());
        print_times(&format!("{SERVERS} TServers: everything follows"), &followed, begun.elapsed());
        println!("  p99 of the requests is {:.2} times that without a controller", percentile(&requests, 99) / alone);
        let after = Counters::read(space).await?;
        println!(
            "  controller {:.2} s of CPU, {:.1} MiB; API server {:.2} s of CPU",
            controller.server.read_cpu_time()? - cpu,
            controller.server.read_memory()?,
            after.cpu - before.cpu
        );
        after.print_difference(&before, SERVERS);
    }
    measure_single_changes(space).await?;
    measure_take_over(space, controller).await?;
    measure_start(space, count).await
}

/// One change after the other, each when everything has followed the one before.
async fn measure_single_changes(space: &Space) -> Result<()> {
    let begun = Instant::now();
    change_all(space, 0..SINGLE, "create").await?;
    Followers::watch(space).await?.wait_for(SINGLE, Stage::Created, begun).await?;
    let mut followers = Followers::watch(space).await?;
    let mut times = Vec::new();
    for number in 0..SINGLE {
        let begun = Instant::now();
        space.change(number).await?;
        times.extend(followers.wait_for_one(number, Stage::Changed, begun).await?);
        // Kubernetes replaces the pod meanwhile, and the cluster is idle again.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    times.sort_by(f64::total_cmp);
    print_times("one TServer changed on an idle cluster: everything follows", &times, sum(&times));
    Ok(())
}

/// The leader dies, and a second instance changes what comes next.
async fn measure_take_over(space: &Space, leader: Controller) -> Result<()> {
    let standby = Controller::start(space)?;
    standby.wait_until_ready().await?;
    let begun = Instant::now();
    drop(leader);
    space.change(0).await?;
    standby.wait_until_leading().await?;
    println!("the leader is killed: another instance leads after {:.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// A cold start with many TServers whose objects exist.
async fn measure_start(space: &Space, count: usize) -> Result<()> {
    {
        let begun = Instant::now();
        let controller = Controller::start(space)?;
        controller.wait_until_leading().await?;
        let mut followers = Followers::watch(space).await?;
        let (requests, followed) =
            futures::join!(change_all(space, SINGLE..count, "create"), followers.wait_for(count, Stage::Created, begun));
        requests?;
        followed?;
        wait_until_quiet(space).await?;
        println!(
            "{count} TServers made and at rest after {:.0} s; controller {:.1} MiB",
            begun.elapsed().as_secs_f64(),
            controller.server.read_memory()?
        );
    }
    let before = Counters::read(space).await?;
    let begun = Instant::now();
    let controller = Controller::start(space)?;
    controller.wait_until_ready().await?;
    println!("{count} TServers: everything is read {:.2} s after the start", begun.elapsed().as_secs_f64());
    // The one before was killed, so its Lease must end first.
    controller.wait_until_leading().await?;
    let leading = Instant::now();
    controller.wait_until_idle(count).await?;
    println!("{count} TServers: every one was looked at {:.2} s after that", leading.elapsed().as_secs_f64());
    let standby = Controller::start(space)?;
    standby.wait_until_ready().await?;
    let after = Counters::read(space).await?;
    println!("  leading {:.1} MiB, standing by {:.1} MiB", controller.server.read_memory()?, standby.server.read_memory()?);
    println!("  writes of the controller at rest: {}", after.count_writes(&before));
    Ok(())
}

/// Waits until nobody writes any more: Kubernetes needs a while to make the pods of many servers.
async fn wait_until_quiet(space: &Space) -> Result<()> {
    for _ in 0..300 {
        let before = Counters::read(space).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        if Counters::read(space).await?.count_writes(&before) == 0.0 {
            return Ok(());
        }
    }
    Err("the cluster does not come to rest".into())
}

/// Makes, changes or deletes the servers with these numbers. Returns the sorted times of the requests in milliseconds.
async fn change_all(space: &Space, numbers: std::ops::Range<usize>, what: &str) -> Result<Vec<f64>> {
    let one = |number: usize| async move {
        let begun = Instant::now();
        match what {
            "create" => drop(space.create_server(number).await?),
            "change" => space.change(number).await?,
            _ => space.delete_server(number).await?,
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(begun.elapsed().as_secs_f64() * 1e3)
    };
    let results: Vec<_> = stream::iter(numbers).map(one).buffer_unordered(CLIENTS).collect().await;
    let mut times = results.into_iter().collect::<Result<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// The sum of times in milliseconds.
fn sum(times: &[f64]) -> Duration {
    Duration::from_secs_f64(times.iter().sum::<f64>() / 1e3)
}

fn print_times(what: &str, sorted: &[f64], all: Duration) {
    println!(
        "{what}: p50 {:.0} ms, p99 {:.0} ms, in all {:.2} s",
        percentile(sorted, 50),
        percentile(sorted, 99),
        all.as_secs_f64()
    );
}

/// The TServer with this number, in its first or second release.
fn build_server(number: usize, release: u32) -> serde_json::Value {
    json!({
        "apiVersion": "k8s.tars.io/v1beta3", "kind": "TServer", "metadata": {"name": format!("bench-s{number}")},
        "spec": {
            "app": "Bench", "server": format!("S{number}"), "subType": "normal",
            "normal": {"ports": [{"name": "http", "port": 8080}]},
            "release": {"id": format!("v{release}"), "image": format!("example.org/bench:{release}")},
            "k8s": {"replicas": 1},
        },
    })
}
