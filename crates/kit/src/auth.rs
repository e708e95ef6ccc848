//! Decides who may call which gRPC function (docs/reference/trust.md#3).
//!
//! ```text
//! authorization: Bearer TOKEN ─► TokenReview for our audience ─► who calls ─┐
//! path of the call ─► rights::Rights ─► verb and resource ──────────────────┴─► LocalSubjectAccessReview ─► may or may not
//!                          └─► open: nobody is asked
//! ```
//!
//! Both answers of the API server are kept for a while (docs/reference/trust.md#3.5). Callers that it knows are served although the API
//! server is away. A function that tells or changes objects asks its [`Caller`] for the right to these (docs/reference/trust.md#3.9).

mod cache;
mod caller;
mod metrics;
mod reviews;
mod rights;
#[cfg(test)]
mod tests;

use cache::{Away, Cache};
pub use caller::{Caller, ObjectRight};
use http::{HeaderMap, header::AUTHORIZATION};
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::Client;
pub use metrics::Metrics;
use metrics::Outcome;
use reviews::Reviews;
pub use rights::{Access, Rights, TableError};
use rights::{Need, Right};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tonic::Status;

/// The audience that a token must be made for. A token for the API server is of no use here, and ours is of no use there.
pub const AUDIENCE: &str = "tars.io";
/// The API group of the rights. It has no objects; its resources are the gRPC services.
pub const GROUP: &str = "grpc.tars.io";
/// The `ServiceAccount` of the charts that may call every function that only reads.
const VIEWER: &str = "tars-view";
/// The `ServiceAccount` of the charts that may call every function.
const EDITOR: &str = "tars-edit";

/// What stands for a token in memory.
type TokenKey = [u8; 32];

/// Lets calls pass, or says why not. Clones share what they know.
#[derive(Clone)]
pub struct Guard(Arc<State>);

struct State {
    namespace: String,
    reviews: Reviews,
    callers: Cache<TokenKey, Arc<UserInfo>>,
    permissions: Cache<(TokenKey, Right), ()>,
    objects: Cache<(TokenKey, ObjectRight), ()>,
    metrics: Metrics,
}

impl Guard {
    /// Asks the API server of `client`. The rights of callers are looked up in `namespace`, that of the installation.
    pub fn new(client: Client, namespace: &str, metrics: Metrics) -> Self {
        let reviews = Reviews::new(client, namespace, metrics.clone());
        let (callers, permissions, objects) = (Cache::default(), Cache::default(), Cache::default());
        Self(Arc::new(State { namespace: namespace.to_owned(), reviews, callers, permissions, objects, metrics }))
    }

    /// Decides about a call of `path` with these headers. The value is the caller, or `None` where nobody is asked.
    ///
    /// # Errors
    /// `UNIMPLEMENTED`, `UNAUTHENTICATED`, `PERMISSION_DENIED` or `UNAVAILABLE`, as docs/reference/trust.md#3 says.
    pub async fn admit(&self, rights: &Rights, path: &str, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
        let State { metrics, .. } = &*self.0;
        let Some((method, need)) = rights.find(path) else {
            metrics.count_call("unknown", Outcome::Unlisted);
            return Err(refuse_unlisted(path));
        };
        let result = match need {
            Need::Nothing => Ok(None),
            Need::Right(right) => self.check(right, headers).await.map(Some),
        };
        metrics.count_call(method, Outcome::of(&result));
        result
    }

    async fn check(&self, right: &Right, headers: &HeaderMap) -> Result<Caller, Status> {
        let State { namespace, reviews, callers, permissions, metrics, .. } = &*self.0;
        let token = read_token(headers).ok_or_else(|| {
            Status::unauthenticated(format!(
                "this function needs the header `authorization: Bearer TOKEN`; {}",
                self.say_how_to_get_a_token(right)
            ))
        })?;
        let key: TokenKey = Sha256::digest(token).into();
        let caller = callers.find(key, metrics, reviews.identify(token)).await.map_err(refuse_unknown)?.map_err(|reason| {
            Status::unauthenticated(format!(
                "the API server does not accept the token for the audience {AUDIENCE} ({reason}); {}",
                self.say_how_to_get_a_token(right)
            ))
        })?;
        let caller = Caller { state: self.0.clone(), token: key, user: caller };
        let permission = permissions.find((key, right.clone()), metrics, reviews.permit(&caller.user, right)).await;
        permission.map_err(refuse_unknown)?.map_err(|_reason| {
            Status::permission_denied(format!(
                "{:?} may not {right} in namespace {namespace}; use a token of the ServiceAccount {}, or bind this one to a Role with that right",
                caller.name(),
                suggest_account(right)
            ))
        })?;
        Ok(caller)
    }

    fn say_how_to_get_a_token(&self, right: &Right) -> String {
        let (account, namespace) = (suggest_account(right), &self.0.namespace);
        format!("get one by `kubectl create token {account} -n {namespace} --audience={AUDIENCE}`")
    }
}

const fn suggest_account(right: &Right) -> &'static str {
    match right.access {
        Access::Update => EDITOR,
        Access::Open | Access::Get => VIEWER,
    }
}

fn refuse_unlisted(path: &str) -> Status {
    Status::unimplemented(format!("{path} is not a function of this service"))
}

fn refuse_unknown(_: Away) -> Status {
    Status::unavailable("the API server cannot say at present who calls and what they may do; call again")
}

/// Reads the token. The name of the scheme is compared without case.
fn read_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}
