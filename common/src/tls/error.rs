//! Why TLS cannot be set up.

use std::io;
use std::path::PathBuf;
use tokio_rustls::rustls;

/// What is wrong with the flags of TLS or with the files that they name.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path:?}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{path:?} is not in PEM: {reason}")]
    NotPem { path: PathBuf, reason: String },
    #[error("no certificate is in {0:?}")]
    NoCertificate(PathBuf),
    #[error("no private key is in {0:?}")]
    NoKey(PathBuf),
    #[error("a certificate in {path:?} cannot be used: {reason}")]
    BadCertificate { path: PathBuf, reason: String },
    #[error("the certificate in {certificate:?} and the key in {key:?} cannot be used: {error}")]
    BadPair {
        certificate: PathBuf,
        key: PathBuf,
        error: rustls::Error,
    },
    #[error("the system has no certificates of authorities that could be read: give a file with them by {0}")]
    NoAuthorities(&'static str),
    /// Flags that do not fit
    #[error("{0}")]
    Flags(String),
    #[error("TLS: {0}")]
    Refused(#[from] rustls::Error),
}
