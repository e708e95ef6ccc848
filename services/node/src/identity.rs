//! Facts about the pod and its server, and the environment variables that carry them: the init container writes them into
//! `util/environment` for the business container.

use crate::paths::Paths;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// Why an environment variable cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Absent or empty, in the init container or in `util/environment`.
    #[error("environment variable {0} is empty; the pod template of a Tars server sets it")]
    Empty(&'static str),
    /// Absent where an empty value is allowed. Scripts know the beginning of the message.
    #[error("get {0} error: the environment does not have it; start tarsnode through util/start.sh or `tarsnode start`")]
    Absent(&'static str),
    #[error("environment variable {name} is `{value}`; it must be {allowed}")]
    Invalid { name: &'static str, value: String, allowed: &'static str },
}

/// The process that is the first one of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LauncherType {
    /// tarsnode, which starts, watches and restarts the server.
    Background,
    /// The server. tarsnode only watches its heartbeats.
    Foreground,
}

impl LauncherType {
    /// The value of `ServerLauncherType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Foreground => "foreground",
        }
    }
}

/// The facts that the init container gets from the pod template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub pod_name: String,
    pub pod_ip: String,
    /// Application, as the TServer spells it.
    pub app: String,
    /// Server, as the TServer spells it.
    pub server: String,
    pub launcher: LauncherType,
}

impl Identity {
    /// Reads the environment of the init container (docs/reference/tarsnode.md#3.2.2). It must have `HOSTNAME`, too, which the
    /// container runtime sets.
    pub fn from_init_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let require = |name: &'static str| get(name).filter(|value| !value.is_empty()).ok_or(VariableError::Empty(name));
        require("HOSTNAME")?;
        Ok(Self {
            pod_name: require("PodName")?,
            pod_ip: require("PodIP")?,
            app: require("ServerApp")?,
            server: require("ServerName")?,
            // docs/reference/tarsnode.md#3.2.3
            launcher: match get("LauncherType").as_deref() {
                Some("foreground") => LauncherType::Foreground,
                _ => LauncherType::Background,
            },
        })
    }

    /// Name under which other pods reach this one (docs/reference/tarsnode.md#1.6).
    pub fn listen_address(&self) -> String {
        format!("{}.{}-{}", self.pod_name, self.app, self.server).to_lowercase()
    }

    /// `APP.SERVER`.
    pub fn module(&self) -> String {
        format!("{}.{}", self.app, self.server)
    }

    /// Lists the variables of `util/environment`, in the order of the file (docs/reference/tarsnode.md#3.2.5).
    pub fn list_variables(&self, paths: &Paths) -> Vec<(&'static str, String)> {
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

/// Writes `variables` in the form of `util/environment`.
pub fn format_environment_file(variables: &[(&'static str, String)]) -> String {
    variables.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "export {name}={value}");
        text
    })
}

/// Reads the text of `util/environment`. Skips lines that do not begin with `export`.
pub fn parse_environment_file(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .collect()
}

/// The facts that the business container works with (docs/reference/tarsnode.md#3.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    pub pod_name: String,
    pub pod_ip: String,
    /// Name under which other pods reach this one (docs/reference/tarsnode.md#1.6).
    pub listen_address: String,
    /// Application, as the TServer spells it.
    pub app: String,
    /// Server, as the TServer spells it.
    pub server: String,
    /// Language of the server, which selects its program (docs/reference/tarsnode.md#3.2.11).
    pub server_type: String,
    /// Directory of the program, and the working directory of the server's process.
    pub bin_dir: PathBuf,
    pub data_dir: PathBuf,
    pub log_dir: PathBuf,
    /// File that tarsnode renders the server's configuration into.
    pub conf_file: PathBuf,
    /// The program to run.
    pub launcher_file: PathBuf,
    /// Arguments of the program, separated by blanks. The first one is the name of the process.
    pub launcher_argv: String,
    pub launcher: LauncherType,
}

impl Setup {
    /// Reads the environment. All variables must exist, and all but `ServerLauncherType` may be empty.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let require = |name: &'static str| get(name).ok_or(VariableError::Absent(name));
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
                    return Err(VariableError::Invalid {
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
        let text = format_environment_file(&identity.list_variables(&Paths::below("/")));
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
        let read = parse_environment_file(&text);
        assert_eq!(read.len(), 15);
        assert_eq!(read["ListenAddress"], "test-helloserver-0.test-helloserver");
    }

    #[test]
    fn each_empty_variable_of_the_init_container_is_named() {
        for missing in ["HOSTNAME", "PodName", "PodIP", "ServerApp", "ServerName"] {
            let without = |name: &str| if name == missing { Some(String::new()) } else { init(name) };
            assert_eq!(Identity::from_init_environment(without), Err(VariableError::Empty(missing)));
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
        assert_eq!(Setup::from_environment(without), Err(VariableError::Absent("ServerType")));
        let odd = |_: &str| Some("sideways".to_owned());
        assert!(matches!(Setup::from_environment(odd), Err(VariableError::Invalid { name: "ServerLauncherType", .. })));
    }
}
