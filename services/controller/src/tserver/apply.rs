//! Makes the live objects of a server equal to the built ones. An object that is equal already is not written.
//!
//! ```text
//! wanted ─┐
//! live ───┴─► ours? ─no─► OutControl                    (never changed, never deleted)
//!              └yes─► same as the fields that are ours? ─yes─► silence
//!                                                       └no──► server-side apply, forced, for this uid only
//! ```

mod claim_templates;
mod collect;
mod error;
mod exited_record;
mod local_claims;
mod old_pods;
mod reread;
pub mod rewrites;
mod task;

pub use collect::collect;
pub use error::Error;
pub use reread::reread;

use super::{
    context::Context,
    derived::{Live, Upkeep, Wanted, recipe_of},
    exits::{Entry, choose_limit},
    surroundings::Surroundings,
    validate::Validated,
};
use claim_templates::{make, update_or_replace};
use exited_record::{append, create};
use futures::future::join_all;
use kube::api::PropagationPolicy;
use local_claims::reconcile_claims;
use old_pods::replace_old_pod;
use serde_json::Value;
use std::sync::Arc;
use task::Task;

/// Applies `objects`, records `exits` and corrects the claims, all at once. A failure does not stop the others.
pub async fn apply(
    context: &Context,
    server: &Validated,
    around: &Surroundings,
    objects: &[Wanted],
    exits: &[Entry],
) -> Vec<Error> {
    let limit = choose_limit(around.framework.as_deref());
    let writes = objects.iter().map(|Wanted { kind, object }| {
        let task = Task { context, key: &server.key, uid: &server.uid, kind: *kind, resource: kind.resource() };
        let live = around.live.get(*kind).cloned();
        async move {
            match object {
                Some(wanted) => ensure(&task, wanted, live, exits, limit).await,
                None => remove(&task, live).await,
            }
        }
    });
    let claims = reconcile_claims(context, server, around);
    let (results, claims, pod) = futures::join!(join_all(writes), claims, replace_old_pod(context, server, around));
    results.into_iter().filter_map(Result::err).chain(claims).chain(pod).collect()
}

/// Makes the object exist as wanted.
async fn ensure(task: &Task<'_>, wanted: &Value, cached: Option<Arc<Live>>, exits: &[Entry], limit: usize) -> Result<(), Error> {
    if let Some(live) = &cached {
        task.check_owner(live, wanted)?;
    }
    match (recipe_of(task.kind).upkeep, cached) {
        (Upkeep::Append, None) => create(task, wanted).await,
        (Upkeep::Append, Some(live)) => append(task, wanted, &live, exits, limit).await,
        (Upkeep::Apply, None) => task.make(wanted).await,
        (Upkeep::ApplyOrReplace, None) => make(task, wanted).await,
        (Upkeep::Apply, Some(live)) => task.update(wanted, &live).await,
        (Upkeep::ApplyOrReplace, Some(live)) => update_or_replace(task, wanted, &live).await,
    }
}

/// Deletes an object that is ours and no longer wanted. An object of another owner may stay, because no object of that name is wanted.
async fn remove(task: &Task<'_>, live: Option<Arc<Live>>) -> Result<(), Error> {
    match live.filter(|live| !live.deleting && live.is_of(task.uid)) {
        Some(live) => task.delete(&live, PropagationPolicy::Background).await,
        None => Ok(()),
    }
}
