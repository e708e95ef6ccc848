//! cert-manager makes the certificates: its Secret is read, the bundles are kept, and an old authority stays trusted beside a new one
//! (docs/reference/trust.md#2.8).

use super::*;
use jiff::SignedDuration;
use k8s_openapi::ByteString;
use tars_kit::keeper::plan;

fn issued_path() -> String {
    secret_path().replace(source::OWN_SECRET, source::ISSUED_SECRET)
}

/// Does what cert-manager does: stores a leaf with its key and the certificate of its authority. Each call has a new authority.
fn issue(world: &Shared, now: Timestamp) {
    let names = [format!("{SERVICE}.{NAMESPACE}.svc")];
    let data = plan(None, &names, false, now).unwrap().unwrap().to_secret();
    let leaf = data.into_iter().filter(|(key, _)| ["ca.crt", "tls.crt", "tls.key"].contains(&key.as_str())).collect();
    store_issued(world, &leaf);
}

fn store_issued(world: &Shared, data: &BTreeMap<String, ByteString>) {
    let metadata = json!({"name": source::ISSUED_SECRET, "namespace": NAMESPACE});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data});
    world.lock().unwrap().objects.insert(issued_path(), secret);
}

fn authority(world: &Shared) -> String {
    let secret: Secret = serde_json::from_value(world.lock().unwrap().objects[&issued_path()].clone()).unwrap();
    String::from_utf8(secret.data.unwrap()["ca.crt"].0.clone()).unwrap()
}

async fn make_follower_of_cert_manager(world: &Shared) -> Keeper {
    Keeper { issuer: Issuer::CertManager, ..make_keeper(world).await }
}

#[tokio::test]
async fn an_issued_certificate_is_served_and_placed_and_no_secret_is_written() {
    let world = make_world(&Carrier::ALL);
    for verb in [Method::POST, Method::PUT] {
        world.lock().unwrap().forbid(verb.clone(), "secrets");
        world.lock().unwrap().forbid(verb, "-tls");
    }
    let keeper = make_follower_of_cert_manager(&world).await;
    let (mut memory, now) = (Memory::default(), Timestamp::now());
    let _ = keeper.run_pass(true, &mut memory, now).await;
    assert!(!keeper.certificate.is_loaded(), "cert-manager has not issued it yet");
    issue(&world, now);
    assert!(keeper.run_pass(true, &mut memory, now).await.unwrap());
    assert!(keeper.certificate.is_loaded() && keeper.health.is_ready());
    for carrier in Carrier::ALL {
        assert_eq!(bundles(&world, carrier), [authority(&world)], "{}", carrier.name());
    }
    assert_eq!(object(&world, "configmaps", "tars-ca").unwrap()["data"], json!({"ca.crt": authority(&world)}));
}

#[tokio::test]
async fn a_new_authority_is_trusted_beside_the_old_one_before_its_leaf_is_served() {
    let world = make_world(&Carrier::ALL);
    let (leader, follower) = (make_follower_of_cert_manager(&world).await, make_follower_of_cert_manager(&world).await);
    let (mut by_leader, mut by_follower) = (Memory::default(), Memory::default());
    let mut now = Timestamp::now();
    issue(&world, now);
    for _ in 0..2 {
        leader.run_pass(true, &mut by_leader, now).await.unwrap();
        follower.run_pass(false, &mut by_follower, now).await.unwrap();
    }
    let (old, first) = (by_leader.served.clone().unwrap(), authority(&world));
    issue(&world, now);
    let both = format!("{first}{}", authority(&world));
    for _ in 0..2 {
        follower.run_pass(false, &mut by_follower, now).await.unwrap();
        leader.run_pass(true, &mut by_leader, now).await.unwrap();
        for memory in [&by_leader, &by_follower] {
            assert!(memory.served.as_ref() == Some(&old), "API servers may not have seen the new bundle yet");
        }
        for carrier in Carrier::ALL {
            assert_eq!(bundles(&world, carrier), [both.as_str()]);
        }
    }
    // The Secret may go for a moment, and come back.
    let secret = world.lock().unwrap().objects.remove(&issued_path()).unwrap();
    leader.run_pass(true, &mut by_leader, now).await.unwrap();
    assert_eq!(bundles(&world, Carrier::Mutating), [both.as_str()]);
    world.lock().unwrap().objects.insert(issued_path(), secret);
    now += SignedDuration::from_secs(60);
    leader.run_pass(true, &mut by_leader, now).await.unwrap();
    follower.run_pass(false, &mut by_follower, now).await.unwrap();
    for memory in [&by_leader, &by_follower] {
        assert!(memory.served.as_ref().is_some_and(|served| !served.has_authority_of(&old)));
    }
    // When the old authority has ended, nobody needs to trust it.
    now += SignedDuration::from_hours(366 * 24);
    issue(&world, now);
    leader.run_pass(true, &mut by_leader, now).await.unwrap();
    assert_eq!(bundles(&world, Carrier::Mutating), [authority(&world)]);
}

