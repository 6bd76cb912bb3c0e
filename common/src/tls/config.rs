//! The flags of TLS: those of listeners under VictoriaMetrics' names, those of connections to storage nodes under
//! VictoriaTraces', and those between storage nodes.

use super::client::ClientFiles;
use super::pem::Pair;
use super::server::ServerFiles;
use super::versions::{CipherSuite, MinVersion};
use super::{ClientTls, ServerTls, TlsError};
use clap::Args;
use std::path::{Path, PathBuf};

/// TLS of a program's first listener.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsConfig {
    /// Serve --httpListenAddr with TLS only; needs --tlsCertFile and --tlsKeyFile
    #[arg(long = "tls")]
    pub tls: bool,
    /// PEM file with the certificate to show, and those between it and its authority. It is read again when it changes
    #[arg(long = "tlsCertFile", value_name = "FILE")]
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of the certificate in --tlsCertFile
    #[arg(long = "tlsKeyFile", value_name = "FILE")]
    pub tls_key_file: Option<PathBuf>,
    /// The oldest version of TLS to speak: TLS12 or TLS13
    #[arg(long = "tlsMinVersion", default_value = "TLS12", value_name = "VERSION")]
    pub tls_min_version: MinVersion,
    /// The cipher suites to speak with TLS 1.2, by their names at IANA; all that are safe if none is given. Those of
    /// TLS 1.3 are always spoken
    #[arg(long = "tlsCipherSuites", value_name = "SUITE")]
    pub tls_cipher_suites: Vec<CipherSuite>,
}

/// TLS of the listener for OTLP/gRPC.
#[derive(Args, Clone, Debug, Default)]
pub struct OtlpGrpcTlsConfig {
    /// Serve --otlpGRPCListenAddr with TLS only; by default as --tls says
    #[arg(
        long = "otlpGRPC.tls",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub otlp_grpc_tls: Option<bool>,
    /// PEM file with the certificate to show at --otlpGRPCListenAddr; by default that of --tlsCertFile
    #[arg(long = "otlpGRPC.tlsCertFile", value_name = "FILE")]
    pub otlp_grpc_tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of the certificate in --otlpGRPC.tlsCertFile
    #[arg(long = "otlpGRPC.tlsKeyFile", value_name = "FILE")]
    pub otlp_grpc_tls_key_file: Option<PathBuf>,
    /// The oldest version of TLS to speak at --otlpGRPCListenAddr; by default that of --tlsMinVersion
    #[arg(long = "otlpGRPC.tlsMinVersion", value_name = "VERSION")]
    pub otlp_grpc_tls_min_version: Option<MinVersion>,
    /// The cipher suites to speak with TLS 1.2 at --otlpGRPCListenAddr; by default those of --tlsCipherSuites
    #[arg(long = "otlpGRPC.tlsCipherSuites", value_name = "SUITE")]
    pub otlp_grpc_tls_cipher_suites: Vec<CipherSuite>,
}

/// TLS towards storage nodes, for insert and select nodes.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct StorageNodeTlsConfig {
    /// Call storage nodes over TLS
    #[arg(long = "storageNode.tls")]
    pub storage_node_tls: bool,
    /// PEM file with the certificates of the authorities that storage nodes' certificates must come from; by default
    /// those that the system trusts
    #[arg(long = "storageNode.tlsCAFile", value_name = "FILE")]
    pub storage_node_tls_ca_file: Option<PathBuf>,
    /// PEM file with the certificate to show to storage nodes, where they demand one (--internal.tlsCAFile)
    #[arg(long = "storageNode.tlsCertFile", value_name = "FILE")]
    pub storage_node_tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of the certificate in --storageNode.tlsCertFile
    #[arg(long = "storageNode.tlsKeyFile", value_name = "FILE")]
    pub storage_node_tls_key_file: Option<PathBuf>,
    /// The name that storage nodes' certificates must have; by default the host by which a node is called
    #[arg(long = "storageNode.tlsServerName", value_name = "NAME")]
    pub storage_node_tls_server_name: Option<String>,
    /// Do not look at storage nodes' certificates: whoever answers is trusted
    #[arg(long = "storageNode.tlsInsecureSkipVerify")]
    pub storage_node_tls_insecure_skip_verify: bool,
}

