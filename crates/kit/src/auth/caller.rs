//! Who calls, and which objects of the cluster they may read or change (docs/reference/trust.md#3.9).

use super::{State, TokenKey, refuse_unknown};
use k8s_openapi::api::authentication::v1::UserInfo;
use std::{fmt, sync::Arc};
use tonic::Status;

/// A verb on an object of the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectRight {
    /// For example `get`.
    pub verb: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The plural name of the kind.
    pub resource: &'static str,
    /// The namespace of the object.
    pub namespace: String,
    /// The name of the object. An empty one stands for all objects of the namespace.
    pub name: String,
}

impl fmt::Display for ObjectRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, resource, namespace, name } = self;
        write!(formatter, "{verb} {resource}.{group}")?;
        if !name.is_empty() {
            write!(formatter, " {name:?}")?;
        }
        write!(formatter, " in namespace {namespace}")
    }
}

/// A caller whom the guard has admitted. It is an extension of the request.
#[derive(Clone)]
pub struct Caller {
    pub(super) state: Arc<State>,
    pub(super) token: TokenKey,
    pub(super) user: Arc<UserInfo>,
}

impl Caller {
    /// The name of the user, such as `system:serviceaccount:tars:tars-view`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.user.username.as_deref().unwrap_or_default()
    }

    /// Checks that the caller has `right`. The answers are kept like those about functions (docs/reference/trust.md#3.5).
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, or `UNAVAILABLE` if the API server does not say.
    pub async fn check(&self, right: &ObjectRight) -> Result<(), Status> {
        let State { reviews, objects, metrics, .. } = &*self.state;
        let permission = objects.find((self.token, right.clone()), metrics, reviews.permit_object(&self.user, right)).await;
        permission.map_err(refuse_unknown)?.map_err(|_reason| {
            let text = format!("{:?} may not {right}; bind it to a Role with that right, or use another account", self.name());
            Status::permission_denied(text)
        })
    }
}
