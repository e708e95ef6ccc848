//! Where everything is. The directories are fixed by what images and charts contain; tests put them below another root.

use std::path::PathBuf;

/// The fixed paths of a Tars pod, below a root that is `/` outside tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Paths below `root`.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The volume that the init container fills and both containers mount.
    pub fn work(&self) -> PathBuf {
        self.at("usr/local/app/tars/tarsnode")
    }

    /// This program, as the business container sees it.
    pub fn program(&self) -> PathBuf {
        self.work().join("bin/tarsnode")
    }

    /// tarsnode's own configuration.
    pub fn configuration(&self) -> PathBuf {
        self.work().join("conf/tarsnode.conf")
    }

    /// Identity of the pod, as a shell file of `export KEY=VALUE` lines.
    pub fn environment(&self) -> PathBuf {
        self.work().join("util/environment")
    }

    /// What base images run.
    pub fn start_script(&self) -> PathBuf {
        self.work().join("util/start.sh")
    }

    /// Finds the name of the time zone; sourced by scripts of older images.
    pub fn timezone_script(&self) -> PathBuf {
        self.work().join("util/timezone.sh")
    }

    /// Configuration and data of the server `app.server`.
    pub fn server(&self, app: &str, server: &str) -> PathBuf {
        self.work().join(format!("data/{app}.{server}"))
    }

    /// Where images keep the server's program.
    pub fn image(&self) -> PathBuf {
        self.at("usr/local/server/bin")
    }

    /// Logs of all Tars programs of the pod.
    pub fn logs(&self) -> PathBuf {
        self.at("usr/local/app/tars/app_log")
    }

    /// `/etc/hosts`.
    pub fn hosts(&self) -> PathBuf {
        self.at("etc/hosts")
    }

    /// `/etc/localtime`, the host's.
    pub fn localtime(&self) -> PathBuf {
        self.at("etc/localtime")
    }

    /// `/etc/timezone`.
    pub fn timezone(&self) -> PathBuf {
        self.at("etc/timezone")
    }

    /// The time-zone database.
    pub fn zoneinfo(&self) -> PathBuf {
        self.at("usr/share/zoneinfo")
    }
}
