//! TServer: image references that the schema admits and no kubelet takes. Its pattern has upper case for the sake of tags and
//! registries; a repository in upper case would end as `InvalidImageName` on the pod.

use super::super::{Denial, Kind, Request, json};

/// What has an upper-case repository is refused where it is new; one that is stored already stays.
pub(super) fn references(request: &Request<'_>) -> Result<(), Denial> {
    for pointer in ["/spec/release/image", "/spec/release/nodeImage"] {
        let reference = json::text(request.object, pointer);
        if reference != json::text(request.old, pointer) && repository(reference).contains(|c: char| c.is_ascii_uppercase()) {
            return Err(Denial::invalid(
                Kind::Server,
                format!("the repository of image {reference:?} has upper-case letters"),
                format!("write {} in lower case, only its tag may have others", pointer.replace('/', ".")),
            ));
        }
    }
    Ok(())
}

/// A reference without registry, tag and digest. The first component is a registry when it looks like a host, as the runtimes have it.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    let is_host =
        |first: &str| first == "localhost" || first.contains(|c: char| matches!(c, '.' | ':') || c.is_ascii_uppercase());
    let path = name.split_once('/').filter(|(first, _)| is_host(first)).map_or(name, |(_, path)| path);
    path.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::super::{Operation, tests::Fixture};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_repository_is_between_registry_and_tag() {
        for (reference, expected) in [
            ("", ""),
            ("audit", "audit"),
            ("Audit:V1", "Audit"),
            ("tars/Audit", "tars/Audit"),
            ("docker.io/tars/audit:V1", "tars/audit"),
            ("Docker.io/Tars/X:v1", "Tars/X"),
            ("HOST/x", "x"),
            ("localhost/X", "X"),
            ("10.0.0.1:5000/a/B:T@sha256:0A", "a/B"),
            ("a@sha256:0A", "a"),
        ] {
            assert_eq!(repository(reference), expected, "{reference}");
        }
    }

    #[test]
    fn upper_case_is_refused_where_it_is_new() {
        let server = |image: &str, node: &str| json!({"metadata": {"name": "a-b"}, "spec": {"release": {"image": image, "nodeImage": node}}});
        let refused = |fixture: &Fixture| references(&fixture.request()).err().map(|denial| denial.to_string());
        let created = |image: &str, node: &str| refused(&Fixture::create(Kind::Server, server(image, node)));
        assert_eq!(created("Docker.io/tars/x:V1", ""), None);
        assert_eq!(
            created("Docker.io/Tars/X:v1", "").unwrap(),
            "tserver resource is invalid : the repository of image \"Docker.io/Tars/X:v1\" has upper-case letters; write \
             .spec.release.image in lower case, only its tag may have others"
        );
        assert!(created("x", "Node").unwrap().contains("write .spec.release.nodeImage in lower case"));
        let mut update = Fixture::create(Kind::Server, server("x", "Node"));
        (update.operation, update.old) = (Operation::Update, update.object.clone());
        assert_eq!(refused(&update), None);
    }
}