/// TLS of a program that only calls nodes.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct CallerTlsConfig {
    /// Call nodes over TLS, as with addresses that begin with https://; so does each of the other flags of TLS
    #[arg(long = "tls")]
    pub tls: bool,
    /// PEM file with the certificates of the authorities that nodes' certificates must come from; by default those that
    /// the system trusts
    #[arg(long = "tlsCAFile", value_name = "FILE")]
    pub tls_ca_file: Option<PathBuf>,
    /// PEM file with the certificate to show to nodes
    #[arg(long = "tlsCertFile", value_name = "FILE")]
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of the certificate in --tlsCertFile
    #[arg(long = "tlsKeyFile", value_name = "FILE")]
    pub tls_key_file: Option<PathBuf>,
    /// The name that nodes' certificates must have; by default the host by which a node is called
    #[arg(long = "tlsServerName", value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Do not look at nodes' certificates: whoever answers is trusted
    #[arg(long = "tlsInsecureSkipVerify")]
    pub tls_insecure_skip_verify: bool,
}

/// TLS between storage nodes.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct InternalTlsConfig {
    /// Call other storage nodes over TLS; they must serve with --tls
    #[arg(long = "internal.tls")]
    pub internal_tls: bool,
    /// PEM file with the certificates of the authorities of all nodes of the cluster. With it, other storage nodes'
    /// certificates must come from there, and whoever calls this node's internal services must show a certificate that
    /// does (insert and select nodes by --storageNode.tlsCertFile)
    #[arg(long = "internal.tlsCAFile", value_name = "FILE")]
    pub internal_tls_ca_file: Option<PathBuf>,
    /// PEM file with the certificate to show to other storage nodes; by default that of --tlsCertFile
    #[arg(long = "internal.tlsCertFile", value_name = "FILE")]
    pub internal_tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of the certificate in --internal.tlsCertFile
    #[arg(long = "internal.tlsKeyFile", value_name = "FILE")]
    pub internal_tls_key_file: Option<PathBuf>,
    /// The name that other storage nodes' certificates must have; by default the host by which a node is called
    #[arg(long = "internal.tlsServerName", value_name = "NAME")]
    pub internal_tls_server_name: Option<String>,
    /// Do not look at other storage nodes' certificates: whoever answers is trusted
    #[arg(long = "internal.tlsInsecureSkipVerify")]
    pub internal_tls_insecure_skip_verify: bool,
}

impl TlsConfig {
    /// What the listener needs for TLS; `None` without it. Clients are asked for certificates of `client_authorities`, if
    /// given. To be called within a runtime.
    ///
    /// # Errors
    /// When a file is missing or bad.
    pub fn server(&self, client_authorities: Option<&Path>) -> Result<Option<ServerTls>, TlsError> {
        if !self.tls {
            return Ok(None);
        }
        let pair = pair(&self.tls_cert_file, &self.tls_key_file, "--tls")?;
        ServerTls::load(ServerFiles {
            pair: pair.ok_or_else(|| TlsError::Flags("--tls needs --tlsCertFile and --tlsKeyFile".to_owned()))?,
            min_version: self.tls_min_version,
            suites: self.tls_cipher_suites.clone(),
            client_authorities: client_authorities.map(Path::to_owned),
        })
        .map(Some)
    }
}

impl OtlpGrpcTlsConfig {
    /// What the listener needs for TLS; `None` without it. What is not given is as for the `first` listener. To be called
    /// within a runtime.
    ///
    /// # Errors
    /// When a file is missing or bad.
    pub fn server(&self, first: &TlsConfig) -> Result<Option<ServerTls>, TlsError> {
        let own = pair(
            &self.otlp_grpc_tls_cert_file,
            &self.otlp_grpc_tls_key_file,
            "--otlpGRPC.tls",
        )?;
        let (certificate, key) = match own {
            Some(own) => (Some(own.certificate), Some(own.key)),
            None => (first.tls_cert_file.clone(), first.tls_key_file.clone()),
        };
        let config = TlsConfig {
            tls: self.otlp_grpc_tls.unwrap_or(first.tls),
            tls_cert_file: certificate,
            tls_key_file: key,
            tls_min_version: self.otlp_grpc_tls_min_version.unwrap_or(first.tls_min_version),
            tls_cipher_suites: match self.otlp_grpc_tls_cipher_suites.as_slice() {
                [] => first.tls_cipher_suites.clone(),
                own => own.to_vec(),
            },
        };
        if config.tls && config.tls_cert_file.is_none() {
            let missing = "--otlpGRPC.tls needs --otlpGRPC.tlsCertFile and --otlpGRPC.tlsKeyFile, or those of --tls";
            return Err(TlsError::Flags(missing.to_owned()));
        }
        config.server(None)
    }
}

