//! The number of pods that a StatefulSet should have (docs/reference/controller.md#4.1.3, docs/reference/controller.md#4.1.6).
//!
//! Admission stores only numbers within the bounds, but a number can also come through the scale subresource, or while admission is
//! away. So the controller bounds every number again, and the status says so.

use std::cmp::Ordering;
use tars_common::{
    names::annotation::{MAX_REPLICAS, MIN_REPLICAS},
    replicas::parse_bound,
    v1beta3::TServer,
};

/// The default of Kubernetes for a workload that does not state a number.
const DEFAULT: i32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// How many pods the StatefulSet should have: the stated number within the bounds, and 0 before a release.
    pub count: i32,
    /// The number in the spec, or its default.
    stated: i32,
    released: bool,
}

impl Replicas {
    /// A bound that admission would refuse does not count. If the bounds contradict each other, the upper one holds.
    pub fn of(server: &TServer) -> Self {
        let released = server.spec.release.is_some();
        let stated = server.spec.k8s.replicas.unwrap_or(if released { DEFAULT } else { 0 });
        if !released {
            return Self { count: 0, stated, released };
        }
        let bound = |key: &str| {
            let bound = server.metadata.annotations.as_ref()?.get(key).and_then(|text| parse_bound(text))?;
            i32::try_from(bound).ok()
        };
        let raised = bound(MIN_REPLICAS).map_or(stated, |min| stated.max(min));
        let count = bound(MAX_REPLICAS).map_or(raised, |max| raised.min(max));
        Self { count, stated, released }
    }

    /// Says why another number than the stated one counts; `None` if the stated one does.
    pub fn explain(self) -> Option<String> {
        let Self { count, stated, released } = self;
        let why = match count.cmp(&stated) {
            Ordering::Equal => return None,
            _ if !released => "until spec.release is set".to_owned(),
            Ordering::Less => format!("because of the annotation {MAX_REPLICAS}"),
            Ordering::Greater => format!("because of the annotation {MIN_REPLICAS}"),
        };
        Some(format!("spec.k8s.replicas {stated} counts as {count} {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tserver::fixtures::server;

    const RELEASED: &str = "{ normal: {}, release: { id: a, image: b }, k8s: { replicas: 3 } }";

    fn count(spec: &str, annotations: &[(&str, &str)]) -> (i32, Option<String>) {
        let mut server = server(spec);
        server.metadata.annotations =
            Some(annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        let replicas = Replicas::of(&server);
        (replicas.count, replicas.explain())
    }

    #[test]
    fn a_number_counts_within_the_bounds() {
        assert_eq!(count(RELEASED, &[]), (3, None));
        assert_eq!(count(RELEASED, &[(MIN_REPLICAS, "3"), (MAX_REPLICAS, "3")]), (3, None));
        let below = Some("spec.k8s.replicas 3 counts as 2 because of the annotation tars.io/MaxReplicas".to_owned());
        assert_eq!(count(RELEASED, &[(MAX_REPLICAS, "2")]), (2, below.clone()));
        let above = Some("spec.k8s.replicas 3 counts as 4 because of the annotation tars.io/MinReplicas".to_owned());
        assert_eq!(count(RELEASED, &[(MIN_REPLICAS, "4")]), (4, above));
        assert_eq!(count(RELEASED, &[(MIN_REPLICAS, "4"), (MAX_REPLICAS, "2")]), (2, below));
    }

    #[test]
    fn a_bound_that_admission_refuses_does_not_count() {
        assert_eq!(count(RELEASED, &[(MIN_REPLICAS, "04"), (MAX_REPLICAS, "two")]), (3, None));
    }

    #[test]
    fn nothing_runs_before_a_release_whatever_the_number_and_its_bounds() {
        let why = Some("spec.k8s.replicas 3 counts as 0 until spec.release is set".to_owned());
        assert_eq!(count("{ normal: {}, k8s: { replicas: 3 } }", &[(MIN_REPLICAS, "2")]), (0, why));
        assert_eq!(count("{ normal: {}, k8s: {} }", &[]), (0, None));
        assert_eq!(count("{ normal: {}, release: { id: a, image: b }, k8s: {} }", &[]), (1, None));
    }
}