#[tokio::test]
async fn a_deleted_or_broken_secret_takes_nothing_away() {
    let world = make_world(&Carrier::ALL);
    let keeper = make_follower_of_cert_manager(&world).await;
    let (mut memory, now) = (Memory::default(), Timestamp::now());
    issue(&world, now);
    keeper.run_pass(true, &mut memory, now).await.unwrap();
    let bundle = bundles(&world, Carrier::Mutating);
    for broken in [None, Some(BTreeMap::new()), Some(BTreeMap::from([("tls.crt".to_owned(), ByteString(vec![0xff]))]))] {
        world.lock().unwrap().objects.remove(&issued_path());
        if let Some(data) = broken {
            store_issued(&world, &data);
        }
        // Somebody edits a bundle at the same time.
        let object = build_carrier(Carrier::Mutating, SERVICE);
        world.lock().unwrap().objects.insert(path(Carrier::Mutating), object);
        keeper.run_pass(true, &mut memory, now).await.unwrap();
        assert_eq!(bundles(&world, Carrier::Mutating), bundle);
        assert!(keeper.certificate.is_loaded() && keeper.health.is_ready());
    }
}

/// A change of the issuer replaces the pods one by one: a new pod must be ready although a pod of the former issuer still leads, and no
/// leaf may be served that a bundle does not trust.
#[tokio::test]
async fn a_change_of_the_issuer_there_and_back_fails_no_review() {
    let (world, mut now) = (make_world(&Carrier::ALL), Timestamp::now());
    let (old, mut by_old) = (make_keeper(&world).await, Memory::default());
    old.run_pass(true, &mut by_old, now).await.unwrap();
    let check = |memories: [&Memory; 2], at: &str| {
        for (memory, carrier) in memories.into_iter().flat_map(|memory| Carrier::ALL.map(|carrier| (memory, carrier))) {
            let served = memory.served.as_ref().expect("a leaf");
            assert!(served.is_trusted_by(&bundles(&world, carrier)[0]), "{at}: {}", carrier.name());
        }
    };

    issue(&world, now);
    let (new, mut by_new) = (make_follower_of_cert_manager(&world).await, Memory::default());
    new.run_pass(false, &mut by_new, now).await.unwrap();
    assert!(new.health.is_ready(), "it serves the leaf that the bundles trust");
    check([&by_old, &by_new], "both");
    for _ in 0..3 {
        new.run_pass(true, &mut by_new, now).await.unwrap();
        check([&by_old, &by_new], "the new one leads");
        old.run_pass(false, &mut by_old, now).await.unwrap();
        check([&by_old, &by_new], "the old one follows");
        now += SignedDuration::from_secs(40);
    }
    let issued = by_new.served.clone().unwrap();
    assert!(issued.is_trusted_by(&authority(&world)), "the leaf of cert-manager is served");

    // The Secret of the first issuer is gone, and a pod without cert-manager comes back.
    world.lock().unwrap().objects.remove(&secret_path());
    let (back, mut by_back) = (make_keeper(&world).await, Memory::default());
    back.run_pass(false, &mut by_back, now).await.unwrap();
    assert!(back.health.is_ready() && by_back.served.as_ref() == Some(&issued));
    for _ in 0..2 {
        back.run_pass(true, &mut by_back, now).await.unwrap();
        check([&by_back, &by_new], "the first issuer leads again");
    }
    assert!(by_back.served.as_ref().is_some_and(|served| !served.has_authority_of(&issued)));
    // When the Secret of cert-manager is deleted, nobody trusts its authority any more.
    world.lock().unwrap().objects.remove(&issued_path());
    back.run_pass(true, &mut by_back, now).await.unwrap();
    assert!(!issued.is_trusted_by(&bundles(&world, Carrier::Mutating)[0]));
}
