//! The side of a connection that listens.

use super::TlsError;
use super::pem::{self, Pair};
use super::versions::{CipherSuite, MinVersion, provider};
use crate::reload::Live;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::{NoClientAuth, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::server::TlsStream;

/// How long a client may take to agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The first byte of a connection with TLS: that of a handshake record.
const HANDSHAKE_RECORD: u8 = 22;
/// The first letters of HTTP/2 without TLS; those of HTTP/1 are a method's.
const HTTP2: &[u8] = b"PRI";
const PLAIN_HTTP: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n\
    this port speaks HTTPS only\n";

/// Says of a request that its connection's client showed a certificate of the demanded authority.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedClient;

/// What a listener shows and demands.
#[derive(Clone, Debug)]
pub(super) struct ServerFiles {
    pub(super) pair: Pair,
    pub(super) min_version: MinVersion,
    pub(super) suites: Vec<CipherSuite>,
    /// Certificates of the authorities for clients. Clients may still come without one: what they may do then is not
    /// decided here
    pub(super) client_authorities: Option<PathBuf>,
}

/// Makes connections of one listener secret. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls(Live<ServerConfig>);

impl ServerTls {
    pub(super) fn load(files: ServerFiles) -> Result<Self, TlsError> {
        let mut paths = vec![files.pair.certificate.clone(), files.pair.key.clone()];
        paths.extend(files.client_authorities.clone());
        Live::watch("listener's certificate", paths, move || files.read()).map(Self)
    }

    /// The handshake of a new connection.
    ///
    /// # Errors
    /// When the client does not speak TLS (it is told so, where it speaks HTTP/1), is too slow, or does not agree.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.0.load());
        tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake(config, stream))
            .await
            .unwrap_or_else(|_| {
                Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the TLS handshake takes too long",
                ))
            })
    }
}

async fn handshake(config: Arc<ServerConfig>, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0; 3];
    let seen = stream.peek(&mut first).await?;
    match first.get(..seen) {
        Some([HANDSHAKE_RECORD, ..]) => TlsAcceptor::from(config).accept(stream).await,
        Some([]) => Err(io::ErrorKind::UnexpectedEof.into()),
        Some(start) => {
            if !HTTP2.starts_with(start) {
                stream.write_all(PLAIN_HTTP).await?;
                stream.shutdown().await?;
            }
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the client does not speak TLS",
            ))
        }
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

impl ServerFiles {
    fn read(&self) -> Result<ServerConfig, TlsError> {
        let provider = provider(&self.suites);
        let pair = self.pair.read(&provider)?;
        let clients = match &self.client_authorities {
            None => Arc::new(NoClientAuth),
            Some(path) => {
                WebPkiClientVerifier::builder_with_provider(Arc::new(pem::authorities(path)?), provider.clone())
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| TlsError::BadCertificate {
                        path: path.clone(),
                        reason: error.to_string(),
                    })?
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(self.min_version.versions())?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
