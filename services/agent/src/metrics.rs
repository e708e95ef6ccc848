//! What the agent counts.

use crate::{disk::Root, identity::Identity};
use k8s_openapi::api::core::v1::PersistentVolume;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU64},
};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PhaseLabel {
    phase: String,
}

/// The agent's metrics. Clones count together.
#[derive(Clone, Default)]
pub struct Metrics {
    steps: Family<StepLabels, Counter>,
    volumes: Family<PhaseLabel, Gauge>,
    retained: Gauge,
    size: Gauge<u64, AtomicU64>,
    free: Gauge<u64, AtomicU64>,
}

/// The phases that a volume can be in; a phase that no volume is in has to go back to 0.
const PHASES: [&str; 5] = ["Pending", "Available", "Bound", "Released", "Failed"];

impl Metrics {
    /// Registers everything.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("steps", "Steps by what was done and how it ended", metrics.steps.clone());
        registry.register("volumes", "Volumes of this node by their phase", metrics.volumes.clone());
        let help = "Directories whose volume is gone; they are kept for the server's return";
        registry.register("retained_directories", help, metrics.retained.clone());
        registry.register("filesystem_size_bytes", "Size of the file system that holds the volumes", metrics.size.clone());
        registry.register("filesystem_free_bytes", "What is free of it", metrics.free.clone());
        metrics
    }

    /// Counts a step.
    pub fn stepped(&self, step: &'static str, succeeded: bool) {
        let outcome = if succeeded { "ok" } else { "failed" };
        self.steps.get_or_create(&StepLabels { step, outcome }).inc();
    }

    /// Looks at the volumes of this node and at its disk.
    pub fn look(&self, mine: &[Arc<PersistentVolume>], root: &Root) {
        let mut phases: BTreeMap<&str, i64> = PHASES.map(|phase| (phase, 0)).into();
        let mut in_use = BTreeSet::new();
        for volume in mine {
            let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
            *phases.entry(phase).or_default() += 1;
            in_use.extend(Identity::of_volume(volume).map(|identity| identity.components()));
        }
        for (phase, count) in phases {
            self.volumes.get_or_create(&PhaseLabel { phase: phase.to_owned() }).set(count);
        }
        let retained = root.directories().iter().filter(|directory| !in_use.contains(*directory)).count();
        self.retained.set(i64::try_from(retained).unwrap_or(i64::MAX));
        if let Some((size, free)) = root.space() {
            self.size.set(size);
            self.free.set(free);
        }
    }
}
