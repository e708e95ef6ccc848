//! Deletes the objects of a TServer that is gone. The garbage collector of Kubernetes would do so, too, but later and with more requests
//! (docs/reference/controller.md#7.0.3).

use super::{
    error::Error,
    task::{Write, log_write},
};
use crate::{engine::cache::Key, tserver::context::Context};
use futures::future::join_all;
use tars_common::derived::DerivedKind;

/// Deletes what is left of the TServer that had the name `key`. An object that has changed since it was seen stays until the next run:
/// perhaps it is an orphan by now, whose owner was taken off.
pub async fn collect(context: &Context, key: &Key) -> Result<(), Error> {
    let Some(uid) = context.departed.find(key) else { return Ok(()) };
    let deletions = DerivedKind::ALL.iter().copied().filter_map(|kind| {
        let live = context.derived.get(kind, key).filter(|live| live.is_of(&uid) && !live.deleting)?;
        Some(async move {
            match context.writer.delete_unchanged(&kind.resource(), key, &live.uid, &live.version).await {
                Ok(()) => {
                    log_write(Write::Deleted, kind.name(), key, key);
                    Ok(())
                }
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    Err(Error::Leaving { kind: kind.name(), key: key.clone() })
                }
                Err(source) => Err(Error::api("delete", kind.name(), key, source)),
            }
        })
    });
    join_all(deletions).await.into_iter().collect::<Result<(), Error>>()?;
    context.departed.forget(key, &uid);
    Ok(())
}
