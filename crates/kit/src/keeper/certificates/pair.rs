//! A certificate with its private key: makes and reads them as PEM, with keys for ECDSA P-256.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, time::Duration};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const END: &str = "-----END CERTIFICATE-----";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The library refused to make it.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// A certificate that was made or stored does not parse.
    #[error("a certificate does not parse; delete its Secret, then it is made again")]
    Read,
    /// The Secret of cert-manager lacks a key that is needed.
    #[error(
        "it has no usable {0}: either cert-manager has not issued the certificate yet (see kubectl describe certificate), \
         or its issuer does not state its authority; then choose another issuer"
    )]
    Issued(&'static str),
}

/// A certificate and its private key as PEM, with the fields that are read from the certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    pub cert: String,
    pub key: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// DNS names, in the order of the certificate.
    pub names: Vec<String>,
}

impl Pair {
    /// Reads two PEM texts. `None` when the certificate or the key does not parse.
    pub fn new(cert: String, key: String) -> Option<Self> {
        KeyPair::from_pem(&key).ok()?;
        let Description { not_before, not_after, names, .. } = Description::read(&cert)?;
        Some(Self { cert, key, not_before, not_after, names })
    }
}

/// What people want to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The subject, such as `CN=tars-webhook-service.tars-system.svc`.
    pub subject: String,
    /// DNS names, in the order of the certificate.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// SHA-256 of its DER form, in hexadecimal digits.
    pub fingerprint: String,
}

impl Description {
    /// Reads a certificate in PEM. `None` when it does not parse.
    pub fn read(cert: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(cert.as_bytes()).ok()?;
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        let names = parsed.subject_alternative_name().ok().flatten().map(|names| {
            let dns = |name: &GeneralName<'_>| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            };
            names.value.general_names.iter().filter_map(dns).collect()
        });
        let time = |time: i64| Timestamp::from_second(time).ok();
        let validity = parsed.validity();
        Some(Self {
            subject: parsed.subject().to_string(),
            names: names.unwrap_or_default(),
            not_before: time(validity.not_before.timestamp())?,
            not_after: time(validity.not_after.timestamp())?,
            fingerprint: Sha256::digest(&*der).iter().fold(String::new(), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            }),
        })
    }

    /// Reads each certificate of a bundle, in its order. What does not parse is left out.
    pub fn read_all(bundle: &str) -> Vec<Self> {
        split_bundle(bundle).iter().filter_map(|cert| Self::read(cert)).collect()
    }
}

/// Makes a certificate authority.
pub fn make_authority(from: Timestamp, to: Timestamp) -> Result<Pair, CertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = build_params(&format!("tars-ca {}", from.strftime("%Y-%m-%dT%H:%M:%SZ")), from, to);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let cert = params.self_signed(&key)?;
    Pair::new(cert.pem(), key.serialize_pem()).ok_or(CertificateError::Read)
}

/// Makes a serving certificate for `names`, signed by `authority`.
pub fn make_leaf(authority: &Pair, names: &[String], from: Timestamp, to: Timestamp) -> Result<Pair, CertificateError> {
    // The subject of its certificate and its key are all that an issuer needs: the key identifier follows from the key.
    let subject = parse(&authority.cert, |parsed| Some(parsed.subject().iter_common_name().next()?.as_str().ok()?.to_owned()));
    let issuer = Issuer::new(build_params(&subject.ok_or(CertificateError::Read)?, from, to), KeyPair::from_pem(&authority.key)?);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = build_params(names.first().map_or("", String::as_str), from, to);
    params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let cert = params.signed_by(&key, &issuer)?;
    Pair::new(cert.pem(), key.serialize_pem()).ok_or(CertificateError::Read)
}

fn build_params(name: &str, from: Timestamp, to: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    // The library has a time type of its own, which this converts to.
    let time = |time: Timestamp| date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0));
    (params.not_before, params.not_after) = (time(from), time(to));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Whether the key of `authority` has signed `cert`.
pub fn is_signed_by(cert: &str, authority: &str) -> bool {
    let check = |authority: &X509Certificate<'_>| parse(cert, |cert| cert.verify_signature(Some(authority.public_key())).ok());
    parse(authority, check).is_some()
}

/// Reads when a certificate ends. `None` when it does not parse.
pub fn read_expiry(cert: &str) -> Option<Timestamp> {
    parse(cert, |parsed| Timestamp::from_second(parsed.validity().not_after.timestamp()).ok())
}

/// Splits a bundle into its certificates, each with its line end.
pub fn split_bundle(bundle: &str) -> Vec<String> {
    let whole = |part: &str| part.find("-----BEGIN CERTIFICATE-----").map(|begin| format!("{}{END}\n", &part[begin..]));
    let ends = bundle.matches(END).count();
    bundle.split(END).take(ends).filter_map(whole).map(|cert| cert.replace("\r\n", "\n")).collect()
}

fn parse<T>(cert: &str, read: impl FnOnce(&X509Certificate<'_>) -> Option<T>) -> Option<T> {
    let der = CertificateDer::from_pem_slice(cert.as_bytes()).ok()?;
    let (_, parsed) = X509Certificate::from_der(&der).ok()?;
    read(&parsed)
}
