//! Who the pod is and where its server lives: what the init container learns and hands to the business container in
//! `util/environment`.

use crate::paths::Paths;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// A variable that must be set and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingError {
    /// It is not there, or empty.
    #[error("environment variable {0} is empty; the pod template of a Tars server sets it")]
    Empty(&'static str),
    /// It is not there at all.
    #[error("get {0} error: the environment does not have it; start tarsnode through util/start.sh or `tarsnode start`")]
    Absent(&'static str),
    /// It has a value that makes no sense.
    #[error("environment variable {name} is `{value}`; it must be {allowed}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
}

/// Who runs the server's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LauncherType {
    /// tarsnode starts, watches and restarts it.
    Background,
    /// It is the container's first process and tarsnode only looks on.
    Foreground,
}

impl LauncherType {
    /// As it is written in the environment.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Foreground => "foreground",
        }
    }
}

/// Who the pod is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the pod.
    pub pod_name: String,
    /// Its address.
    pub pod_ip: String,
    /// Application, as the TServer spells it.
    pub app: String,
    /// Server, as the TServer spells it.
    pub server: String,
    /// Who runs the process.
    pub launcher: LauncherType,
}

impl Identity {
    /// Reads what the init container gets (section 3.2). `HOSTNAME` must be there as well; the container runtime sets it.
    pub fn from_init_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, MissingError> {
        let require = |name: &'static str| get(name).filter(|value| !value.is_empty()).ok_or(MissingError::Empty(name));
        require("HOSTNAME")?;
        Ok(Self {
            pod_name: require("PodName")?,
            pod_ip: require("PodIP")?,
            app: require("ServerApp")?,
            server: require("ServerName")?,
            // Anything but `foreground` means background.
            launcher: match get("LauncherType").as_deref() {
                Some("foreground") => LauncherType::Foreground,
                _ => LauncherType::Background,
            },
        })
    }

    /// The stable name under which other pods reach this one, `pod.app-server` in lower case.
    pub fn listen_address(&self) -> String {
        format!("{}.{}-{}", self.pod_name, self.app, self.server).to_lowercase()
    }

    /// `APP.SERVER`.
    pub fn module(&self) -> String {
        format!("{}.{}", self.app, self.server)
    }

    /// The variables of `util/environment`, in its order.
    pub fn variables(&self, paths: &Paths) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.display().to_string();
        let base = paths.server(&self.app, &self.server);
        let conf = base.join("conf");
        vec![
            ("PodName", self.pod_name.clone()),
            ("PodIP", self.pod_ip.clone()),
            ("ListenAddress", self.listen_address()),
            ("ServerApp", self.app.clone()),
            ("ServerName", self.server.clone()),
            ("ServerBaseDir", text(base.clone())),
            ("ServerBinDir", text(base.join("bin"))),
            ("ServerConfFile", text(conf.join(format!("{}.config.conf", self.module())))),
            ("ServerConfDir", text(conf)),
            ("ServerDataDir", text(base.join("data"))),
            ("ServerLogDir", text(paths.logs())),
            ("ServerLauncherType", self.launcher.as_str().to_owned()),
            ("TafnodeLauncherFile", text(paths.program())),
            ("TafnodeConfFile", text(paths.configuration())),
            ("TimezoneLauncherFile", text(paths.timezone_script())),
        ]
    }
}

/// The text of `util/environment`.
pub fn environment_file(variables: &[(&'static str, String)]) -> String {
    variables.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "export {name}={value}");
        text
    })
}

/// Reads `util/environment` back. Lines that are no export are skipped.
pub fn read_environment_file(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .collect()
}

/// Everything that the supervisor reads from its environment (section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Name of the pod.
    pub pod_name: String,
    /// Its address.
    pub pod_ip: String,
    /// `pod.app-server` in lower case.
    pub listen_address: String,
    /// Application.
    pub app: String,
    /// Server.
    pub server: String,
    /// Language of the server, see [`crate::launcher`].
    pub server_type: String,
    /// Working directory of the process.
    pub bin_dir: PathBuf,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Its log directory.
    pub log_dir: PathBuf,
    /// Where its configuration is written.
    pub conf_file: PathBuf,
    /// The program.
    pub launcher_file: PathBuf,
    /// Its arguments, the first of which is its name, separated by blanks.
    pub launcher_argv: String,
    /// Who runs it.
    pub launcher: LauncherType,
}

