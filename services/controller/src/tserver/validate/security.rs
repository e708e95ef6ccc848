//! With which rights the containers of a pod run.

use k8s_openapi::api::core::v1::{Capabilities, PodSecurityContext, SecurityContext};
use tars_common::v1beta3::TServerSpec;

/// Security contexts of a pod and its containers. One that says nothing is none.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// The pod.
    pub pod: Option<PodSecurityContext>,
    /// The main container.
    pub main: Option<SecurityContext>,
    /// The init container of tarsnode.
    pub node: Option<SecurityContext>,
}

pub(super) fn security(spec: &TServerSpec) -> Security {
    let pod = spec.k8s.pod_security_context.as_deref().map(PodSecurityContext::from);
    let main = spec.k8s.security_context.as_deref().map(SecurityContext::from);
    let node = main.as_ref().map(without_grants);
    Security { pod: pod.filter(stated), main: main.filter(stated), node: node.filter(stated) }
}

/// What the init container gets of the main container's context: who it is and what it does without, not what it may do.
///
/// - The namespace may enforce the Pod Security Standard `restricted`, which wants `allowPrivilegeEscalation: false` and
///   `capabilities.drop: [ALL]` of every container, and neither can be said of the pod as a whole. A context for the main container
///   only would leave a Tars server without pods.
/// - Both containers write to the work directory of tarsnode, so they should be the same user.
/// - It copies files into a volume, for which it needs no privilege and no capability.
fn without_grants(context: &SecurityContext) -> SecurityContext {
    let dropped = context.capabilities.as_ref().and_then(|capabilities| capabilities.drop.clone());
    SecurityContext {
        privileged: None,
        capabilities: dropped.map(|drop| Capabilities { add: None, drop: Some(drop) }),
        ..context.clone()
    }
}

fn stated<T: Default + PartialEq>(context: &T) -> bool {
    *context != T::default()
}
