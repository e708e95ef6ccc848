//! The directories of local volumes: the only code that touches the disk.
//!
//! The root is held open as a handle, and a directory is reached from it one validated name at a time, never following a symbolic link.
//! What a pod plants inside its volume therefore leads nowhere. Nothing is ever removed here.

use rustix::{
    fd::OwnedFd,
    fs::{Dir, Gid, Mode, OFlags, StatVfs, Uid, fchmod, fchown, fstat, fstatvfs, mkdirat, open, openat},
    io::Errno,
};
use std::{fmt, path::Path};

/// Permission of the levels above a volume's directory: everybody may pass, nobody but root may change.
const PARENT_MODE: Mode = Mode::from_bits_truncate(0o755);
/// Only these bits of a mode count.
const PERMISSIONS: u32 = 0o777;

/// Who owns a directory, and who may do what there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The nine permission bits.
    pub mode: u32,
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{} mode {:o}", self.uid, self.gid, self.mode)
    }
}

/// Why a directory is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The root cannot be used.
    #[error("cannot open the root of local volumes {path}: {source}; check the mount of the agent's pod")]
    Root {
        /// Its path in the pod.
        path: String,
        /// What the system says.
        source: Errno,
    },
    /// Something else is in the place of the directory.
    #[error("{path} is no directory (a file or a symbolic link is in its place); move it away, the agent removes nothing")]
    NotADirectory {
        /// Path beneath the root.
        path: String,
    },
    /// The system refused.
    #[error("cannot {verb} directory {path}: {source}")]
    System {
        /// What was tried.
        verb: &'static str,
        /// Path beneath the root.
        path: String,
        /// What the system says.
        source: Errno,
    },
}

/// The root of all local volumes of this node.
pub struct Root {
    handle: OwnedFd,
}

impl Root {
    /// Opens the root.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let handle = open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        handle.map(|handle| Self { handle }).map_err(|source| Error::Root { path: path.display().to_string(), source })
    }

    /// Makes sure that the directory at `components` exists and belongs to `owner`. Its contents are left alone. Returns whether
    /// something changed.
    pub fn ensure(&self, components: &[String], owner: Owner) -> Result<bool, Error> {
        let path = components.join("/");
        let mut changed = false;
        let mut directory: Option<OwnedFd> = None;
        for name in components {
            let parent = directory.as_ref().unwrap_or(&self.handle);
            let (next, made) = enter(parent, name, &path)?;
            changed |= made;
            directory = Some(next);
        }
        let Some(directory) = directory else { return Ok(false) };
        Ok(own(&directory, owner, &path)? || changed)
    }

    /// The directories of all volumes that were ever made here, three levels below the root. What cannot be read is left out.
    pub fn directories(&self) -> Vec<[String; 3]> {
        let mut found = Vec::new();
        for namespace in subdirectories(&self.handle) {
            for server in subdirectories(&namespace.1) {
                let mounts = subdirectories(&server.1).into_iter();
                found.extend(mounts.map(|mount| [namespace.0.clone(), server.0.clone(), mount.0]));
            }
        }
        found
    }

    /// Size of the file system and what is free for volumes, in bytes.
    pub fn space(&self) -> Option<(u64, u64)> {
        let StatVfs { f_frsize, f_blocks, f_bavail, .. } = fstatvfs(&self.handle).ok()?;
        Some((f_blocks.saturating_mul(f_frsize), f_bavail.saturating_mul(f_frsize)))
    }
}

/// Opens the directory `name` of `parent`, and makes it first if it is not there.
fn enter(parent: &OwnedFd, name: &str, path: &str) -> Result<(OwnedFd, bool), Error> {
    let system = |verb: &'static str| move |source| Error::System { verb, path: path.to_owned(), source };
    let made = match mkdirat(parent, name, PARENT_MODE) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(system("make")(error)),
    };
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let handle = openat(parent, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOTDIR | Errno::LOOP => Error::NotADirectory { path: path.to_owned() },
        error => system("open")(error),
    })?;
    if made {
        // Whatever the umask of this process took away.
        fchmod(&handle, PARENT_MODE).map_err(system("set the mode of"))?;
    }
    Ok((handle, made))
}

