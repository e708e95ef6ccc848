//! The metrics that are read at each scrape: how long keys wait, and how old the knowledge of each kind is.
//!
//! A worker or a watch that hangs changes nothing any more, so a value that it sets would look well.

use super::{
    cache::Key,
    queue::{Backlog, Queue},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::gauge::ConstGauge,
};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use tars_kit::{
    contact::Contact,
    metrics::{MetricDeclaration, begin, gauge},
};

const QUEUE_LENGTH: MetricDeclaration = gauge("queue_length", &["reconciler"], "Keys that wait for a worker");
const QUEUE_OLDEST: MetricDeclaration = gauge(
    "queue_oldest_seconds",
    &["reconciler"],
    "Time for which the first key has waited for a worker, 0 while this instance does not lead",
);
const WATCH_AGE: MetricDeclaration = gauge(
    "watch_age_seconds",
    &["kind"],
    "Seconds since the API server last sent a list, an event or a bookmark: below 75 at rest; above 120, the cache may be out of date",
);

/// The sources of these metrics. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readings(Arc<RwLock<Sources>>);

#[derive(Debug, Default)]
struct Sources {
    queues: Vec<(&'static str, Queue<Key>)>,
    watches: Vec<(String, Contact)>,
}

impl Readings {
    pub const DECLARATIONS: [MetricDeclaration; 3] = [QUEUE_LENGTH, QUEUE_OLDEST, WATCH_AGE];

    pub fn add_queue(&self, reconciler: &'static str, queue: Queue<Key>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).queues.push((reconciler, queue));
    }

    pub fn add_watch(&self, kind: &str, contact: Contact) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).watches.push((kind.to_owned(), contact));
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let backlogs: Vec<_> = sources.queues.iter().map(|(reconciler, queue)| (*reconciler, queue.backlog())).collect();
        let mut family = begin(&mut encoder, QUEUE_LENGTH)?;
        for (reconciler, Backlog { length, .. }) in &backlogs {
            let length = ConstGauge::new(i64::try_from(*length).unwrap_or(i64::MAX));
            length.encode(family.encode_family(&[("reconciler", *reconciler)])?)?;
        }
        let mut family = begin(&mut encoder, QUEUE_OLDEST)?;
        for (reconciler, Backlog { oldest, .. }) in &backlogs {
            ConstGauge::new(oldest.as_secs_f64()).encode(family.encode_family(&[("reconciler", *reconciler)])?)?;
        }
        let mut family = begin(&mut encoder, WATCH_AGE)?;
        for (kind, contact) in &sources.watches {
            ConstGauge::new(contact.age().as_secs_f64()).encode(family.encode_family(&[("kind", kind.as_str())])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::{encoding::text::encode, registry::Registry};
    use tokio::time::{Duration, advance};

    #[tokio::test(start_paused = true)]
    async fn each_scrape_reads_what_waits_and_how_old_the_caches_are() {
        let (readings, queue, contact) = (Readings::default(), Queue::default(), Contact::default());
        readings.add_queue("tserver", queue.clone());
        readings.add_watch("Pod", contact.clone());
        let mut registry = Registry::default();
        registry.register_collector(Box::new(readings));
        let expect = |expected: [&str; 3]| {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(samples, expected);
        };
        queue.open();
        queue.add(Key::new("bank", "ledger"));
        advance(Duration::from_secs(90)).await;
        expect([
            "queue_length{reconciler=\"tserver\"} 1",
            "queue_oldest_seconds{reconciler=\"tserver\"} 90.0",
            "watch_age_seconds{kind=\"Pod\"} 90.0",
        ]);
        queue.next().await;
        expect([
            "queue_length{reconciler=\"tserver\"} 0",
            "queue_oldest_seconds{reconciler=\"tserver\"} 0.0",
            "watch_age_seconds{kind=\"Pod\"} 90.0",
        ]);
    }
}
