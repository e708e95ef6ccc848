//! `AdminF`: the interface of the object `AdminObj`, which every server has.

/// Takes commands for a running server.
#[crate::interface]
pub trait AdminF {
    /// Stops the server.
    async fn shutdown(&self);

    /// Runs a command, such as `tars.setloglevel DEBUG`, and answers its output.
    async fn notify(&self, command: String) -> String;

    /// Answers the process id. Only newer interface definitions have this function.
    #[tars(default)]
    async fn get_pid(&self) -> i64;
}
