//! Chooses the program that runs a server by the language that its image names in `ServerType`
//! (docs/reference/tarsnode.md#3.2.11).

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The program that runs a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    pub file: PathBuf,
    /// Arguments of the program, separated by blanks. The first one is the name of the process.
    pub argv: String,
    /// Value of `LD_LIBRARY_PATH`. Absent for interpreters.
    pub libraries: Option<String>,
}

/// Why no program can run the server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LauncherError {
    #[error(
        "{directory} has neither a program named {server} nor an executable whose name ends in `Server`; build the image with one of them"
    )]
    NoProgram { directory: String, server: String },
    #[error("{program} is not on PATH ({path}); servers of type {server_type} need an image that has it")]
    NoInterpreter { program: &'static str, path: String, server_type: String },
    #[error("environment variable NODE_AGENT_BIN is not set; images of nodejs servers name the node agent in it")]
    NoNodeAgent,
    /// The image does not say how to start a server of this type.
    #[error(
        "ServerType is `{0}`, for which there is no launcher; use cpp, go, nodejs, nodejs-pkg, java-war, java-jar or not-tars, or set \
         ServerLauncherFile and ServerLauncherArgv in the image"
    )]
    UnknownType(String),
}

/// Facts that decide the launcher.
pub struct Circumstances<'a> {
    /// `ServerType` of the image. Empty if the image does not set it.
    pub server_type: &'a str,
    /// Server, as the TServer spells it.
    pub server: &'a str,
    /// Directory of the program.
    pub bin: &'a Path,
    /// File of the rendered configuration.
    pub conf: &'a Path,
    /// Reads an environment variable of the image.
    pub get: &'a dyn Fn(&str) -> Option<String>,
}

/// Chooses the launcher. A type that has no rule here runs what the image sets in `ServerLauncherFile` and `ServerLauncherArgv`.
pub fn choose_launcher(on: &Circumstances<'_>) -> Result<Launcher, LauncherError> {
    let conf = on.conf.display();
    let (bin, server) = (on.bin.display(), on.server);
    let interpreted = |file, argv| Ok(Launcher { file, argv, libraries: None });
    match on.server_type {
        "cpp" | "go" | "nodejs-pkg" => find_native(on),
        "nodejs" => {
            let agent = (on.get)("NODE_AGENT_BIN").filter(|value| !value.is_empty()).ok_or(LauncherError::NoNodeAgent)?;
            make_executable(Path::new(&agent));
            interpreted(find_interpreter("node", on)?, format!("node {agent} {bin}/ -c {conf}"))
        }
        "java-war" => interpreted(
            find_interpreter("java", on)?,
            format!("java -Dconfig={conf} #{{jvmparams}} -cp #{{classpath}} #{{mainclass}}"),
        ),
        "java-jar" => {
            interpreted(find_interpreter("java", on)?, format!("java -Dconfig={conf} #{{jvmparams}} -jar {bin}/{server}.jar"))
        }
        other => match ((on.get)("ServerLauncherFile"), (on.get)("ServerLauncherArgv")) {
            (Some(file), Some(argv)) if !file.is_empty() => interpreted(file.into(), argv),
            _ if other == "not-tars" => find_native(on),
            _ => Err(LauncherError::UnknownType(other.to_owned())),
        },
    }
}

fn find_native(on: &Circumstances<'_>) -> Result<Launcher, LauncherError> {
    let named = on.bin.join(on.server);
    let file = if named.is_file() { Some(named) } else { find_server_below(on.bin) };
    let bin = on.bin.display();
    let file = file.ok_or_else(|| LauncherError::NoProgram { directory: bin.to_string(), server: on.server.to_owned() })?;
    make_executable(&file);
    Ok(Launcher {
        file,
        argv: format!("{} --config={}", on.server, on.conf.display()),
        libraries: Some(format!("{bin}:{bin}/lib")),
    })
}

/// Finds the first executable regular file whose name ends in `Server`. Files come before the contents of folders, both in the order of
/// their names.
fn find_server_below(directory: &Path) -> Option<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let is_server = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with("Server"));
        name && fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let here = entries.iter().find(|path| is_server(path)).cloned();
    here.or_else(|| {
        // A symbolic link could lead back to a folder above.
        let directories = entries.iter().filter(|path| path.is_dir() && !path.is_symlink());
        directories.into_iter().find_map(|path| find_server_below(path))
    })
}

