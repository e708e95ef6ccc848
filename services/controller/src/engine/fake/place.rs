//! Paths of the API.

/// The parts of a path such as `/apis/apps/v1/namespaces/bank/statefulsets/ledger-audit/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Such as `/apis/apps/v1`.
    pub group: &'a str,
    /// Empty for all namespaces, or for a kind that has none.
    pub namespace: &'a str,
    pub plural: &'a str,
    /// Empty for a collection.
    pub name: &'a str,
}

impl<'a> Place<'a> {
    pub fn of(path: &'a str) -> Self {
        let length = if path.starts_with("/api/") { 3 } else { 4 };
        let end = path.match_indices('/').nth(length - 1).map_or(path.len(), |(at, _)| at);
        let (group, rest) = path.split_at(end);
        let mut parts = rest.split('/').skip(1);
        let mut next = || parts.next().unwrap_or_default();
        let (first, second) = (next(), next());
        let third = next();
        if first == "namespaces" && !third.is_empty() {
            return Self { group, namespace: second, plural: third, name: next() };
        }
        Self { group, namespace: "", plural: first, name: second }
    }

    /// Group and plural: what a watch of all namespaces asks for.
    pub fn collection(&self) -> String {
        format!("{}/{}", self.group, self.plural)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_group_namespace_kind_and_object() {
        let parts = |path: &'static str| {
            let place = Place::of(path);
            [place.group, place.namespace, place.plural, place.name]
        };
        assert_eq!(parts("/api/v1/nodes/one"), ["/api/v1", "", "nodes", "one"]);
        assert_eq!(parts("/api/v1/pods"), ["/api/v1", "", "pods", ""]);
        assert_eq!(parts("/apis/apps/v1/namespaces/bank/statefulsets/a/status"), ["/apis/apps/v1", "bank", "statefulsets", "a"]);
        assert_eq!(parts("/apis/events.k8s.io/v1/namespaces/bank/events"), ["/apis/events.k8s.io/v1", "bank", "events", ""]);
    }
}
