//! Sets up the files that a server expects in its container: names in `/etc/hosts`, the time zone, directories.
//!
//! Many images run without root. A step that needs root is therefore skipped where it fails, and the server runs without it
//! (docs/reference/tarsnode.md#3.2.8).

use jiff::{Timestamp, tz::TimeZone};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Adds the names of the pod to `/etc/hosts`, so that they resolve inside the container. Names that are there already are not added
/// again.
///
/// Fails without root; [`choose_bind_host`] then avoids the names.
pub fn add_host_names(hosts: &Path, pod_ip: &str, names: [&str; 2]) -> io::Result<()> {
    let present = fs::read_to_string(hosts)?;
    let missing = names.iter().filter(|name| !list_names(&present).any(|known| known == **name));
    let missing = missing.fold(String::new(), |lines, name| lines + pod_ip + " " + name + "\n");
    if missing.is_empty() { Ok(()) } else { OpenOptions::new().append(true).open(hosts)?.write_all(missing.as_bytes()) }
}

/// Chooses the host that the server binds: its listen address if `/etc/hosts` contains it, else the address of the pod.
///
/// DNS does not count: it knows the listen address only when the pod is ready, and the pod is ready only after the server has bound.
pub fn choose_bind_host(hosts: &Path, listen_address: &str, pod_ip: &str) -> String {
    let present = fs::read_to_string(hosts).unwrap_or_default();
    let known = list_names(&present).any(|name| name.eq_ignore_ascii_case(listen_address));
    if known || pod_ip.is_empty() { listen_address.to_owned() } else { pod_ip.to_owned() }
}

fn list_names(hosts: &str) -> impl Iterator<Item = &str> {
    hosts.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1))
}

/// Makes the directories of the server and the link to the folder of its program. Keeps what an earlier start has made.
pub fn make_directories(base: &Path, image: &Path) -> io::Result<()> {
    for directory in ["conf", "data"] {
        fs::create_dir_all(base.join(directory))?;
    }
    let link = base.join("bin");
    match fs::read_link(&link) {
        Ok(target) if target == image => return Ok(()),
        Ok(_) => fs::remove_file(&link)?,
        Err(_) => {}
    }
    std::os::unix::fs::symlink(image, &link)
}

/// Finds the name of the zone in `/etc/localtime`. `None` if the image has no time-zone database, or one without this zone.
pub fn find_zone_name(localtime: &Path, zoneinfo: &Path) -> Option<String> {
    let wanted = Zone::read(localtime)?;
    let mut found = Vec::new();
    collect_zones(zoneinfo, Path::new(""), &wanted, &mut found);
    found.sort();
    // One zone can have several names. Prefer one with a place, such as `Asia/Shanghai`, to one like `PRC`.
    found.iter().find(|name| name.contains('/') && !name.starts_with("Etc/")).or(found.first()).cloned()
}

/// The parts of a zone file that two files of the same zone have in common (docs/reference/tarsnode.md#3.2.7).
#[derive(PartialEq)]
struct Zone {
    footer: Vec<u8>,
    transitions: Vec<(Timestamp, i32)>,
}

impl Zone {
    fn read(file: &Path) -> Option<Self> {
        let data = fs::read(file).ok()?;
        let zone = TimeZone::tzif("", &data).ok()?;
        let from: Timestamp = "2010-01-01T00:00:00Z".parse().ok()?;
        let to: Timestamp = "2030-01-01T00:00:00Z".parse().ok()?;
        let mut transitions = vec![(from, zone.to_offset(from).seconds())];
        transitions.extend(
            zone.following(from)
                .take_while(|change| change.timestamp() < to)
                .map(|change| (change.timestamp(), change.offset().seconds())),
        );
        Some(Self { footer: read_footer(&data), transitions })
    }
}

/// The last 6 bytes: the end of the POSIX rule for the times after the last transition.
fn read_footer(data: &[u8]) -> Vec<u8> {
    data[data.len().saturating_sub(6)..].to_vec()
}

