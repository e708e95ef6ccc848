//! The init container: lays out tarsnode's files in the volume that it shares with the business container (section 3.2).

use crate::{
    identity::{Identity, LauncherType, MissingError, environment_file},
    paths::Paths,
};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// What base images run. All work is done by tarsnode itself, so that images without a shell can run it directly.
const START_SCRIPT: &str = "#!/bin/sh\nexec \"${0%/util/*}/bin/tarsnode\" start \"$@\"\n";
/// Sourced by scripts of older images; `tarsnode start` finds the zone itself.
const TIMEZONE_SCRIPT: &str = "# The time zone is found by `tarsnode start`.\n:\n";

/// Why the files could not be laid out.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The pod template lacks a variable.
    #[error(transparent)]
    Missing(#[from] MissingError),
    /// A file could not be written.
    #[error("{path} could not be written; it must be on the volume tarsnode-work-dir: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where the registry is; outside tests the constants of the framework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// Proxy string of `QueryObj`.
    pub locator: String,
    /// Proxy string of `RegistryObj`.
    pub registry: String,
}

/// Copies this program and writes configuration, environment and scripts. Safe to repeat.
pub fn install(paths: &Paths, identity: &Identity, registry: &Registry) -> Result<(), InstallError> {
    for directory in ["bin", "conf", "util"].map(|name| paths.work().join(name)) {
        fs::create_dir_all(&directory).map_err(|source| InstallError::Write { path: directory.clone(), source })?;
    }
    let program = paths.program();
    // Through another name: the file may be running when the init container is repeated.
    std::env::current_exe()
        .and_then(|from| {
            let staged = program.with_extension("new");
            fs::copy(from, &staged)?;
            fs::set_permissions(&staged, fs::Permissions::from_mode(0o755))?;
            fs::rename(staged, &program)
        })
        .map_err(|source| InstallError::Write { path: program.clone(), source })?;
    write(&paths.configuration(), &configuration(identity, paths, registry), 0o644)?;
    write(&paths.environment(), &environment_file(&identity.variables(paths)), 0o644)?;
    write(&paths.start_script(), START_SCRIPT, 0o755)?;
    write(&paths.timezone_script(), TIMEZONE_SCRIPT, 0o755)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), InstallError> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(|source| InstallError::Write { path: path.to_owned(), source })
}

/// tarsnode's own configuration (section 3.4); the node adapter exists in background mode only.
fn configuration(identity: &Identity, paths: &Paths, registry: &Registry) -> String {
    let listen = identity.listen_address();
    let work = paths.work();
    let (work, logs) = (work.display(), paths.logs());
    let adapter = |name: &str, host: &str, port: u16, servant: &str| {
        format!(
            "      <{name}>
        allow
        endpoint=tcp -h {host} -p {port} -t 60000
        maxconns=1024
        threads=1
        queuecap=100
        queuetimeout=4000
        servant=tars.tarsnode.{servant}
      </{name}>
"
        )
    };
    let node = match identity.launcher {
        LauncherType::Background => adapter("NodeAdapter", &listen, 19385, "NodeObj"),
        LauncherType::Foreground => String::new(),
    };
    format!(
        "<tars>
  <application>
    <server>
      app=tars
      server=tarsnode
      localip={listen}
      local=tcp -h 127.0.0.1 -p 19385 -t 10000
      basepath={work}/bin/
      datapath={work}/data/
      logpath={logs}
      logsize=10M
      config=tars.tarsconfig.ConfigObj
      notify=tars.tarsnotify.NotifyObj
      log=tars.tarslog.LogObj
      logLevel=DEBUG
{server}{node}    </server>
    <client>
      locator={locator}
      sync-invoke-timeout=6000
      async-invoke-timeout=5000
      refresh-endpoint-interval=60000
      report-interval=60000
      stat=tars.tarsstat.StatObj
      property=tars.tarsproperty.PropertyObj
      modulename=tars.tarsnode
    </client>
  </application>
  <node>
    registryObj={registry}
  </node>
</tars>
",
        logs = logs.display(),
        server = adapter("ServerAdapter", "127.0.0.1", 19386, "ServerObj"),
        locator = registry.locator,
        registry = registry.registry,
    )
}

#[cfg(test)]
mod tests {
    use tars::config::Config;

    use super::*;

    fn identity(launcher: LauncherType) -> Identity {
        Identity {
            pod_name: "test-helloserver-0".into(),
            pod_ip: "127.0.0.1".into(),
            app: "Test".into(),
            server: "HelloServer".into(),
            launcher,
        }
    }

    fn registry() -> Registry {
        Registry {
            locator: "tars.tarsregistry.QueryObj@tcp -h q -p 1".into(),
            registry: "tars.tarsregistry.RegistryObj@tcp -h r -p 2".into(),
        }
    }

    #[test]
    fn all_files_are_there_and_a_second_run_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::below(root.path());
        for _ in 0..2 {
            install(&paths, &identity(LauncherType::Background), &registry()).unwrap();
            let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(paths.program()), 0o755);
            assert_eq!(mode(paths.start_script()), 0o755);
            assert_eq!(mode(paths.timezone_script()), 0o755);
            assert!(fs::read_to_string(paths.environment()).unwrap().starts_with("export PodName=test-helloserver-0\n"));
        }
    }

    #[test]
    fn the_configuration_names_both_servants_in_background_mode_and_one_in_foreground_mode() {
        let paths = Paths::below("/");
        let config = |launcher| Config::parse(&configuration(&identity(launcher), &paths, &registry())).unwrap();
        let node = "/tars/application/server/NodeAdapter<endpoint>";
        let server = "/tars/application/server/ServerAdapter<endpoint>";
        let background = config(LauncherType::Background);
        assert_eq!(background.get(node), Some("tcp -h test-helloserver-0.test-helloserver -p 19385 -t 60000"));
        assert_eq!(background.get(server), Some("tcp -h 127.0.0.1 -p 19386 -t 60000"));
        let foreground = config(LauncherType::Foreground);
        assert_eq!(foreground.get(node), None);
        assert_eq!(foreground.get(server), background.get(server));
    }

    #[test]
    fn a_volume_that_can_not_be_written_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("usr"), "").unwrap();
        let problem = install(&Paths::below(root.path()), &identity(LauncherType::Background), &registry()).unwrap_err();
        assert!(problem.to_string().contains("tarsnode-work-dir"), "{problem}");
    }
}
