//! `AdminF`: the object `AdminObj` of every server.

/// Commands to a running server.
#[crate::interface]
pub trait AdminF {
    /// Stops the server.
    async fn shutdown(&self);

    /// Runs a command such as `tars.setloglevel DEBUG` and answers its output.
    async fn notify(&self, command: String) -> String;

    /// The process id; newer definitions only.
    #[tars(default)]
    async fn get_pid(&self) -> i64;
}