fn collect_zones(root: &Path, below: &Path, wanted: &Zone, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(below)) else { return };
    for entry in entries.flatten() {
        let name: PathBuf = below.join(entry.file_name());
        // `right` counts leap seconds, and `posix` repeats all zones.
        let excluded = below == Path::new("") && (entry.file_name() == "right" || entry.file_name() == "posix");
        let file = root.join(&name);
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !excluded {
                collect_zones(root, &name, wanted, found);
            }
        } else if fs::read(&file).is_ok_and(|data| data.starts_with(b"TZif") && read_footer(&data) == wanted.footer)
            && Zone::read(&file).is_some_and(|zone| zone == *wanted)
        {
            found.extend(name.to_str().map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_the_pod_are_added_once() {
        let directory = tempfile::tempdir().unwrap();
        let hosts = directory.path().join("hosts");
        fs::write(&hosts, "127.0.0.1 localhost # here\n10.244.0.9 a-b-0.a-b.ns.svc.cluster.local a-b-0\n").unwrap();
        for _ in 0..2 {
            add_host_names(&hosts, "10.244.0.9", ["a-b-0", "a-b-0.a-b"]).unwrap();
        }
        let text = fs::read_to_string(&hosts).unwrap();
        assert!(text.ends_with("a-b-0\n10.244.0.9 a-b-0.a-b\n"), "{text}");
        assert_eq!(text.lines().count(), 3);
        assert_eq!(choose_bind_host(&hosts, "a-b-0.a-b", "10.244.0.9"), "a-b-0.a-b");
    }

    #[test]
    fn a_name_that_does_not_resolve_is_not_bound() {
        let nowhere = Path::new("/nonexistent/hosts");
        assert!(add_host_names(nowhere, "10.0.0.1", ["a", "b"]).is_err());
        assert_eq!(choose_bind_host(nowhere, "a-b-0.a-b", "10.0.0.1"), "10.0.0.1");
    }

    #[test]
    fn directories_may_exist_and_a_wrong_link_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let (base, image) = (root.path().join("data/A.B"), root.path().join("server"));
        for target in [&image, &root.path().join("other"), &image] {
            make_directories(&base, target).unwrap();
            make_directories(&base, target).unwrap();
            assert_eq!(fs::read_link(base.join("bin")).unwrap(), *target);
        }
        assert!(base.join("conf").is_dir() && base.join("data").is_dir());
    }

    /// A version 2 file of a zone without transitions, with this POSIX footer.
    fn tzif(footer: &str, offset: i32) -> Vec<u8> {
        let mut data = Vec::new();
        for _ in 0..2 {
            data.extend(b"TZif2");
            data.extend([0; 15]);
            for count in [0u32, 0, 0, 0, 1, 4] {
                data.extend(count.to_be_bytes());
            }
            data.extend(offset.to_be_bytes());
            data.extend([0, 0]);
            data.extend(b"XXX\0");
        }
        data.extend(format!("\n{footer}\n").bytes());
        data
    }

    #[test]
    fn the_zone_is_found_by_what_it_does() {
        let root = tempfile::tempdir().unwrap();
        let zones = root.path().join("zoneinfo");
        for (name, footer, offset) in [
            ("PRC", "CST-8", 28_800),
            ("Asia/Shanghai", "CST-8", 28_800),
            ("Asia/Tokyo", "JST-9", 32_400),
            ("right/Asia/Aaa", "CST-8", 28_800),
        ] {
            let file = zones.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, tzif(footer, offset)).unwrap();
        }
        let localtime = root.path().join("localtime");
        fs::write(&localtime, tzif("CST-8", 28_800)).unwrap();
        assert_eq!(find_zone_name(&localtime, &zones).as_deref(), Some("Asia/Shanghai"));
        fs::write(&localtime, tzif("EST5", -18_000)).unwrap();
        assert_eq!(find_zone_name(&localtime, &zones), None);
        fs::write(&localtime, "no zone").unwrap();
        assert_eq!(find_zone_name(&localtime, &zones), None);
    }
}
