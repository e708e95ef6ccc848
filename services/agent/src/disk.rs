//! Makes the directories of local volumes. Only this file touches the disk, and it never removes anything.
//!
//! The agent keeps the root open and opens each directory from there, one name after the other, without following symbolic links. So a
//! link that a pod leaves in its volume leads the agent nowhere.

use crate::owner::Owner;
use rustix::{
    fd::OwnedFd,
    fs::{Dir, Gid, Mode, OFlags, StatVfs, Uid, fchmod, fchown, fstat, fstatvfs, mkdirat, open, openat},
    io::Errno,
};
use std::path::Path;

/// Mode of the levels above a volume's directory. Everybody may pass, and only root may change them.
const PARENT_MODE: Mode = Mode::from_bits_truncate(0o755);
/// The bits of a mode that the agent sets and compares.
const PERMISSIONS: u32 = 0o777;

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The path is that in the agent's pod.
    #[error("cannot open the root of local volumes {path}: {source}; check the mount of the agent's pod")]
    Root { path: String, source: Errno },
    /// The path begins below the root.
    #[error("{path} is a file or a symbolic link and not a directory; move it away, because the agent removes nothing")]
    NotADirectory { path: String },
    /// The path begins below the root.
    #[error("cannot {verb} directory {path}: {source}")]
    System { verb: &'static str, path: String, source: Errno },
}

/// The root of all local volumes of this node.
pub struct Root {
    handle: OwnedFd,
}

impl Root {
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let handle = open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        handle.map(|handle| Self { handle }).map_err(|source| DiskError::Root { path: path.display().to_string(), source })
    }

    /// Makes sure that the directory at `components` exists and belongs to `owner`, and leaves its contents alone. Returns whether it
    /// changed something.
    pub fn ensure(&self, components: &[String], owner: Owner) -> Result<bool, DiskError> {
        let path = components.join("/");
        let mut changed = false;
        let mut directory: Option<OwnedFd> = None;
        for name in components {
            let parent = directory.as_ref().unwrap_or(&self.handle);
            let (next, made) = open_or_make(parent, name, &path)?;
            changed |= made;
            directory = Some(next);
        }
        let Some(directory) = directory else { return Ok(false) };
        Ok(set_owner(&directory, owner, &path)? || changed)
    }

    /// Lists the directories of all volumes that were ever made on this node. They are three levels below the root. Directories that
    /// cannot be read are left out.
    pub fn list_directories(&self) -> Vec<[String; 3]> {
        let mut found = Vec::new();
        for namespace in open_subdirectories(&self.handle) {
            for server in open_subdirectories(&namespace.1) {
                let mounts = open_subdirectories(&server.1).into_iter();
                found.extend(mounts.map(|mount| [namespace.0.clone(), server.0.clone(), mount.0]));
            }
        }
        found
    }

    /// Measures the size of the file system and its free space, in bytes.
    pub fn measure_space(&self) -> Option<(u64, u64)> {
        let StatVfs { f_frsize, f_blocks, f_bavail, .. } = fstatvfs(&self.handle).ok()?;
        Some((f_blocks.saturating_mul(f_frsize), f_bavail.saturating_mul(f_frsize)))
    }
}

/// Opens the directory `name` in `parent`, and makes it if it is absent. Also returns whether it was absent. `path` is for errors.
fn open_or_make(parent: &OwnedFd, name: &str, path: &str) -> Result<(OwnedFd, bool), DiskError> {
    let system = |verb: &'static str| move |source| DiskError::System { verb, path: path.to_owned(), source };
    let made = match mkdirat(parent, name, PARENT_MODE) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(system("make")(error)),
    };
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let handle = openat(parent, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOTDIR | Errno::LOOP => DiskError::NotADirectory { path: path.to_owned() },
        error => system("open")(error),
    })?;
    if made {
        // The umask of this process may have removed bits.
        fchmod(&handle, PARENT_MODE).map_err(system("set the mode of"))?;
    }
    Ok((handle, made))
}

/// Opens the directories in an open directory, with their names. Leaves out symbolic links and hidden names.
fn open_subdirectories(parent: &OwnedFd) -> Vec<(String, OwnedFd)> {
    let Ok(entries) = Dir::read_from(parent) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned));
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    names
        .filter(|name| !name.starts_with('.'))
        .filter_map(|name| openat(parent, name.as_str(), flags, Mode::empty()).ok().map(|handle| (name, handle)))
        .collect()
}

/// Gives an open directory to `owner`. Returns whether something had to change.
fn set_owner(directory: &OwnedFd, owner: Owner, path: &str) -> Result<bool, DiskError> {
    let system = |verb: &'static str| move |source| DiskError::System { verb, path: path.to_owned(), source };
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
        assert_eq!(root.list_directories(), [components()]);
        let (size, free) = root.measure_space().unwrap();
        assert!(size >= free && free > 0);
    }

    #[test]
    fn symbolic_links_and_files_are_refused_and_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let root = Root::open(base.path()).unwrap();
        std::fs::create_dir_all(base.path().join("ledger/Trade.Audit")).unwrap();
        symlink(outside.path(), base.path().join("ledger/Trade.Audit/data")).unwrap();
        assert!(matches!(root.ensure(&components(), me(0o700)), Err(DiskError::NotADirectory { .. })));
        symlink(outside.path(), base.path().join("evil")).unwrap();
        let through = ["evil".to_owned(), "Trade.Audit".to_owned(), "data".to_owned()];
        assert!(matches!(root.ensure(&through, me(0o700)), Err(DiskError::NotADirectory { .. })));
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        std::fs::write(base.path().join("file"), "kept").unwrap();
        let file = ["file".to_owned(), "x".to_owned()];
        assert!(matches!(root.ensure(&file, me(0o700)), Err(DiskError::NotADirectory { .. })));
        assert_eq!(std::fs::read_to_string(base.path().join("file")).unwrap(), "kept");
    }

    #[test]
    fn a_missing_root_says_where_to_look() {
        let error = Root::open(Path::new("/nonexistent/root")).err().unwrap().to_string();
        assert!(error.contains("/nonexistent/root") && error.contains("check the mount"), "{error}");
    }
}
