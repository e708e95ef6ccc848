//! Chooses the defaults by which the pod template of a server is built.

use super::{live::Live, metadata::is_digest_of, pod::build_pod_template, recipe::Facts};
use crate::tserver::{
    defaults::{Defaults, Making},
    validate::Validated,
};

/// Sets the defaults of `server`, whose workload is `live`. `asked` is the number that the TServer asks for, if any.
///
/// A workload keeps its number as long as the TServer means the same pods. If the pods are replaced anyway, they get the newest defaults.
pub fn choose_defaults(server: &mut Validated, live: Option<&Live>, asked: Option<Defaults>) {
    let Some(Making { defaults, digest }) = live.and_then(|live| live.making()) else {
        server.defaults = Defaults::NEWEST;
        return;
    };
    server.defaults = *defaults;
    // Without a digest nobody knows whether the TServer has changed since.
    if !digest.is_empty() && !is_digest_of(digest, &build_pod_template(server)) {
        server.defaults = Defaults::NEWEST;
    }
    server.defaults = asked.map_or(server.defaults, |asked| asked.max(server.defaults));
}

impl Live {
    /// How the pod template of a workload was made.
    fn making(&self) -> Option<&Making> {
        match &self.facts {
            Facts::StatefulSet(facts) => Some(&facts.making),
            Facts::DaemonSet { making, .. } => Some(making),
            _ => None,
        }
    }
}
