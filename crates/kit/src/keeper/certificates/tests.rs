//! Rotates the certificates through three years, with a clock of the test.

use super::*;

fn names() -> Vec<String> {
    ["tars-webhook-service", "tars-webhook-service.tars-system.svc"].map(str::to_owned).to_vec()
}

fn start() -> Timestamp {
    "2026-03-04T15:06:07Z".parse().unwrap()
}

fn first() -> Material {
    plan(None, &names(), false, start()).unwrap().unwrap()
}

#[test]
fn a_new_installation_has_a_trusted_leaf_and_nothing_to_do() {
    let made = first();
    assert!(made.to_served().is_trusted_by(&made.bundle()));
    assert_eq!(made.leaf.names, names());
    assert!(plan(Some(&made), &names(), true, start()).unwrap().is_none());
    let read = Material::from_secret(&made.to_secret()).unwrap();
    assert!(read == made);
}

#[test]
fn what_cannot_be_used_is_replaced() {
    let made = first();
    for key in [CA_CERT, CA_KEY, BUNDLE, LEAF_CERT, LEAF_KEY] {
        let mut data = made.to_secret();
        data.insert(key.to_owned(), ByteString(vec![0xff]));
        assert!(Material::from_secret(&data).is_none(), "{key}");
        data.remove(key);
        assert!(Material::from_secret(&data).is_none(), "{key}");
    }
    let late = start() + AUTHORITY_LIFE + CLOCK_SKEW;
    let renewed = plan(Some(&made), &names(), true, late).unwrap().unwrap();
    assert!(!renewed.to_served().is_trusted_by(&made.bundle()), "an authority that ended is not kept");
}

#[test]
fn a_leaf_is_renewed_with_a_third_left_and_when_names_change() {
    let made = first();
    let day = SignedDuration::from_hours(24);
    assert!(plan(Some(&made), &names(), true, start() + day * 4).unwrap().is_none());
    let renewed = plan(Some(&made), &names(), true, start() + day * 5).unwrap().unwrap();
    assert!(renewed.leaf != made.leaf && renewed.authority == made.authority && renewed.bundle() == made.bundle());
    let other = vec!["other.svc".to_owned()];
    assert_eq!(plan(Some(&made), &other, true, start()).unwrap().unwrap().leaf.names, other);
}

/// Walks through three years in steps of six hours. Replicas see each change of the Secret one step late. At every moment, each leaf
/// that a replica may serve must be trusted by each bundle that may be in place.
#[test]
fn no_leaf_is_served_before_it_is_trusted_through_rotations() {
    let mut now = start();
    let mut stored = first();
    let (mut served, mut placed) = (stored.clone(), stored.bundle());
    let mut authorities = 1;
    while now < start() + AUTHORITY_LIFE * 3 {
        let in_place = placed == stored.bundle();
        if let Some(next) = plan(Some(&stored), &names(), in_place, now).unwrap() {
            authorities += usize::from(next.next.is_some() && stored.next.is_none());
            // The Secret is stored first. A replica that serves the new leaf at once meets the bundle as it was before.
            assert!(next.to_served().is_trusted_by(&placed) || next.authority == stored.authority, "{now}");
            stored = next;
        }
        assert!(stored.to_served().is_trusted_by(&placed), "a replica that reads the Secret now is trusted at {now}");
        placed = stored.bundle();
        assert!(
            served.to_served().is_trusted_by(&placed) && served.leaf.not_after > now,
            "a replica that is late is still trusted at {now}"
        );
        served = stored.clone();
        now += SignedDuration::from_hours(6);
    }
    assert!(authorities >= 4, "{authorities} authorities in three years");
    assert!(stored.trusted.len() <= 3);
}

#[test]
fn a_leaf_of_another_component_follows_the_clock_and_the_authority() {
    let (made, hosts) = (first(), vec!["tars-agent.tars-system.svc".to_owned()]);
    let plan_at =
        |material: &Material, stored: &BTreeMap<String, ByteString>, now| plan_leaf(material, Some(stored), &hosts, now).unwrap();
    let stored = plan_leaf(&made, None, &hosts, start()).unwrap().unwrap();
    assert_eq!(stored[CA_CERT].0, made.bundle().as_bytes());
    assert_eq!(plan_at(&made, &stored, start() + LEAF_LIFE / 2), None);
    let renewed = plan_at(&made, &stored, start() + LEAF_LIFE / 4 * 3).unwrap();
    assert!(renewed[LEAF_CERT] != stored[LEAF_CERT]);

    let renamed = plan_leaf(&made, Some(&stored), &names(), start()).unwrap().unwrap();
    assert!(renamed[LEAF_CERT] != stored[LEAF_CERT]);
    let moved = plan_at(&first(), &stored, start()).unwrap();
    assert!(moved[LEAF_CERT] != stored[LEAF_CERT], "another authority with the same name and time is another authority");
    let mut broken = stored.clone();
    broken.insert(LEAF_KEY.to_owned(), ByteString(vec![0xff]));
    assert!(plan_at(&made, &broken, start()).is_some());
    let mut untrusted = stored.clone();
    untrusted.remove(CA_CERT);
    assert_eq!(plan_at(&made, &untrusted, start()), Some(stored), "only what is missing changes");
}
