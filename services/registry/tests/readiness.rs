//! Checks state reports and the own gate against an API server in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic, too")]

mod support;

use serde_json::json;
use std::time::Duration;
use support::{FakeApi, metrics};
use tarsregistry::readiness::{OwnGate, PodError, Pods, ReportError, Reporter, StateReport, Written};
use tokio_util::sync::CancellationToken;

fn reporter(api: &FakeApi) -> Reporter {
    Reporter::new(Pods::new(api.client(), "tars"), metrics())
}

fn report(present: &str, pid: &str) -> StateReport {
    StateReport::new("test-hello-0".into(), "Active", present, pid.into()).unwrap()
}

fn with_pod() -> FakeApi {
    let api = FakeApi::default();
    api.put_pod("test-hello-0", "Test", "Hello", &json!([]));
    api
}

/// Waits until `holds` is true, at most for 10 s.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), waiting).await.is_ok(), "{what} did not come about");
}

#[tokio::test]
async fn only_active_and_wanted_is_true() {
    let api = with_pod();
    let reporter = reporter(&api);
    for (present, status) in [("Activating", "False"), ("Active", "True"), ("Deactivating", "False"), ("Inactive", "False")] {
        assert_eq!(reporter.report(report(present, "57")).await.unwrap(), Written::Patched);
        let expected = json!([{"type": "tars.io/active", "status": status, "reason": format!("Active/{present}/57")}]);
        assert_eq!(api.conditions("test-hello-0"), expected);
        assert_eq!(reporter.report(report(present, "57")).await.unwrap(), Written::Unchanged);
    }
    let inactive = StateReport::new("test-hello-0".into(), "Inactive", "Active", String::new()).unwrap();
    reporter.report(inactive).await.unwrap();
    assert_eq!(api.conditions("test-hello-0")[0]["status"], "False");
    assert_eq!(api.conditions("test-hello-0")[0]["reason"], "Inactive/Active/", "the slash stays");
    assert_eq!(reporter.under_way(), 0);
}

#[tokio::test]
async fn the_end_of_a_process_is_the_message_of_the_condition_until_it_works() {
    let api = with_pod();
    let reporter = reporter(&api);
    let message = || api.conditions("test-hello-0")[0]["message"].clone();
    let crashed = || report("Inactive", "-1").with_crash("ended with code 1 (once)");
    assert_eq!(reporter.report(crashed()).await.unwrap(), Written::Patched);
    assert_eq!(message(), "ended with code 1 (once)");
    assert_eq!(reporter.report(crashed()).await.unwrap(), Written::Unchanged);
    let again = report("Inactive", "-1").with_crash("ended with code 1 (2 times)");
    assert_eq!(reporter.report(again).await.unwrap(), Written::Patched);
    assert_eq!(message(), "ended with code 1 (2 times)");
    reporter.report(report("Active", "7")).await.unwrap();
    assert_eq!(message(), "", "the text goes");
    reporter.report(report("Inactive", "-1").with_crash(&format!("a\nb\u{1b}{}", "ä".repeat(1_000)))).await.unwrap();
    let text = message().as_str().unwrap().to_owned();
    assert!(text.starts_with("a b ä") && text.chars().count() == 300, "{text}");
}

#[tokio::test]
async fn reports_that_are_wrong_in_themselves_are_refused() {
    for pod in ["", "a/b", "..", "a..b", "-a", "a-", "A", "a b", "a?x=y", "a\r\nHost: b", &"a".repeat(254)] {
        assert!(StateReport::new(pod.into(), "Active", "Active", String::new()).is_err(), "{pod:?}");
    }
    for state in ["", "active", "Active\"}", "Unknown"] {
        assert!(StateReport::new("p-0".into(), state, "Active", String::new()).is_err(), "{state:?}");
        assert!(StateReport::new("p-0".into(), "Active", state, String::new()).is_err(), "{state:?}");
    }
    for (pid, valid) in
        [("", true), ("-1", true), ("4194304", true), ("-", false), ("1/2", false), ("x", false), ("123456789012", false)]
    {
        assert_eq!(StateReport::new("p-0".into(), "Active", "Active", pid.into()).is_ok(), valid, "{pid:?}");
    }
}

#[tokio::test]
async fn only_pods_of_the_server_that_their_name_says_are_touched() {
    let api = FakeApi::default();
    api.put_pod("test-hello-0", "Test", "Other", &json!([]));
    let result = reporter(&api).report(report("Active", "1")).await;
    assert!(matches!(result, Err(ReportError::Pod(PodError::Foreign { .. }))), "{result:?}");
    let missing = StateReport::new("test-absent-0".into(), "Active", "Active", String::new()).unwrap();
    let result = reporter(&api).report(missing).await;
    assert!(matches!(result, Err(ReportError::Pod(PodError::Missing { .. }))), "{result:?}");
    assert!(api.patches().is_empty());
}

