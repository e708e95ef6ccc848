//! Runs tarsnode as a pod does, below a temporary root on this host. The tests serve the registry, and a shell script is the server.

mod support;

use rustix::process::Signal;
use std::time::Duration;
use support::{Pod, Registry};

/// A server that writes a log and ends on SIGTERM. It leaves an orphan behind that ends at once.
const SCRIPT: &str = "#!/bin/sh
trap 'echo terminated >>\"$ServerDataDir/started\"; exit 3' TERM
trap 'echo hangup >>\"$ServerDataDir/started\"' HUP
(sleep 0 &)
mkdir -p \"$ServerLogDir/Demo/Shell\"
echo 'I am up' >\"$ServerLogDir/Demo/Shell/Demo.Shell.log\"
echo \"$@\" >\"$ServerDataDir/arguments\"
echo $$ >>\"$ServerDataDir/started\"
while :; do sleep 0.1; done
";

#[tokio::test]
async fn a_server_is_started_reported_restarted_and_stopped() {
    let mut registry = Registry::start().await;
    let pod = Pod::install("background", SCRIPT, &registry.proxy());
    let mut node = pod.start();

    let first = registry.next("Active/Activating").await;
    assert!(first.pid > 0);
    assert!(pod.data("arguments").await.starts_with("--config="), "the configuration is handed over");
    let rendered = pod.rendered();
    assert!(rendered.contains("endpoint=tcp -h 127.0.0.1 -p 10101 -t 60000"), "the pod's address is bound: {rendered}");
    assert!(rendered.contains("localip=demo-shell-0.demo-shell"), "{rendered}");

    pod.heartbeat(first.pid).await;
    assert_eq!(registry.next("Active/Active").await.pid, first.pid);
    pod.data_with("started", &first.pid.to_string()).await;
    let orphans_are_reaped = || async { support::zombies_of(node.id()).is_empty() };
    support::until(Duration::from_secs(10), orphans_are_reaped).await;

    // An operator restarts the server. It gets SIGTERM, because the script has no admin object.
    let (code, result) = pod.operator().restart_server("Demo", "Shell").await.unwrap();
    assert_eq!((code, result.as_str()), (0, "Success"));
    registry.next("Active/Deactivating").await;
    assert_eq!(registry.next("Active/Inactive").await.crash, None, "it was wanted");
    let second = registry.next("Active/Activating").await;
    assert_ne!(second.pid, first.pid);

    // Signals to the container reach the server.
    pod.data_with("started", &second.pid.to_string()).await;
    support::send(node.id(), Signal::HUP);
    pod.data_with("started", "hangup").await;

    // A command for another server is refused.
    let (code, result) = pod.operator().stop_server("Demo", "Other").await.unwrap();
    assert_eq!(code, -1);
    assert!(result.contains("this pod runs Demo.Shell"), "{result}");

    // A crash is reported at once, and with the last line of the log.
    support::send(second.pid.unsigned_abs(), Signal::KILL);
    let crashed = registry.next("Active/Inactive").await;
    assert_eq!((crashed.pid, crashed.crash.as_deref()), (-1, Some("ended by signal 9 (once): \"I am up\"")));
    pod.operator().start_server("Demo", "Shell").await.unwrap();
    let third = registry.next("Active/Activating").await;
    pod.data_with("started", &third.pid.to_string()).await;

    // When the pod ends, it goes out of service before the process ends.
    support::send(node.id(), Signal::TERM);
    registry.next("Inactive/Deactivating").await;
    registry.next("Inactive/Inactive").await;
    assert_eq!(support::exit_code(&mut node).await, Some(0));
    assert!(!support::alive(third.pid));
}

#[tokio::test]
async fn a_server_starts_when_the_registry_comes_and_restarts_without_it() {
    let reserved = support::free_port();
    let pod = Pod::install("background", SCRIPT, &support::registry_at(reserved));
    let mut node = pod.start();
    pod.log_with("getServerDescriptor").await;

    let mut registry = Registry::start_at(reserved).await;
    let first = registry.next("Active/Activating").await;
    pod.heartbeat(first.pid).await;
    registry.next("Active/Active").await;

    registry.stop().await;
    assert!(support::alive(first.pid), "the server does not notice");
    let started = pod.starts().await;
    pod.operator().restart_server("Demo", "Shell").await.unwrap();
    support::until(Duration::from_secs(40), || async { pod.starts().await > started }).await;
    pod.log_with("starting with the descriptor of the last start").await;

    let mut registry = Registry::start_at(reserved).await;
    let second = registry.next("Active/Activating").await;
    assert_ne!(second.pid, first.pid, "the state is reported when the registry is back");
    support::send(node.id(), Signal::TERM);
    assert_eq!(support::exit_code(&mut node).await, Some(0));
}

#[tokio::test]
async fn in_foreground_mode_the_server_takes_the_place_of_tarsnode() {
    let mut registry = Registry::start().await;
    let pod = Pod::install("foreground", SCRIPT, &registry.proxy());
    let mut node = pod.start();
    pod.data_with("started", &node.id().to_string()).await;
    assert!(pod.rendered().contains("node=tars.tarsnode.ServerObj@"));

    assert_eq!(registry.next("Active/Inactive").await.pid, -1);
    let pid = i32::try_from(node.id()).unwrap();
    pod.heartbeat(pid).await;
    assert_eq!(registry.next("Active/Active").await.pid, pid);

    for child in support::children_of(node.id()) {
        if support::command_of(child).contains("--target=daemon") {
            support::send(child, Signal::TERM);
        }
    }
    support::send(node.id(), Signal::TERM);
    assert_eq!(support::exit_code(&mut node).await, Some(3));
}

#[tokio::test]
async fn the_command_line_of_start_scripts_works() {
    let registry = Registry::start().await;
    let pod = Pod::install("foreground", SCRIPT, &registry.proxy());
    let out = pod.root().join("argvs");
    let config = |target: &str| {
        let mut command = pod.plain_command();
        command.arg(format!("--config={}", pod.configuration().display())).arg(format!("--target={target}"));
        command.arg(format!("--outfile={}", out.display()));
        command
    };
    std::fs::create_dir_all(pod.server().join("conf")).unwrap();
    let status = support::finished(config("config")).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "--config=/the.conf ");
    assert!(pod.rendered().contains("<Demo.Shell.EchoObjAdapter>"));

    assert_eq!(support::finished(config("sideways")).await.code(), Some(255));
    let mut bare = config("config");
    bare.env_remove("PodName");
    assert_eq!(support::finished(bare).await.code(), Some(255));
}

#[test]
fn the_init_container_names_the_variable_that_is_empty() {
    for missing in ["HOSTNAME", "PodName", "PodIP", "ServerApp", "ServerName"] {
        let output = support::install_without(missing);
        assert_eq!(output.status.code(), Some(255));
        assert!(String::from_utf8_lossy(&output.stderr).contains(missing), "{missing}");
    }
}
