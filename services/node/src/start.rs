//! `tarsnode start`, the main program of the business container: does natively what a start script is specified to do (section 3.2).

use crate::{
    host,
    identity::{MissingError, Setup, read_environment_file},
    launcher::{self, Circumstances, LauncherError},
    paths::Paths,
    process::Additions,
};
use std::{collections::BTreeMap, fs, io, path::PathBuf};

/// Keys of `util/environment` that the start needs.
const KEYS: [&str; 15] = [
    "PodName",
    "PodIP",
    "ListenAddress",
    "ServerApp",
    "ServerName",
    "ServerBaseDir",
    "ServerBinDir",
    "ServerConfDir",
    "ServerDataDir",
    "ServerLogDir",
    "ServerConfFile",
    "ServerLauncherType",
    "TafnodeLauncherFile",
    "TafnodeConfFile",
    "TimezoneLauncherFile",
];

/// Why a container could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The init container did not run.
    #[error("{path} could not be read; the init container tarsnode writes it: {source}")]
    NoEnvironment {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The init container wrote something else.
    #[error(transparent)]
    Missing(#[from] MissingError),
    /// There is no place for the server's files.
    #[error("the directories of the server below {path} could not be made: {source}")]
    Directories {
        /// The server's directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The image has no program.
    #[error(transparent)]
    Launcher(#[from] LauncherError),
}

/// Prepares the container; `get` reads its own environment. Gives the setup, and the variables that the server gets in addition.
pub fn prepare(paths: &Paths, get: &dyn Fn(&str) -> Option<String>) -> Result<(Setup, Additions), StartError> {
    let mut variables = environment(paths)?;
    let of = |variables: &BTreeMap<String, String>, name: &str| variables.get(name).cloned().unwrap_or_default();

    if let Some(zone) = host::zone_name(&paths.localtime(), &paths.zoneinfo()) {
        // Needs root; programs that don't read TZ keep to /etc/localtime.
        let _ = fs::write(paths.timezone(), format!("{zone}\n"));
        variables.insert("TZ".to_owned(), zone);
    }
    let (ip, pod, listen) = (of(&variables, "PodIP"), of(&variables, "PodName"), of(&variables, "ListenAddress"));
    if let Err(problem) = host::add_hosts(&paths.hosts(), &ip, [&pod, &listen]) {
        tracing::info!(%problem, "/etc/hosts stays as it is; the server binds the pod's address");
    }
    let base = PathBuf::from(of(&variables, "ServerBaseDir"));
    host::prepare_directories(&base, &paths.image()).map_err(|source| StartError::Directories { path: base, source })?;

    let server_type = get("ServerType").unwrap_or_default();
    let launcher = launcher::choose(&Circumstances {
        server_type: &server_type,
        server: &of(&variables, "ServerName"),
        bin: &PathBuf::from(of(&variables, "ServerBinDir")),
        conf: &PathBuf::from(of(&variables, "ServerConfFile")),
        get,
    })?;
    variables.insert("ServerType".to_owned(), server_type);
    variables.insert("ServerLauncherFile".to_owned(), launcher.file.display().to_string());
    variables.insert("ServerLauncherArgv".to_owned(), launcher.argv);
    if let Some(libraries) = launcher.libraries {
        variables.insert("LD_LIBRARY_PATH".to_owned(), libraries);
    }
    let setup = Setup::from_environment(|name| variables.get(name).cloned())?;
    Ok((setup, variables))
}

fn environment(paths: &Paths) -> Result<BTreeMap<String, String>, StartError> {
    let path = paths.environment();
    let text = fs::read_to_string(&path).map_err(|source| StartError::NoEnvironment { path, source })?;
    let variables = read_environment_file(&text);
    match KEYS.iter().find(|key| variables.get(**key).is_none_or(String::is_empty)) {
        Some(key) => Err(MissingError::Empty(key).into()),
        None => Ok(variables),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Identity, LauncherType, environment_file};

    fn installed(root: &std::path::Path) -> Paths {
        let paths = Paths::below(root);
        let identity = Identity {
            pod_name: "a-b-0".into(),
            pod_ip: "10.0.0.1".into(),
            app: "A".into(),
            server: "B".into(),
            launcher: LauncherType::Background,
        };
        fs::create_dir_all(paths.environment().parent().unwrap()).unwrap();
        fs::write(paths.environment(), environment_file(&identity.variables(&paths))).unwrap();
        fs::create_dir_all(paths.image()).unwrap();
        fs::write(paths.image().join("B"), "").unwrap();
        paths
    }

    #[test]
    fn a_container_is_prepared_and_prepared_again() {
        let root = tempfile::tempdir().unwrap();
        let paths = installed(root.path());
        let get = |name: &str| (name == "ServerType").then(|| "cpp".to_owned());
        for _ in 0..2 {
            let (setup, additions) = prepare(&paths, &get).unwrap();
            let base = paths.server("A", "B");
            assert_eq!(setup.launcher_file, base.join("bin/B"));
            assert_eq!(setup.launcher_argv, format!("B --config={}", base.join("conf/A.B.config.conf").display()));
            assert_eq!(additions["LD_LIBRARY_PATH"], format!("{0}/bin:{0}/bin/lib", base.display()));
            assert!(!paths.image().join("bin").exists(), "no link inside the image's folder");
        }
    }

    #[test]
    fn without_the_init_container_nothing_starts() {
        let root = tempfile::tempdir().unwrap();
        let problem = prepare(&Paths::below(root.path()), &|_| None).unwrap_err().to_string();
        assert!(problem.contains("init container"), "{problem}");
    }

    #[test]
    fn an_incomplete_environment_file_names_what_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let paths = installed(root.path());
        let text = fs::read_to_string(paths.environment()).unwrap().replace("ServerLogDir=", "ServerLogDir=\nexport Other=");
        fs::write(paths.environment(), text).unwrap();
        let problem = prepare(&paths, &|_| None).unwrap_err();
        assert!(matches!(problem, StartError::Missing(MissingError::Empty("ServerLogDir"))), "{problem}");
    }
}