/// The directories in an open directory, with their names. Symbolic links are none.
fn subdirectories(parent: &OwnedFd) -> Vec<(String, OwnedFd)> {
    let Ok(entries) = Dir::read_from(parent) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned));
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    names
        .filter(|name| !name.starts_with('.'))
        .filter_map(|name| openat(parent, name.as_str(), flags, Mode::empty()).ok().map(|handle| (name, handle)))
        .collect()
}

/// Gives an open directory to its owner, where it is not already.
fn own(directory: &OwnedFd, owner: Owner, path: &str) -> Result<bool, Error> {
    let system = |verb: &'static str| move |source| Error::System { verb, path: path.to_owned(), source };
    let stat = fstat(directory).map_err(system("look at"))?;
    let (moved, opened) = ((stat.st_uid, stat.st_gid) != (owner.uid, owner.gid), stat.st_mode & PERMISSIONS != owner.mode);
    if moved {
        fchown(directory, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))
            .map_err(system("change the owner of"))?;
    }
    if opened {
        fchmod(directory, Mode::from_bits_truncate(owner.mode)).map_err(system("set the mode of"))?;
    }
    Ok(moved || opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn me(mode: u32) -> Owner {
        let process = (rustix::process::getuid(), rustix::process::getgid());
        Owner { uid: process.0.as_raw(), gid: process.1.as_raw(), mode }
    }

    fn components() -> [String; 3] {
        ["ledger", "Trade.Audit", "data"].map(str::to_owned)
    }

    #[test]
    fn an_owner_reads_as_its_annotations_do() {
        assert_eq!(Owner { uid: 65532, gid: 0, mode: 0o750 }.to_string(), "65532:0 mode 750");
    }

    #[test]
    fn a_directory_is_made_once_and_its_contents_stay() {
        let base = tempfile::tempdir().unwrap();
        let root = Root::open(base.path()).unwrap();
        assert!(root.ensure(&components(), me(0o700)).unwrap());
        let path = base.path().join("ledger/Trade.Audit/data");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
        assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o7777, 0o755, "others pass through the levels above");
        std::fs::write(path.join("file"), "kept").unwrap();
        assert!(!root.ensure(&components(), me(0o700)).unwrap(), "nothing to do the second time");
        assert!(root.ensure(&components(), me(0o755)).unwrap());
        assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "kept");
        assert_eq!(root.directories(), [components()]);
        let (size, free) = root.space().unwrap();
        assert!(size >= free && free > 0);
    }

    #[test]
    fn symbolic_links_and_files_are_refused_and_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let root = Root::open(base.path()).unwrap();
        std::fs::create_dir_all(base.path().join("ledger/Trade.Audit")).unwrap();
        symlink(outside.path(), base.path().join("ledger/Trade.Audit/data")).unwrap();
        assert!(matches!(root.ensure(&components(), me(0o700)), Err(Error::NotADirectory { .. })));
        symlink(outside.path(), base.path().join("evil")).unwrap();
        let through = ["evil".to_owned(), "Trade.Audit".to_owned(), "data".to_owned()];
        assert!(matches!(root.ensure(&through, me(0o700)), Err(Error::NotADirectory { .. })));
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        std::fs::write(base.path().join("file"), "kept").unwrap();
        let file = ["file".to_owned(), "x".to_owned()];
        assert!(matches!(root.ensure(&file, me(0o700)), Err(Error::NotADirectory { .. })));
        assert_eq!(std::fs::read_to_string(base.path().join("file")).unwrap(), "kept");
    }

    #[test]
    fn a_missing_root_says_where_to_look() {
        let error = Root::open(Path::new("/nonexistent/root")).err().unwrap().to_string();
        assert!(error.contains("/nonexistent/root") && error.contains("check the mount"), "{error}");
    }
}
