//! The roles for people (docs/reference/charts-and-images.md#12.2.13): who may read what can hold passwords.

#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by failed expectations, also in their helpers")]

use e2e::{Space, wait_for};
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    rbac::v1::{RoleBinding, RoleRef, Subject},
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

/// Gives the user of this name the built-in role of the same name in the namespace.
async fn bind(space: &Space, role: &str) {
    let binding = RoleBinding {
        metadata: ObjectMeta { name: Some(role.to_owned()), ..ObjectMeta::default() },
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(vec![Subject { kind: "User".to_owned(), name: format!("e2e-{role}"), ..Subject::default() }]),
    };
    space.api::<RoleBinding>().create(&PostParams::default(), &binding).await.expect("a binding");
}

/// Whether the user of [`bind`] may do this.
async fn may(space: &Space, role: &str, verb: &str, resource: &str) -> bool {
    let attributes = ResourceAttributes {
        namespace: Some(space.name.clone()),
        verb: Some(verb.to_owned()),
        group: Some("k8s.tars.io".to_owned()),
        resource: Some(resource.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(format!("e2e-{role}")),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    let reviews: Api<SubjectAccessReview> = Api::all(space.client.clone());
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    reviews.create(&PostParams::default(), &review).await.expect("an answer").status.expect("a status").allowed
}

#[tokio::test]
async fn view_reads_no_objects_that_can_hold_passwords() {
    let space = Space::create("roles").await;
    for role in ["view", "edit", "admin"] {
        bind(&space, role).await;
        // The authorizer sees a new binding a moment later.
        wait_for(&format!("the rights of {role}"), || async { may(&space, role, "get", "tservers").await.then_some(()) }).await;
    }
    for resource in ["tconfigs", "tframeworkconfigs"] {
        for verb in ["get", "list", "watch"] {
            assert!(!may(&space, "view", verb, resource).await, "view may {verb} {resource}");
            assert!(may(&space, "edit", verb, resource).await, "edit may not {verb} {resource}");
            assert!(may(&space, "admin", verb, resource).await, "admin may not {verb} {resource}");
        }
    }
    for role in ["view", "edit", "admin"] {
        assert!(!may(&space, role, "get", "taccounts").await, "{role} may read accounts");
        assert!(!may(&space, role, "get", "tframeworkkeys").await, "{role} may read keys");
    }
    assert!(may(&space, "edit", "update", "tconfigs").await && !may(&space, "view", "update", "tconfigs").await);
    assert!(
        may(&space, "admin", "update", "tframeworkconfigs").await && !may(&space, "edit", "update", "tframeworkconfigs").await
    );
    space.delete().await;
}
