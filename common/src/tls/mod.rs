//! TLS for listeners and for the connections to storage nodes, by rustls. Certificates are read again when their files
//! change. It knows nothing of what is said over the connections.

mod client;
mod config;
mod error;
mod pem;
mod server;
mod versions;

pub use client::ClientTls;
pub use config::{CallerTlsConfig, InternalTlsConfig, OtlpGrpcTlsConfig, StorageNodeTlsConfig, TlsConfig};
pub use error::TlsError;
pub use server::{ServerTls, VerifiedClient};
