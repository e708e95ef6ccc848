//! The metrics of the agent: its steps, the volumes of its node and the disk.

use crate::{disk::Root, identity::Identity};
use k8s_openapi::api::core::v1::PersistentVolume;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
};
use tars_kit::{auth, metrics::Registry, tls::ServingCertificate};

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PhaseLabel {
    phase: String,
}

/// The metrics of this process. Clones share their counters.
#[derive(Clone, Default)]
pub struct Metrics {
    steps: Family<StepLabels, Counter>,
    volumes: Family<PhaseLabel, Gauge>,
    retained: Gauge,
    size: Gauge<u64, AtomicU64>,
    free: Gauge<u64, AtomicU64>,
    /// The callers of gRPC.
    pub callers: auth::Metrics,
    /// The certificate of gRPC.
    pub certificate: ServingCertificate,
}

/// All phases of a volume. The metric needs a 0 for phases without volumes.
const PHASES: [&str; 5] = ["Pending", "Available", "Bound", "Released", "Failed"];

/// The metrics of this service, without samples.
pub fn declare_metrics() -> Registry {
    Metrics::register().1
}

impl Metrics {
    /// Makes the metrics of this service, and the registry that shows them.
    pub fn register() -> (Self, Registry) {
        let mut registry = Registry::new("tarsagent", env!("CARGO_PKG_VERSION"));
        let certificate = ServingCertificate::register(&mut registry);
        let metrics = Self { callers: auth::Metrics::register(&mut registry), certificate, ..Self::default() };
        registry.register_family("steps", "Steps, by kind and outcome", metrics.steps.clone());
        registry.register_family("volumes", "Volumes of this node, by phase", metrics.volumes.clone());
        let help = "Directories whose volume is gone, kept for the return of the server";
        registry.register("retained_directories", help, metrics.retained.clone());
        registry.register("filesystem_size_bytes", "Size of the file system that holds the volumes", metrics.size.clone());
        registry.register("filesystem_free_bytes", "Free space of the file system that holds the volumes", metrics.free.clone());
        (metrics, registry)
    }

    /// Counts a step that has ended.
    pub fn count_step(&self, step: &'static str, succeeded: bool) {
        let outcome = if succeeded { "ok" } else { "failed" };
        self.steps.get_or_create(&StepLabels { step, outcome }).inc();
    }

    /// Counts the volumes of this node, `mine`, and measures its disk.
    pub fn measure(&self, mine: &[Arc<PersistentVolume>], root: &Root) {
        let mut phases: BTreeMap<&str, i64> = PHASES.map(|phase| (phase, 0)).into();
        let mut in_use = BTreeSet::new();
        for volume in mine {
            let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
            *phases.entry(phase).or_default() += 1;
            in_use.extend(Identity::of_volume(volume).map(|identity| identity.list_components()));
        }
        for (phase, count) in phases {
            self.volumes.get_or_create(&PhaseLabel { phase: phase.to_owned() }).set(count);
        }
        let retained = root.list_directories().iter().filter(|directory| !in_use.contains(*directory)).count();
        self.retained.set(i64::try_from(retained).unwrap_or(i64::MAX));
        if let Some((size, free)) = root.measure_space() {
            self.size.set(size);
            self.free.set(free);
        }
    }
}
