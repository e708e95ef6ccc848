//! Decides from a TServer and its surroundings what its objects should be, or which faults its spec has.

use super::{
    defaults::Defaults,
    derived::choose_defaults,
    problem::Problem,
    surroundings::Surroundings,
    validate::{Validated, validate},
};
use tars_common::{names::annotation::DEFAULTS, v1beta3::TServer};

/// The validated server with the defaults by which its pods are built, or its faults.
pub fn decide(server: &TServer, around: &Surroundings) -> Result<Validated, Vec<Problem>> {
    let mut validated = validate(server, around.framework.as_deref(), || around.live.find_node_image())?;
    let asked = server.metadata.annotations.as_ref().and_then(|all| all.get(DEFAULTS)).and_then(|text| Defaults::parse(text));
    choose_defaults(&mut validated, around.live.workload().map(|live| &**live), asked);
    Ok(validated)
}
