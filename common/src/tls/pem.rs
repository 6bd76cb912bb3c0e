//! Certificates and keys out of PEM files.

use super::TlsError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

/// Where a certificate, with those between it and its authority, and its key are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Pair {
    /// Reads both.
    ///
    /// # Errors
    /// When a file cannot be read or is none, or when the two do not belong together.
    pub(super) fn read(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = match PrivateKeyDer::from_pem_slice(&read(&self.key)?) {
            Ok(key) => key,
            Err(PemError::NoItemsFound) => return Err(TlsError::NoKey(self.key.clone())),
            Err(error) => return Err(not_pem(&self.key, &error)),
        };
        let pair = CertifiedKey::from_der(chain, key, provider);
        pair.map(Arc::new).map_err(|error| TlsError::BadPair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            error,
        })
    }
}

/// The certificates of authorities in a file.
///
/// # Errors
/// When it cannot be read, or holds no certificate of an authority.
pub(super) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::BadCertificate {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The certificates of the authorities that the system trusts. `flag` would name a file instead.
///
/// # Errors
/// When there are none.
pub(super) fn system_authorities(flag: &'static str) -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the system's certificates");
    }
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(found.certs) {
        (0, _) => Err(TlsError::NoAuthorities(flag)),
        _ => Ok(roots),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(not_pem(path, &error)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

fn not_pem(path: &Path, error: &PemError) -> TlsError {
    TlsError::NotPem {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