impl Setup {
    /// Reads the environment. All variables must exist and may be empty, except the launcher type.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, MissingError> {
        let require = |name: &'static str| get(name).ok_or(MissingError::Absent(name));
        let launcher = require("ServerLauncherType")?;
        Ok(Self {
            pod_name: require("PodName")?,
            pod_ip: require("PodIP")?,
            listen_address: require("ListenAddress")?,
            app: require("ServerApp")?,
            server: require("ServerName")?,
            server_type: require("ServerType")?,
            bin_dir: require("ServerBinDir")?.into(),
            data_dir: require("ServerDataDir")?.into(),
            log_dir: require("ServerLogDir")?.into(),
            conf_file: require("ServerConfFile")?.into(),
            launcher_file: require("ServerLauncherFile")?.into(),
            launcher_argv: require("ServerLauncherArgv")?,
            launcher: match launcher.as_str() {
                "background" => LauncherType::Background,
                "foreground" => LauncherType::Foreground,
                _ => {
                    return Err(MissingError::Invalid {
                        name: "ServerLauncherType",
                        value: launcher,
                        allowed: "`background` or `foreground`",
                    });
                }
            },
        })
    }

    /// `APP.SERVER`.
    pub fn module(&self) -> String {
        format!("{}.{}", self.app, self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn init(name: &str) -> Option<String> {
        let value = match name {
            "HOSTNAME" | "PodName" => "test-helloserver-0",
            "PodIP" => "10.244.0.9",
            "ServerApp" => "Test",
            "ServerName" => "HelloServer",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn the_environment_file_has_the_specified_keys() {
        let identity = Identity::from_init_environment(init).unwrap();
        let text = environment_file(&identity.variables(&Paths::below("/")));
        assert_eq!(
            text,
            "export PodName=test-helloserver-0
export PodIP=10.244.0.9
export ListenAddress=test-helloserver-0.test-helloserver
export ServerApp=Test
export ServerName=HelloServer
export ServerBaseDir=/usr/local/app/tars/tarsnode/data/Test.HelloServer
export ServerBinDir=/usr/local/app/tars/tarsnode/data/Test.HelloServer/bin
export ServerConfFile=/usr/local/app/tars/tarsnode/data/Test.HelloServer/conf/Test.HelloServer.config.conf
export ServerConfDir=/usr/local/app/tars/tarsnode/data/Test.HelloServer/conf
export ServerDataDir=/usr/local/app/tars/tarsnode/data/Test.HelloServer/data
export ServerLogDir=/usr/local/app/tars/app_log
export ServerLauncherType=background
export TafnodeLauncherFile=/usr/local/app/tars/tarsnode/bin/tarsnode
export TafnodeConfFile=/usr/local/app/tars/tarsnode/conf/tarsnode.conf
export TimezoneLauncherFile=/usr/local/app/tars/tarsnode/util/timezone.sh
"
        );
        let read = read_environment_file(&text);
        assert_eq!(read.len(), 15);
        assert_eq!(read["ListenAddress"], "test-helloserver-0.test-helloserver");
    }

    #[test]
    fn each_empty_variable_of_the_init_container_is_named() {
        for missing in ["HOSTNAME", "PodName", "PodIP", "ServerApp", "ServerName"] {
            let without = |name: &str| if name == missing { Some(String::new()) } else { init(name) };
            assert_eq!(Identity::from_init_environment(without), Err(MissingError::Empty(missing)));
        }
    }

    #[test]
    fn only_foreground_selects_foreground() {
        for (text, expected) in [
            ("foreground", LauncherType::Foreground),
            ("background", LauncherType::Background),
            ("", LauncherType::Background),
            ("Foreground", LauncherType::Background),
        ] {
            let with = |name: &str| if name == "LauncherType" { Some(text.to_owned()) } else { init(name) };
            assert_eq!(Identity::from_init_environment(with).unwrap().launcher, expected, "{text}");
        }
    }

    #[test]
    fn the_supervisor_needs_each_variable_but_accepts_empty_ones() {
        let full = |name: &str| Some(if name == "ServerLauncherType" { "background".to_owned() } else { String::new() });
        assert!(Setup::from_environment(full).is_ok());
        let without = |name: &str| if name == "ServerType" { None } else { full(name) };
        assert_eq!(Setup::from_environment(without), Err(MissingError::Absent("ServerType")));
        let odd = |_: &str| Some("sideways".to_owned());
        assert!(matches!(Setup::from_environment(odd), Err(MissingError::Invalid { name: "ServerLauncherType", .. })));
    }
}