#[tokio::test]
async fn failures_that_may_pass_are_tried_again_and_others_are_told() {
    let api = with_pod();
    let reporter = reporter(&api);
    api.fail_next(&[500, 429, 503]);
    assert_eq!(reporter.report(report("Active", "1")).await.unwrap(), Written::Patched);
    assert_eq!(api.seen().len(), 5, "three failures, a get and a patch");
    api.fail_next(&[403]);
    let result = reporter.report(report("Inactive", "1")).await;
    let Err(ReportError::Pod(error @ PodError::Refused { .. })) = result else { panic!("{result:?}") };
    assert!(error.to_string().contains("refused to get pod test-hello-0"), "{error}");
    assert_eq!(reporter.under_way(), 0);
}

#[tokio::test]
async fn reports_of_one_pod_are_written_one_at_a_time_and_the_latest_wins() {
    let api = with_pod();
    let reporter = reporter(&api);
    let gate = api.hold();
    let start = |present: &'static str| {
        let reporter = reporter.clone();
        tokio::spawn(async move { reporter.report(report(present, "1")).await })
    };
    let first = start("Activating");
    until("the first report", || api.seen().len() == 1).await;
    let second = start("Active");
    tokio::task::yield_now().await;
    let third = start("Deactivating");
    until("all reports", || reporter.under_way() == 1).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(api.seen().len(), 1, "the others wait for their turn");
    gate.add_permits(100);
    assert_eq!(first.await.unwrap().unwrap(), Written::Patched);
    let (second, third) = (second.await.unwrap(), third.await.unwrap());
    assert!(matches!(second, Err(ReportError::Superseded(_))), "{second:?}");
    assert_eq!(third.unwrap(), Written::Patched);
    assert_eq!(api.conditions("test-hello-0")[0]["reason"], "Active/Deactivating/1");
    assert_eq!(reporter.under_way(), 0);
}

#[tokio::test]
async fn a_slow_report_does_not_hold_up_those_of_other_pods() {
    let api = with_pod();
    api.put_pod("test-other-0", "Test", "Other", &json!([]));
    let reporter = reporter(&api);
    let gate = api.hold();
    let slow = {
        let reporter = reporter.clone();
        tokio::spawn(async move { reporter.report(report("Active", "1")).await })
    };
    until("the slow report", || api.seen().len() == 1).await;
    let other = StateReport::new("test-other-0".into(), "Active", "Active", String::new()).unwrap();
    let other = {
        let reporter = reporter.clone();
        tokio::spawn(async move { reporter.report(other).await })
    };
    until("the other report", || api.seen().len() == 2).await;
    gate.add_permits(10);
    other.await.unwrap().unwrap();
    slow.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_own_gate_is_opened_repaired_and_closed() {
    let api = FakeApi::default();
    let before =
        json!([{"type": "Ready", "status": "True"}, {"type": "tars.io/active", "status": "True", "reason": "Active/Active"}]);
    api.put_pod("tars-tarsregistry-0", "tars", "tarsregistry", &before);
    let gate = OwnGate::new(Pods::new(api.client(), "tars"), "tars-tarsregistry-0".into());
    let condition = |api: &FakeApi| api.conditions("tars-tarsregistry-0")[1].clone();
    gate.announce_start().await;
    let closed = json!({"type": "tars.io/active", "status": "False", "reason": "Active/Activating"});
    assert_eq!(condition(&api), closed, "the gate of a process that crashed was still open");
    api.fail_next(&[500, 403]);
    let stop = CancellationToken::new();
    let keeper = {
        let (gate, stop) = (gate.clone(), stop.clone());
        tokio::spawn(async move { gate.keep_open(stop).await })
    };
    let open = json!({"type": "tars.io/active", "status": "True", "reason": "Active/Active"});
    until("the open gate", || condition(&api) == open).await;
    stop.cancel();
    keeper.await.unwrap();
    gate.close().await;
    assert_eq!(condition(&api)["status"], "False");
    assert_eq!(condition(&api)["reason"], "Active/Deactivating");
    assert_eq!(api.conditions("tars-tarsregistry-0")[0], json!({"type": "Ready", "status": "True"}));
    assert_eq!(api.patches().len(), 3);
}
