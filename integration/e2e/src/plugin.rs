//! Runs the plugin `kubectl tars`.

use std::{
    env,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;
use tokio::{sync::OnceCell, task::spawn_blocking};

const PLUGIN: &str = "kubectl-tars";
/// The name under which `kubectl` asks a plugin for completions.
const HELPER: &str = "kubectl_complete-tars";

static BUILT: OnceCell<PathBuf> = OnceCell::const_new();

/// The plugin in a folder of its own, as it is installed for users.
pub struct Plugin(TempDir);

impl Plugin {
    /// Builds the plugin, unless that is done, and installs it.
    ///
    /// # Panics
    /// When it does not build.
    pub async fn install() -> Self {
        let built = BUILT.get_or_init(|| async { spawn_blocking(build).await.expect("a build") }).await;
        let folder = tempfile::tempdir().expect("a folder");
        for name in [PLUGIN, HELPER] {
            symlink(built, folder.path().join(name)).expect("a link");
        }
        Self(folder)
    }

    /// A file of the folder, with this text.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a path").to_owned()
    }

    /// Runs `kubectl` with the plugin on its path.
    ///
    /// # Panics
    /// When there is no `kubectl`.
    pub async fn kubectl(&self, words: &[&str]) -> Output {
        let folders = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
        let path = env::join_paths([self.0.path().to_owned()].into_iter().chain(folders)).expect("a path");
        let mut command = Command::new("kubectl");
        command.args(words).env("PATH", path);
        spawn_blocking(move || command.output()).await.expect("a process").expect("kubectl")
    }

    /// Runs `kubectl tars`, and returns its exit code with the texts of standard output and of standard error.
    ///
    /// # Panics
    /// When a signal ended it.
    pub async fn run(&self, words: &[&str]) -> (i32, String, String) {
        let words: Vec<&str> = ["tars"].into_iter().chain(words.iter().copied()).collect();
        let output = self.kubectl(&words).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a text");
        (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
    }
}

fn build() -> PathBuf {
    // The test runs from target/PROFILE/deps.
    let test = env::current_exe().expect("the path of the test");
    let folder = test.ancestors().nth(2).expect("the folder of the profile");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--locked", "--package", PLUGIN]).current_dir(root);
    assert!(command.status().expect("cargo").success(), "the plugin does not build");
    folder.join(PLUGIN)
}
