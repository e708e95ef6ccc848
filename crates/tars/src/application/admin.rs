//! The admin object of an application (`docs/reference/wire.md#10.16`).

use crate::{
    framework::admin::AdminF,
    server::{Request, ServantError},
};
use std::process;
use tokio_util::sync::CancellationToken;

/// Answers tarsnode, which passes on the commands of operators.
#[derive(Debug)]
pub(super) struct Admin {
    pub(super) version: String,
    pub(super) stop: CancellationToken,
}

impl AdminF for Admin {
    async fn shutdown(&self, _: &Request) -> Result<(), ServantError> {
        tracing::info!("tarsnode asks the server to stop");
        self.stop.cancel();
        Ok(())
    }

    async fn notify(&self, _: &Request, command: String) -> Result<String, ServantError> {
        Ok(match command.split_whitespace().next().unwrap_or_default() {
            "tars.viewversion" => self.version.clone(),
            "tars.help" => "tars.help\ntars.viewversion\n".to_owned(),
            _ => format!("{command} not support now!"),
        })
    }

    async fn get_pid(&self, _: &Request) -> Result<i64, ServantError> {
        Ok(process::id().into())
    }
}
