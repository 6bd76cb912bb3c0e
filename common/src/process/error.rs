//! Why a program does not begin to serve.

use crate::access::AccessError;
use crate::rpc::SecretError;
use crate::tenancy::TenancyError;
use crate::tls::TlsError;

/// What is missing or wrong of what all programs need.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A socket or a signal handler.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("no storage node is given: --storageNode=host:port")]
    NoStorageNode,
}
