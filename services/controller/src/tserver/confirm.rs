//! Asks the API server itself whether a TServer still exists, before a run makes an object again or adopts an orphan
//! (docs/reference/controller.md#7.0.10).

use super::{context::Context, derived::Wanted, error::Error, live_objects::LiveObjects};
use crate::{engine::cache::Key, views};
use tars_common::v1beta3::TServer;

/// Whether the next writes would harm if `server` were gone by now. Its garbage may be collected already, or its objects may be orphans that
/// are to stay.
pub fn must_confirm(server: &TServer, objects: &[Wanted], live: &LiveObjects) -> bool {
    let was_handled = server.status.is_some();
    objects.iter().filter(|wanted| wanted.object.is_some()).any(|wanted| match live.get(wanted.kind) {
        None => was_handled,
        Some(live) => live.controller.is_none(),
    })
}

/// Fails unless the TServer `key` with `uid` exists and is not being deleted.
pub async fn confirm(context: &Context, key: &Key, uid: &str) -> Result<(), Error> {
    let answer = context.writer.get(&views::server_resource(), key).await;
    let found = answer.map_err(|source| Error::Unconfirmed { key: key.clone(), source: Box::new(source) })?;
    let metadata = found.map(|object| object.metadata).unwrap_or_default();
    if metadata.uid.as_deref() == Some(uid) && metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    Err(Error::Outdated { key: key.clone() })
}
