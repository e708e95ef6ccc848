//! Measures the calls that a benchmark makes to a server in a process of its own, and prints the figures.
//!
//! ```text
//! tasks of the benchmark ── calls ──► Server: a process whose CPU time the kernel counts
//!        │ count                          │
//!        ▼                                ▼
//!     Window: open after a warm-up ──► Figures: calls per second, CPU time of each call, latencies
//! ```
//!
//! Each benchmark makes its calls and checks their answers itself. This crate stands below the crates that have benchmarks.

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

/// How long calls are made before they are counted.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(10);
/// The clock ticks per second in `/proc/PID/stat`. They are the same on all Linux platforms.
const TICKS: f64 = 100.0;

/// The time in which calls are counted. All clones mean the same time.
#[derive(Clone, Default)]
pub struct Window(Arc<State>);

#[derive(Default)]
struct State {
    open: AtomicBool,
    over: AtomicBool,
    calls: AtomicU64,
}

impl Window {
    /// Counts `calls` that were answered just now. Returns whether the window is open; if not, their latencies do not count
    /// either.
    pub fn count(&self, calls: usize) -> bool {
        let open = self.0.open.load(Relaxed);
        if open {
            self.0.calls.fetch_add(calls.try_into().unwrap_or_default(), Relaxed);
        }
        open
    }

    /// Whether the measurement is over, so that callers stop.
    pub fn is_over(&self) -> bool {
        self.0.over.load(Relaxed)
    }
}

/// A server in a process of its own. Dropping this value kills the process.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts `command`. It may not listen yet, so connect with [`connect_when_ready`].
    pub fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn()?))
    }

    /// Starts this same program as the server. The `arguments` tell it to be one.
    pub fn start_this<const N: usize>(arguments: [&str; N]) -> Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).args(arguments))
    }

    /// Measures the calls of `callers` for `time`. Each caller calls this server until `window` is over and returns the latencies
    /// of the counted calls, in microseconds.
    pub async fn measure(&self, time: Duration, window: Window, callers: Vec<JoinHandle<Result<Vec<f64>>>>) -> Result<Figures> {
        tokio::time::sleep(WARM_UP).await;
        let (start, cpu) = (Instant::now(), self.read_cpu_time()?);
        window.0.open.store(true, Relaxed);
        tokio::time::sleep(time).await;
        window.0.open.store(false, Relaxed);
        let (elapsed, cpu) = (start.elapsed(), self.read_cpu_time()? - cpu);
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

    /// Reads the CPU time that the process has used so far, in seconds.
    pub fn read_cpu_time(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        // `utime` and `stime`, counted from the field behind the name of the program.
        Ok((ticks(11) + ticks(12)) / TICKS)
    }

    /// Reads how much memory of the process is resident, in MiB.
    pub fn read_memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        Ok(line.split_whitespace().nth(1).unwrap_or_default().parse::<f64>()? / 1024.0)
    }
}

/// The results of a measurement. It is printed as the right part of a row, below [`Figures::COLUMNS`].
pub struct Figures {
    /// Calls per second.
    pub rate: f64,
    /// CPU time of the server per call, in microseconds.
    pub cpu: f64,
    /// Latencies in microseconds, sorted.
    latencies: Vec<f64>,
}

impl Figures {
    /// The names of the columns.
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

/// Finds an address of this machine that nobody listens on.
pub fn find_free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Repeats `connect` until it succeeds, for 10 s at most. The process that it connects to may still be starting.
pub async fn connect_when_ready<T, E, F>(mut connect: impl FnMut() -> F) -> Result<T>
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
        assert!(server.read_memory().unwrap() > 0.0);
    }
}
