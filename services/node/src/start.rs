//! Sets up the business container for `tarsnode start`: the host names, the time zone, the directories and the program of the server
//! (docs/reference/tarsnode.md#3.2).

use crate::{
    host,
    identity::{Setup, VariableError, parse_environment_file},
    launcher::{Circumstances, LauncherError, choose_launcher},
    paths::Paths,
    process::Additions,
};
use std::{collections::BTreeMap, fs, io, path::PathBuf};

/// Keys of `util/environment` that must have a value.
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

/// Why the container cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The init container did not run, or did not finish.
    #[error("cannot read {path}, which the init container tarsnode writes: {source}")]
    NoEnvironment { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Variable(#[from] VariableError),
    #[error("cannot make the directories of the server below {path}: {source}")]
    Directories { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Launcher(#[from] LauncherError),
}

/// Sets up the container. `get` reads the environment of this process. Returns the setup, and the variables that the server gets in
/// addition to that environment.
pub fn set_up_container(paths: &Paths, get: &dyn Fn(&str) -> Option<String>) -> Result<(Setup, Additions), StartError> {
    let mut variables = read_environment(paths)?;
    let of = |variables: &BTreeMap<String, String>, name: &str| variables.get(name).cloned().unwrap_or_default();

    if let Some(zone) = host::find_zone_name(&paths.localtime(), &paths.zoneinfo()) {
        // Fails without root. Then programs that do not read TZ use /etc/localtime.
        let _ = fs::write(paths.timezone(), format!("{zone}\n"));
        variables.insert("TZ".to_owned(), zone);
    }
    let (ip, pod, listen) = (of(&variables, "PodIP"), of(&variables, "PodName"), of(&variables, "ListenAddress"));
    if let Err(problem) = host::add_host_names(&paths.hosts(), &ip, [&pod, &listen]) {
        tracing::info!(%problem, "cannot write /etc/hosts; the server binds the address of the pod");
    }
    let base = PathBuf::from(of(&variables, "ServerBaseDir"));
    host::make_directories(&base, &paths.image()).map_err(|source| StartError::Directories { path: base, source })?;

    let server_type = get("ServerType").unwrap_or_default();
    let launcher = choose_launcher(&Circumstances {
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

fn read_environment(paths: &Paths) -> Result<BTreeMap<String, String>, StartError> {
    let path = paths.environment();
    let text = fs::read_to_string(&path).map_err(|source| StartError::NoEnvironment { path, source })?;
    let variables = parse_environment_file(&text);
    match KEYS.iter().find(|key| variables.get(**key).is_none_or(String::is_empty)) {
        Some(key) => Err(VariableError::Empty(key).into()),
        None => Ok(variables),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Identity, LauncherType, format_environment_file};

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
        fs::write(paths.environment(), format_environment_file(&identity.list_variables(&paths))).unwrap();
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
            let (setup, additions) = set_up_container(&paths, &get).unwrap();
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
        let problem = set_up_container(&Paths::below(root.path()), &|_| None).unwrap_err().to_string();
        assert!(problem.contains("init container"), "{problem}");
    }

    #[test]
    fn an_incomplete_environment_file_names_what_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let paths = installed(root.path());
        let text = fs::read_to_string(paths.environment()).unwrap().replace("ServerLogDir=", "ServerLogDir=\nexport Other=");
        fs::write(paths.environment(), text).unwrap();
        let problem = set_up_container(&paths, &|_| None).unwrap_err();
        assert!(matches!(problem, StartError::Variable(VariableError::Empty("ServerLogDir"))), "{problem}");
    }
}
