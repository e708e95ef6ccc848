//! A Tars server in Rust, which offers the interface of `examples/echo.tars` as `Demo.EchoRust.EchoObj`.

use std::{fs, process::ExitCode};
use tars::{
    application::{Application, ApplicationError},
    server::{Request, ServantError},
};

/// The interface Echo of `examples/echo.tars`.
#[tars::interface]
pub trait Echo {
    /// Returns the message.
    async fn echo(&self, message: String) -> String;

    /// Returns the name of the pod that answers, which shows how calls spread over the replicas.
    async fn hostname(&self) -> String;
}

struct Server {
    hostname: String,
}

impl Echo for Server {
    async fn echo(&self, _: &Request, message: String) -> Result<String, ServantError> {
        Ok(message)
    }

    async fn hostname(&self, _: &Request) -> Result<String, ServantError> {
        Ok(self.hostname.clone())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_ansi(false).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("echo-server: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), ApplicationError> {
    let application = Application::from_arguments()?.version(env!("CARGO_PKG_VERSION"));
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim_end().to_owned();
    application.servant("EchoObj", EchoDispatch(Server { hostname })).bind().await?.run_until_signal().await
}
