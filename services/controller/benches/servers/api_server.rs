//! The counters of the API server.

use super::cluster::Space;
use std::collections::BTreeMap;
use tars_bench::Result;

/// The resources that the controller writes.
const RESOURCES: &[&str] = &["tservers", "services", "statefulsets", "tendpoints", "texitedrecords", "poddisruptionbudgets"];
/// The verbs that change something.
const WRITES: &[&str] = &["APPLY", "PATCH", "POST", "PUT", "DELETE"];

pub struct Counters {
    /// Seconds of CPU time.
    pub cpu: f64,
    /// Requests by verb and resource with subresource.
    requests: BTreeMap<(String, String), f64>,
}

impl Counters {
    pub async fn read(space: &Space) -> Result<Self> {
        let text = space.client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
        let mut counters = Self { cpu: 0.0, requests: BTreeMap::new() };
        for line in text.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            if name == "process_cpu_seconds_total" {
                counters.cpu = value;
            } else if name.starts_with("apiserver_request_total{") {
                let label = |key: &str| {
                    name.split(&format!("{key}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default()
                };
                let (resource, subresource) = (label("resource"), label("subresource"));
                let what = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
                *counters.requests.entry((label("verb").to_owned(), what)).or_default() += value;
            }
        }
        Ok(counters)
    }

    /// Prints the requests since `before` for each of `servers` TServers: those of everybody, also of the benchmark and of Kubernetes.
    pub fn print_difference(&self, before: &Self, servers: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let servers = servers as f64;
        let each = self.requests.iter().filter_map(|(key, count)| {
            let more = (count - before.requests.get(key).copied().unwrap_or_default()) / servers;
            (more >= 0.05).then(|| format!("{} {} {more:.1}", key.0, key.1))
        });
        println!("  requests for each TServer: {}", each.collect::<Vec<_>>().join(", "));
    }

    /// The writes since `before` to the objects of the controller.
    pub fn count_writes(&self, before: &Self) -> f64 {
        let written = |((verb, what), count): (&(String, String), &f64)| {
            let more = count - before.requests.get(&(verb.clone(), what.clone())).copied().unwrap_or_default();
            let resource = what.split('/').next().unwrap_or_default();
            if WRITES.contains(&&**verb) && RESOURCES.contains(&resource) { more } else { 0.0 }
        };
        self.requests.iter().map(written).sum()
    }
}