impl StorageNodeTlsConfig {
    /// What calls need for TLS; `None` without it. To be called within a runtime.
    ///
    /// # Errors
    /// When a file is missing or bad.
    pub fn client(&self) -> Result<Option<ClientTls>, TlsError> {
        if !self.storage_node_tls {
            return Ok(None);
        }
        let (certificate, key) = (&self.storage_node_tls_cert_file, &self.storage_node_tls_key_file);
        let files = ClientFiles {
            authorities: self.storage_node_tls_ca_file.clone(),
            pair: pair(certificate, key, "--storageNode.tls")?,
            trust_anybody: self.storage_node_tls_insecure_skip_verify,
            authorities_flag: "--storageNode.tlsCAFile",
        };
        ClientTls::load(files, self.storage_node_tls_server_name.as_deref()).map(Some)
    }
}

impl InternalTlsConfig {
    /// The authorities that certificates of callers must come from; `None` where callers need none.
    ///
    /// # Errors
    /// When they are given, and the node's own `listener` has no TLS.
    pub fn client_authorities(&self, listener: &TlsConfig) -> Result<Option<&Path>, TlsError> {
        match &self.internal_tls_ca_file {
            Some(_) if !listener.tls => Err(TlsError::Flags(
                "--internal.tlsCAFile demands certificates of callers, which needs --tls".to_owned(),
            )),
            path => Ok(path.as_deref()),
        }
    }

    /// What calls to other storage nodes need for TLS; `None` without it. To be called within a runtime.
    ///
    /// # Errors
    /// When a file is missing or bad.
    pub fn client(&self, listener: &TlsConfig) -> Result<Option<ClientTls>, TlsError> {
        if !self.internal_tls {
            return Ok(None);
        }
        let (certificate, key) = (&self.internal_tls_cert_file, &self.internal_tls_key_file);
        let own = pair(certificate, key, "--internal.tls")?;
        let (certificate, key) = (&listener.tls_cert_file, &listener.tls_key_file);
        let files = ClientFiles {
            authorities: self.internal_tls_ca_file.clone(),
            pair: match own {
                Some(own) => Some(own),
                None => pair(certificate, key, "--tls")?,
            },
            trust_anybody: self.internal_tls_insecure_skip_verify,
            authorities_flag: "--internal.tlsCAFile",
        };
        ClientTls::load(files, self.internal_tls_server_name.as_deref()).map(Some)
    }
}

impl CallerTlsConfig {
    /// Whether a flag asks for TLS.
    pub fn is_wanted(&self) -> bool {
        let named = self.tls_ca_file.is_some() || self.tls_cert_file.is_some() || self.tls_key_file.is_some();
        self.tls || named || self.tls_server_name.is_some() || self.tls_insecure_skip_verify
    }

    /// What calls over TLS need. To be called within a runtime.
    ///
    /// # Errors
    /// When a file is missing or bad.
    pub fn client(&self) -> Result<ClientTls, TlsError> {
        let files = ClientFiles {
            authorities: self.tls_ca_file.clone(),
            pair: pair(&self.tls_cert_file, &self.tls_key_file, "--tls")?,
            trust_anybody: self.tls_insecure_skip_verify,
            authorities_flag: "--tlsCAFile",
        };
        ClientTls::load(files, self.tls_server_name.as_deref())
    }
}

/// A certificate and its key, which are given both or not at all. `switch` begins their flags' names.
fn pair(certificate: &Option<PathBuf>, key: &Option<PathBuf>, switch: &str) -> Result<Option<Pair>, TlsError> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(Pair {
            certificate: certificate.clone(),
            key: key.clone(),
        })),
        (None, None) => Ok(None),
        _ => Err(TlsError::Flags(format!(
            "{switch}CertFile and {switch}KeyFile must be given both"
        ))),
    }
}
