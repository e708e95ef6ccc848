//! What the benchmarks of servers share: a server in a process of its own, what counts of the calls it gets, and the figures.
//!
//! ```text
//! tasks of the benchmark ── calls ──► Server (a process of its own, whose CPU time is its own, too)
//!        │ count                          │
//!        ▼                                ▼
//!     Window: open after a warm-up ──► Figures: calls per second, CPU time of each, latencies
//! ```
//!
//! The calls themselves, and what a right answer is, belong to each benchmark.

#![deny(missing_docs)]

use std::{
    error::Error,
    fmt,
    future::Future,
    net::SocketAddr,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// A benchmark ends with the first error, whatever it is.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long calls are made before they count.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(10);
/// Clock ticks per second in `/proc/PID/stat`; the same on all Linux platforms.
const TICKS: f64 = 100.0;

/// The time in which calls count. Clones are of the same time.
#[derive(Clone, Default)]
pub struct Window(Arc<State>);

#[derive(Default)]
struct State {
    open: AtomicBool,
    over: AtomicBool,
    calls: AtomicU64,
}

impl Window {
    /// Notes `calls` that were answered just now, and says whether they count: only then do their latencies.
    pub fn count(&self, calls: usize) -> bool {
        let open = self.0.open.load(Relaxed);
        if open {
            self.0.calls.fetch_add(calls.try_into().unwrap_or_default(), Relaxed);
        }
        open
    }

    /// Whether to stop calling.
    pub fn is_over(&self) -> bool {
        self.0.over.load(Relaxed)
    }
}

/// A server in a process of its own, which ends with this value.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts `command`. Connect to it [`patiently`].
    pub fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn()?))
    }

    /// Starts this program once more, with `arguments` that make it a server.
    pub fn start_this<const N: usize>(arguments: [&str; N]) -> Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).args(arguments))
    }

    /// The figures of `callers`, which call this server until `window` is over and give the latencies of calls that count, in
    /// microseconds.
    pub async fn measure(&self, time: Duration, window: Window, callers: Vec<JoinHandle<Result<Vec<f64>>>>) -> Result<Figures> {
        tokio::time::sleep(WARM_UP).await;
        let (start, cpu) = (Instant::now(), self.cpu()?);
        window.0.open.store(true, Relaxed);
        tokio::time::sleep(time).await;
        window.0.open.store(false, Relaxed);
        let (elapsed, cpu) = (start.elapsed(), self.cpu()? - cpu);
        window.0.over.store(true, Relaxed);
        let mut latencies = Vec::new();
        for caller in callers {
            latencies.extend(caller.await??);
        }
        latencies.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 calls")]
        let calls = window.0.calls.load(Relaxed) as f64;
        Ok(Figures { rate: calls / elapsed.as_secs_f64(), cpu: cpu * 1e6 / calls, latencies })
    }

    /// CPU time so far, in seconds.
    fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        // utime and stime, counted from the field behind the name.
        Ok((ticks(11) + ticks(12)) / TICKS)
    }

    /// Resident memory in MiB.
    pub fn rss(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        Ok(line.split_whitespace().nth(1).unwrap_or_default().parse::<f64>()? / 1024.0)
    }
}

/// What was measured. Shown, it is the right part of a table's row, below [`Figures::COLUMNS`].
pub struct Figures {
    /// Calls per second.
    pub rate: f64,
    /// CPU time of the server for each call, in microseconds.
    cpu: f64,
    /// In microseconds, sorted.
    latencies: Vec<f64>,
}

impl Figures {
    /// What the columns of figures are called.
    pub const COLUMNS: &str = "per second  CPU us each    p50 us    p99 us";

    fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.0} {:>12.2} {:>9.0} {:>9.0}", self.rate, self.cpu, self.percentile(50), self.percentile(99))
    }
}

/// An address on this machine that nobody listens on.
pub fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Connects to a process that is still starting.
pub async fn patiently<T, E, F>(mut connect: impl FnMut() -> F) -> Result<T>
where
    E: Error + Send + Sync + 'static,
    F: Future<Output = std::result::Result<T, E>>,
{
    let give_up = Instant::now() + START;
    loop {
        match connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() > give_up => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_below_their_names() {
        let latencies = (0..200).map(f64::from).collect();
        let figures = Figures { rate: 61_234.0, cpu: 7.891, latencies };
        assert_eq!(figures.to_string(), "     61234         7.89       100       198");
        assert_eq!(figures.to_string().len(), Figures::COLUMNS.len());
    }

    #[test]
    fn nothing_measured_is_no_latency() {
        assert!(Figures { rate: 0.0, cpu: 0.0, latencies: Vec::new() }.percentile(50).is_nan());
    }

    #[tokio::test]
    async fn only_calls_within_the_window_count() {
        let (server, window) = (Server::start(Command::new("sleep").arg("60")).unwrap(), Window::default());
        let caller = tokio::spawn({
            let window = window.clone();
            async move {
                assert!(!window.count(1_000_000));
                while !window.count(0) {
                    tokio::task::yield_now().await;
                }
                window.count(7);
                while !window.is_over() {
                    tokio::task::yield_now().await;
                }
                Ok(vec![3.0, 1.0, 2.0])
            }
        });
        let figures = server.measure(Duration::from_millis(50), window.clone(), vec![caller]).await.unwrap();
        assert_eq!(window.0.calls.load(Relaxed), 7);
        assert_eq!(figures.latencies, [1.0, 2.0, 3.0]);
        assert!(server.rss().unwrap() > 0.0);
    }
}
