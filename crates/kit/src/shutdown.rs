//! From a signal to an orderly stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first SIGTERM or SIGINT.
///
/// The kubelet sends SIGTERM and waits `terminationGracePeriodSeconds`; whoever holds the token stops taking new work, finishes
/// what it began and returns. A second signal ends the process at once, for people at a terminal.
///
/// # Errors
/// When the signal handlers cannot be installed, which the operating system refuses only for want of resources.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if std::mem::replace(&mut asked, true) {
                tracing::warn!(signal = name, "second signal, ending at once");
                std::process::exit(130);
            }
            tracing::info!(signal = name, "stopping");
            stop.cancel();
        }
    });
    Ok(token)
}
