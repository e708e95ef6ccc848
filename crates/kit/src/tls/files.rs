//! Follows a certificate in a folder, into which the kubelet mounts a Secret.

use super::ServingCertificate;
use crate::causes::with_sources;
use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// The file of the certificate chain, leaf first. The names are those of a Secret of type `kubernetes.io/tls`.
const CHAIN: &str = "tls.crt";
/// The file of the leaf's key.
const KEY: &str = "tls.key";
/// The time between two looks. The kubelet needs about a minute to bring a changed Secret into the pod, so this adds little.
const PERIOD: Duration = Duration::from_secs(5);

/// Keeps `certificate` in step with the files `tls.crt` and `tls.key` in `folder` until `stop` is cancelled. Files that are missing or
/// broken change nothing: the certificate that was loaded last stays, and if there was none, handshakes are refused. Each change of the
/// files is one line in the log (docs/reference/trust.md#2.2).
pub async fn follow_files(folder: PathBuf, certificate: ServingCertificate, stop: CancellationToken) -> Result<(), Infallible> {
    let mut follower = Follower { folder, certificate, last: None };
    loop {
        follower.look().await;
        if stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_none() {
            return Ok(());
        }
    }
}

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
enum Content {
    Missing,
    Unreadable(io::ErrorKind),
    Pair { chain: Vec<u8>, key: Vec<u8> },
}

struct Follower {
    folder: PathBuf,
    certificate: ServingCertificate,
    last: Option<Content>,
}

impl Follower {
    async fn look(&mut self) {
        let content = read_pair(&self.folder).await;
        if self.last.as_ref() == Some(&content) {
            return;
        }
        let (folder, served) = (self.folder.display(), self.certificate.is_loaded());
        match &content {
            Content::Missing => tracing::info!(%folder, served, "there is no certificate for gRPC, waiting for its Secret"),
            Content::Unreadable(error) => tracing::warn!(%folder, served, %error, "the certificate for gRPC cannot be read"),
            Content::Pair { chain, key } => self.serve(chain, key),
        }
        self.last = Some(content);
    }

    fn serve(&self, chain: &[u8], key: &[u8]) {
        let folder = self.folder.display();
        match self.certificate.replace(chain, key) {
            Ok(()) => tracing::info!(%folder, "the certificate for gRPC is loaded"),
            Err(error) => {
                let (served, error) = (self.certificate.is_loaded(), with_sources(&error));
                tracing::warn!(%folder, served, error, "the certificate for gRPC is of no use, the one before stays");
            }
        }
    }
}

/// Reads both files. A Secret is at most 1 MiB large.
async fn read_pair(folder: &Path) -> Content {
    match tokio::try_join!(tokio::fs::read(folder.join(CHAIN)), tokio::fs::read(folder.join(KEY))) {
        Ok((chain, key)) => Content::Pair { chain, key },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Missing,
        Err(error) => Content::Unreadable(error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn make_pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["the.service".to_owned()]).unwrap().self_signed(&key).unwrap();
        (leaf.pem(), key.serialize_pem())
    }

    fn store(folder: &Path, (chain, key): &(String, String)) {
        std::fs::write(folder.join(CHAIN), chain).unwrap();
        std::fs::write(folder.join(KEY), key).unwrap();
    }

    fn served(follower: &Follower) -> Option<Vec<u8>> {
        follower.certificate.served.load().as_ref().map(|certified| certified.cert[0].to_vec())
    }

    #[tokio::test]
    async fn a_certificate_comes_with_its_files_changes_with_them_and_outlives_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower { folder: folder.path().to_owned(), certificate: ServingCertificate::default(), last: None };
        follower.look().await;
        assert_eq!(served(&follower), None, "without files there is nothing to serve");
        assert_eq!(follower.certificate.ends.get(), 0);

        store(folder.path(), &make_pair());
        follower.look().await;
        let first = served(&follower);
        assert!(first.is_some());
        // The end of a certificate for which nobody states one is in the year 4096.
        assert_eq!(follower.certificate.ends.get(), 67_090_118_400);

        let (second, other) = (make_pair(), make_pair());
        store(folder.path(), &(second.0.clone(), other.1));
        follower.look().await;
        assert_eq!(served(&follower), first, "a key of another certificate is of no use");
        store(folder.path(), &second);
        follower.look().await;
        let replaced = served(&follower);
        assert!(replaced.is_some() && replaced != first);

        std::fs::remove_file(folder.path().join(KEY)).unwrap();
        follower.look().await;
        assert_eq!(served(&follower), replaced, "a deleted Secret takes nothing away");
    }

    #[tokio::test]
    async fn following_ends_with_the_process() {
        let (folder, stop) = (tempfile::tempdir().unwrap(), CancellationToken::new());
        let (path, certificate) = (folder.path().to_owned(), ServingCertificate::default());
        store(&path, &make_pair());
        let following = tokio::spawn(follow_files(path, certificate.clone(), stop.clone()));
        while !certificate.is_loaded() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        assert!(following.await.is_ok());
    }
}