/// Makes the program executable, because some images leave that out. If it fails, the file belongs to another user, and the start of the
/// program says why it fails.
fn make_executable(file: &Path) {
    if let Ok(meta) = fs::metadata(file) {
        let mut permissions = meta.permissions();
        if permissions.mode() & 0o111 != 0o111 {
            permissions.set_mode(permissions.mode() | 0o111);
            let _ = fs::set_permissions(file, permissions);
        }
    }
}

fn find_interpreter(program: &'static str, on: &Circumstances<'_>) -> Result<PathBuf, LauncherError> {
    let path = (on.get)("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| LauncherError::NoInterpreter { program, path: path.clone(), server_type: on.server_type.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Image(tempfile::TempDir);

    impl Image {
        fn with(files: &[(&str, u32)]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            for (name, mode) in files {
                let path = directory.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, "").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
            Self(directory)
        }

        fn choose(&self, server_type: &str, variables: &[(&str, &str)]) -> Result<Launcher, LauncherError> {
            let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            choose_launcher(&Circumstances {
                server_type,
                server: "Hello",
                bin: self.0.path(),
                conf: Path::new("/c.conf"),
                get: &get,
            })
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }
    }

    #[test]
    fn a_native_program_is_named_like_the_server_and_made_executable() {
        let image = Image::with(&[("Hello", 0o644), ("AServer", 0o755)]);
        for kind in ["cpp", "go", "nodejs-pkg", "not-tars"] {
            let launcher = image.choose(kind, &[]).unwrap();
            assert_eq!(launcher.file, image.path("Hello"));
            assert_eq!(launcher.argv, "Hello --config=/c.conf");
            let bin = image.0.path().display();
            assert_eq!(launcher.libraries, Some(format!("{bin}:{bin}/lib")));
        }
        assert_eq!(fs::metadata(image.path("Hello")).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn without_it_the_first_executable_that_ends_in_server_runs() {
        let image = Image::with(&[("PlainServer", 0o644), ("deep/EchoServer", 0o755), ("notes.txt", 0o755)]);
        assert_eq!(image.choose("go", &[]).unwrap().file, image.path("deep/EchoServer"));
    }

    #[test]
    fn an_image_without_program_says_where_it_was_looked_for() {
        let image = Image::with(&[("readme", 0o644)]);
        let problem = image.choose("cpp", &[]).unwrap_err().to_string();
        assert!(problem.contains("named Hello") && problem.contains(&image.0.path().display().to_string()), "{problem}");
    }

    #[test]
    fn interpreted_servers_get_their_arguments() {
        let image = Image::with(&[("node", 0o755), ("java", 0o755), ("agent", 0o644)]);
        let path = image.0.path().display().to_string();
        let agent = image.path("agent").display().to_string();
        let variables = [("PATH", path.as_str()), ("NODE_AGENT_BIN", agent.as_str())];
        for (kind, argv) in [
            ("nodejs", format!("node {agent} {path}/ -c /c.conf")),
            ("java-war", "java -Dconfig=/c.conf #{jvmparams} -cp #{classpath} #{mainclass}".to_owned()),
            ("java-jar", format!("java -Dconfig=/c.conf #{{jvmparams}} -jar {path}/Hello.jar")),
        ] {
            let launcher = image.choose(kind, &variables).unwrap();
            assert_eq!(launcher.argv, argv, "{kind}");
        }
        assert_eq!(image.choose("nodejs", &[("PATH", "/nowhere")]), Err(LauncherError::NoNodeAgent));
        assert!(matches!(
            image.choose("java-jar", &[("PATH", "/nowhere")]),
            Err(LauncherError::NoInterpreter { program: "java", .. })
        ));
    }

    #[test]
    fn other_types_start_as_their_image_says_or_not_at_all() {
        let image = Image::with(&[]);
        let preset = [("ServerLauncherFile", "/usr/bin/php"), ("ServerLauncherArgv", "php index.php start")];
        for kind in ["php", "python", "not-tars", ""] {
            assert_eq!(image.choose(kind, &preset).unwrap().file, Path::new("/usr/bin/php"), "{kind}");
        }
        assert_eq!(image.choose("php", &[]), Err(LauncherError::UnknownType("php".to_owned())));
    }
}
