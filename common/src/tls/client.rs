//! The side of a connection that calls.

use super::TlsError;
use super::pem::{self, Pair};
use super::versions::provider;
use crate::reload::Live;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, InvalidMessage, SignatureScheme};

/// What a caller trusts and shows.
#[derive(Clone, Debug)]
pub(super) struct ClientFiles {
    /// Certificates of authorities; those of the system if `None`
    pub(super) authorities: Option<PathBuf>,
    /// The caller's own
    pub(super) pair: Option<Pair>,
    /// Whoever answers is trusted
    pub(super) trust_anybody: bool,
    /// The flag that names the file of authorities
    pub(super) authorities_flag: &'static str,
}

/// Makes connections to other nodes secret. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    config: Live<ClientConfig>,
    /// The name that certificates must have, where it is not that of the address
    server_name: Option<ServerName<'static>>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl ClientTls {
    /// `server_name` is the name that certificates must have; `None` for that of the address.
    pub(super) fn load(files: ClientFiles, server_name: Option<&str>) -> Result<Self, TlsError> {
        let server_name = match server_name.map(|name| ServerName::try_from(name.to_owned())) {
            None => None,
            Some(Ok(name)) => Some(name),
            Some(Err(_)) => return Err(TlsError::Flags("the server's name for TLS is no host name".to_owned())),
        };
        let pair = files
            .pair
            .iter()
            .flat_map(|pair| [pair.certificate.clone(), pair.key.clone()]);
        let paths = files.authorities.iter().cloned().chain(pair).collect();
        let config = Live::watch("certificate for other nodes", paths, move || files.read())?;
        Ok(Self { config, server_name })
    }

    /// Connects to `host`, whose certificate must have this name unless another is configured.
    ///
    /// # Errors
    /// When it cannot be reached, or its certificate is not good. The text says which.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TlsStream<TcpStream>> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let config = Arc::clone(&self.config.load());
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|error| io::Error::new(error.kind(), format!("TLS to {host}:{port}: {}", explained(&error))))
    }
}

/// rustls' text, and what it mostly means.
fn explained(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the other side does not speak TLS".to_owned()
        }
        _ => error.to_string(),
    }
}

impl ClientFiles {
    fn read(&self) -> Result<ClientConfig, TlsError> {
        let provider = provider(&[]);
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match self.trust_anybody {
            true => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustAnybody(provider.clone()))),
            false => {
                let roots = match &self.authorities {
                    Some(path) => pem::authorities(path)?,
                    None => pem::system_authorities(self.authorities_flag)?,
                };
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
                let verifier = verifier.build().map_err(|error| TlsError::Flags(error.to_string()))?;
                builder.with_webpki_verifier(verifier)
            }
        };
        let mut config = match &self.pair {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let pair = pair.read(&provider)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

/// Takes any certificate, as long as the other side has its key.
#[derive(Debug)]
struct TrustAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
