//! The state that the parts of this reconciler share: its caches, its queue, its memory, and the ways to write.

use super::{
    apply::rewrites::Rewrites,
    departed::Departed,
    events::PendingWarnings,
    exits::Exits,
    hints::Hints,
    live_objects::DerivedCaches,
    resyncs::Resyncs,
    template::{self, TemplateView},
    views::{self, CachedPod, ClaimView},
};
use crate::{
    engine::{
        Engine,
        cache::{Cache, Key},
        feed::Selection,
        queue::Queue,
        writer::Writer,
    },
    views::Views,
};
use kube::runtime::events::{Recorder, Reporter};
use std::sync::Arc;
use tars_common::names::{CONTROLLER_FIELD_MANAGER, label};

pub struct Context {
    /// The keys of TServers.
    pub queue: Queue<Key>,
    pub views: Views,
    pub pods: Cache<CachedPod>,
    pub claims: Cache<ClaimView>,
    pub templates: Cache<TemplateView>,
    pub derived: DerivedCaches,
    pub writer: Writer,
    pub recorder: Recorder,
    pub exits: Exits,
    pub rewrites: Rewrites,
    pub warnings: PendingWarnings,
    pub departed: Departed,
    pub hints: Hints,
    pub resyncs: Resyncs,
}

impl Context {
    pub fn open(engine: &mut Engine, views: &Views) -> Arc<Self> {
        let of_servers = format!("{},{}", label::SERVER_APP, label::SERVER_NAME);
        let reporter = Reporter { controller: CONTROLLER_FIELD_MANAGER.to_owned(), instance: Some(tars_kit::instance_name()) };
        Arc::new(Self {
            queue: Queue::default(),
            views: views.clone(),
            pods: engine.watch(Selection::every(views::pod_resource()).with_labels(&of_servers), CachedPod::of),
            claims: engine.watch(Selection::every(views::claim_resource()).with_labels(&of_servers), ClaimView::of),
            templates: engine.watch(Selection::every(template::resource()), TemplateView::of),
            derived: DerivedCaches::watch(engine, &of_servers),
            writer: engine.writer(),
            recorder: Recorder::new(engine.client(), reporter),
            exits: Exits::default(),
            rewrites: Rewrites::default(),
            warnings: PendingWarnings::default(),
            departed: Departed::default(),
            hints: Hints::new(engine.client()),
            resyncs: Resyncs::default(),
        })
    }
}
