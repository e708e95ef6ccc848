//! Pods as the cache keeps them: packed, because a cluster has more pods than anything else.

use super::PodView;
use crate::engine::{
    cache::{Key, View},
    packed::{Packed, Packer},
};
use kube::api::DynamicObject;

static PACKER: Packer = Packer::new();

/// A pod with what a listener must know of it.
#[derive(Debug)]
pub struct CachedPod {
    packed: Packed,
    server: Option<Key>,
    /// Whether its condition Ready is True.
    pub ready: bool,
}

impl CachedPod {
    pub fn of(object: DynamicObject) -> Result<Self, serde_json::Error> {
        let pod = PodView::of(object)?;
        Ok(Self { packed: PACKER.pack(&serde_json::to_value(&pod)?), server: pod.server_key(), ready: pod.is_ready() })
    }

    /// Unpacks the pod.
    pub fn read(&self) -> PodView {
        // The value was made from a PodView, so it becomes one again.
        serde_json::from_value(self.packed.unpack()).unwrap_or_default()
    }
}

impl View for CachedPod {
    fn group(&self) -> Option<Key> {
        self.server.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_is_unpacked_as_it_was() {
        let container = json!({"name": "ledger-audit", "image": "registry/audit", "imageID": "sha256:1", "ready": true, "restartCount": 2,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "why"}},
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "message": "no port left", "finishedAt": "2030-01-01T00:00:00Z"}}});
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "ledger-audit-0", "namespace": "bank", "uid": "uid-of-pod", "creationTimestamp": "2030-01-01T00:00:00Z",
                "deletionTimestamp": "2030-01-01T00:01:00Z",
                "labels": {"tars.io/ServerApp": "Ledger", "tars.io/ServerName": "Audit", "tars.io/ServerID": "r1"}},
            "spec": {"nodeName": "one", "containers": [{"name": "ledger-audit", "image": "registry/audit"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-ledger-audit-0"}}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "hostIP": "10.0.0.2", "containerStatuses": [container],
                "conditions": [{"type": "Ready", "status": "True", "reason": "Fine", "message": "yes"}]},
        });
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let (whole, cached) = (PodView::of(object.clone()).unwrap(), CachedPod::of(object).unwrap());
        assert_eq!(format!("{whole:?}"), format!("{:?}", cached.read()));
        assert_eq!((cached.group(), cached.ready), (whole.server_key(), whole.is_ready()));
    }
}
