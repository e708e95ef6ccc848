//! TServer: image references that the schema admits and a kubelet does not. The pattern of the schema admits upper case because tags
//! and registries may have it. A repository in upper case would end as `InvalidImageName` on the pod.

use crate::admission::{denial::Denial, json, request::Request};

/// A new image reference must not contain an upper-case repository name. A stored reference may stay.
pub(super) fn validate_images(request: &Request<'_>) -> Result<(), Denial> {
    for pointer in ["/spec/release/image", "/spec/release/nodeImage"] {
        let reference = json::text(request.object, pointer);
        if reference != json::text(request.old, pointer) && repository(reference).contains(|c: char| c.is_ascii_uppercase()) {
            return Err(Denial::invalid_server(
                "6.1.13",
                format!("the repository of image {reference:?} has upper-case letters"),
                format!("write {} in lower case, only the tag may have upper case", pointer.replace('/', ".")),
            )
            .at(pointer));
        }
    }
    Ok(())
}

/// Returns the part of a reference between the registry and the tag or digest. The first component is a registry if it looks like a
/// host; container runtimes use the same criterion.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    let is_host =
        |first: &str| first == "localhost" || first.contains(|c: char| matches!(c, '.' | ':') || c.is_ascii_uppercase());
    let path = name.split_once('/').filter(|(first, _)| is_host(first)).map_or(name, |(_, path)| path);
    path.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Operation, Resource, tests::Fixture};
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
    fn a_new_reference_with_an_upper_case_repository_is_refused() {
        let server = |image: &str, node: &str| json!({"metadata": {"name": "a-b"}, "spec": {"release": {"image": image, "nodeImage": node}}});
        let refused = |fixture: &Fixture| validate_images(&fixture.request()).err().map(|denial| denial.to_string());
        let created = |image: &str, node: &str| refused(&Fixture::create(Resource::Server, server(image, node)));
        assert_eq!(created("Docker.io/tars/x:V1", ""), None);
        assert_eq!(
            created("Docker.io/Tars/X:v1", "").unwrap(),
            "tserver resource is invalid : the repository of image \"Docker.io/Tars/X:v1\" has upper-case letters; write \
             .spec.release.image in lower case, only the tag may have upper case"
        );
        assert!(created("x", "Node").unwrap().contains("write .spec.release.nodeImage in lower case"));
        let mut update = Fixture::create(Resource::Server, server("x", "Node"));
        (update.operation, update.old) = (Operation::Update, update.object.clone());
        assert_eq!(refused(&update), None);
    }
}
