//! Owner and mode of a volume's directory, as the claim's annotations ask for them (docs/reference/local-volumes.md#7.1).

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use std::fmt;
use tars_common::{
    file_mode::{DEFAULT_MODE, ModeError, parse_mode},
    names::annotation,
};

/// The owner of a directory, and its permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// The nine permission bits.
    pub mode: u32,
}

/// Owner of a directory whose claim asks for no other one.
pub const DEFAULT_OWNER: Owner = Owner { uid: 0, gid: 0, mode: DEFAULT_MODE };

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{} mode {:o}", self.uid, self.gid, self.mode)
    }
}

/// Why the annotations of a claim cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    #[error("annotation {key} is {text:?}; write digits only")]
    NotDigits { key: &'static str, text: String },
    #[error("annotation {key} is {text:?}, which is too large; an id is at most {}", u32::MAX)]
    TooLarge { key: &'static str, text: String },
    #[error("annotation {} is {text:?}; {problem}", annotation::LOCAL_VOLUME_MODE)]
    Mode { text: String, problem: ModeError },
}

impl Owner {
    /// Reads the annotations of a claim. An absent or empty one has its value in [`DEFAULT_OWNER`].
    pub fn of_claim(claim: &PersistentVolumeClaim) -> Result<Self, OwnerError> {
        let text = |key: &str| claim.annotations().get(key).map_or("", String::as_str);
        let read = |key: &'static str, absent: u32| match text(key) {
            "" => Ok(absent),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| OwnerError::TooLarge { key, text: digits.to_owned() })
            }
            other => Err(OwnerError::NotDigits { key, text: other.to_owned() }),
        };
        let mode = text(annotation::LOCAL_VOLUME_MODE);
        let mode = parse_mode(mode).map_err(|problem| OwnerError::Mode { text: mode.to_owned(), problem })?;
        let uid = read(annotation::LOCAL_VOLUME_UID, DEFAULT_OWNER.uid)?;
        let gid = read(annotation::LOCAL_VOLUME_GID, DEFAULT_OWNER.gid)?;
        Ok(Self { uid, gid, mode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_owner_reads_as_its_annotations_do() {
        assert_eq!(Owner { uid: 65532, gid: 0, mode: 0o750 }.to_string(), "65532:0 mode 750");
    }

    #[test]
    fn owners_come_from_annotations_and_bad_ones_are_told() {
        let with = |annotations: Value| {
            let claim = json!({"metadata": {"annotations": annotations}});
            Owner::of_claim(&serde_json::from_value(claim).unwrap())
        };
        assert_eq!(with(json!(null)), Ok(DEFAULT_OWNER));
        let all = json!({"tars.io/LocalVolumeUID": "1000", "tars.io/LocalVolumeGID": "", "tars.io/LocalVolumeMode": "0700"});
        assert_eq!(with(all), Ok(Owner { uid: 1000, gid: 0, mode: 0o700 }));
        for (key, text) in
            [("Mode", "1777"), ("Mode", "9"), ("Mode", "-1"), ("UID", "+1"), ("GID", "root"), ("UID", "99999999999")]
        {
            let problem = with(json!({format!("tars.io/LocalVolume{key}"): text})).unwrap_err().to_string();
            assert!(problem.contains(&format!("tars.io/LocalVolume{key}")), "{problem}");
        }
    }
}
