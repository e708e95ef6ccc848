//! The paths of a Tars pod. Images and charts contain them, so they never change; tests put them below another root.

use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Puts all paths below `root`, which is `/` outside tests.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn join(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Volume that the init container fills and both containers mount.
    pub fn work(&self) -> PathBuf {
        self.join("usr/local/app/tars/tarsnode")
    }

    /// tarsnode, for the business container.
    pub fn program(&self) -> PathBuf {
        self.work().join("bin/tarsnode")
    }

    /// tarsnode's own configuration.
    pub fn configuration(&self) -> PathBuf {
        self.work().join("conf/tarsnode.conf")
    }

    /// Variables of the pod, as a shell file with lines `export KEY=VALUE`.
    pub fn environment(&self) -> PathBuf {
        self.work().join("util/environment")
    }

    /// Script that base images run.
    pub fn start_script(&self) -> PathBuf {
        self.work().join("util/start.sh")
    }

    /// Script that older images source to find the time zone.
    pub fn timezone_script(&self) -> PathBuf {
        self.work().join("util/timezone.sh")
    }

    /// Directory of the server's program link, configuration and data.
    pub fn server(&self, app: &str, server: &str) -> PathBuf {
        self.work().join(format!("data/{app}.{server}"))
    }

    /// Directory in which images keep the server's program.
    pub fn image(&self) -> PathBuf {
        self.join("usr/local/server/bin")
    }

    /// Directory for the logs of all Tars programs of the pod.
    pub fn logs(&self) -> PathBuf {
        self.join("usr/local/app/tars/app_log")
    }

    pub fn hosts(&self) -> PathBuf {
        self.join("etc/hosts")
    }

    /// Time zone of the node, mounted from there.
    pub fn localtime(&self) -> PathBuf {
        self.join("etc/localtime")
    }

    /// File for the name of the time zone.
    pub fn timezone(&self) -> PathBuf {
        self.join("etc/timezone")
    }

    /// Time-zone database of the image, if it has one.
    pub fn zoneinfo(&self) -> PathBuf {
        self.join("usr/share/zoneinfo")
    }
}
