//! Writes tarsnode's files into the volume that the init container shares with the business container
//! (docs/reference/tarsnode.md#3.2).

use crate::{
    identity::{Identity, LauncherType, format_environment_file},
    paths::Paths,
};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Script that base images run. tarsnode does all of the work, so that images without a shell can run it directly.
const START_SCRIPT: &str = "#!/bin/sh\nexec \"${0%/util/*}/bin/tarsnode\" start \"$@\"\n";
/// Script that scripts of older images source. It does nothing, because `tarsnode start` finds the zone.
const TIMEZONE_SCRIPT: &str = "# The time zone is found by `tarsnode start`.\n:\n";

/// Why the files cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("cannot write {path}, which must be on the volume tarsnode-work-dir: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Addresses of the registry. They differ from the constants in [`crate::objects`] in tests only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Proxy string of `QueryObj`.
    pub locator: String,
    /// Proxy string of `RegistryObj`.
    pub registry: String,
}

/// Copies this program and writes the configuration, the environment and the scripts. Can be repeated.
pub fn install(paths: &Paths, identity: &Identity, addresses: &Addresses) -> Result<(), InstallError> {
    for directory in ["bin", "conf", "util"].map(|name| paths.work().join(name)) {
        fs::create_dir_all(&directory).map_err(|source| InstallError::Write { path: directory.clone(), source })?;
    }
    let program = paths.program();
    // A program that runs cannot be overwritten, but its name can be given to another file.
    std::env::current_exe()
        .and_then(|from| {
            let staged = program.with_extension("new");
            fs::copy(from, &staged)?;
            fs::set_permissions(&staged, fs::Permissions::from_mode(0o755))?;
            fs::rename(staged, &program)
        })
        .map_err(|source| InstallError::Write { path: program.clone(), source })?;
    write_file(&paths.configuration(), &format_configuration(identity, paths, addresses), 0o644)?;
    write_file(&paths.environment(), &format_environment_file(&identity.list_variables(paths)), 0o644)?;
    write_file(&paths.start_script(), START_SCRIPT, 0o755)?;
    write_file(&paths.timezone_script(), TIMEZONE_SCRIPT, 0o755)
}

fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), InstallError> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(|source| InstallError::Write { path: path.to_owned(), source })
}

/// Writes tarsnode's own configuration (docs/reference/tarsnode.md#3.4.1).
fn format_configuration(identity: &Identity, paths: &Paths, addresses: &Addresses) -> String {
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
        locator = addresses.locator,
        registry = addresses.registry,
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

    fn addresses() -> Addresses {
        Addresses {
            locator: "tars.tarsregistry.QueryObj@tcp -h q -p 1".into(),
            registry: "tars.tarsregistry.RegistryObj@tcp -h r -p 2".into(),
        }
    }

    #[test]
    fn all_files_are_there_and_a_second_run_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::below(root.path());
        for _ in 0..2 {
            install(&paths, &identity(LauncherType::Background), &addresses()).unwrap();
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
        let config = |launcher| Config::parse(&format_configuration(&identity(launcher), &paths, &addresses())).unwrap();
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
    fn a_volume_that_cannot_be_written_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("usr"), "").unwrap();
        let problem = install(&Paths::below(root.path()), &identity(LauncherType::Background), &addresses()).unwrap_err();
        assert!(problem.to_string().contains("tarsnode-work-dir"), "{problem}");
    }
}
