//! What every call says of its caller: the protocol's version, the cluster's secret and the cluster.

use crate::cluster::ClusterId;
use crate::tls::{ClientTls, VerifiedClient};
use axum::http::Extensions;
use std::fmt;
use std::sync::{Arc, OnceLock};
use subtle::ConstantTimeEq as _;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// The version of the protocol between nodes. A node speaks with its neighbours in version: those of the release before
/// and of the release after.
pub const PROTOCOL: u32 = 1;

pub(super) const PROTOCOL_KEY: &str = "vt-protocol";
pub(super) const SECRET_KEY: &str = "vt-secret";
pub(super) const CLUSTER_KEY: &str = "vt-cluster";

/// What all nodes of a cluster know and nobody else. It is never shown.
#[derive(Clone)]
pub struct Secret {
    /// In hexadecimal digits, so that any bytes may be a secret
    digits: Arc<str>,
}

impl Secret {
    /// Any bytes but none.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self {
            digits: hex::encode(bytes).into(),
        })
    }

    /// Whether the digits are the secret's; takes the same time for all of the same length.
    fn is(&self, digits: &[u8]) -> bool {
        self.digits.as_bytes().ct_eq(digits).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A node's part of what calls say, as a caller and as one who is called. Clones share the cluster's id.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    secret: Option<Secret>,
    cluster: Arc<OnceLock<ClusterId>>,
    /// For calls
    tls: Option<ClientTls>,
    /// Who calls must have shown a certificate
    demands_certificates: bool,
}

impl Credentials {
    /// Without a secret anybody may call, and is called without one.
    pub fn new(secret: Option<Secret>) -> Self {
        Self {
            secret,
            ..Self::default()
        }
    }

    /// The same, calling over TLS if `tls` is given.
    pub fn with_tls(self, tls: Option<ClientTls>) -> Self {
        Self { tls, ..self }
    }

    /// The same, refusing callers whose connection has shown no certificate if `demanded`.
    pub fn demanding_certificates(self, demanded: bool) -> Self {
        Self {
            demands_certificates: demanded,
            ..self
        }
    }

    /// The same before the cluster is known, and for ever: who asks who a node is does not say where it belongs.
    pub fn stranger(&self) -> Self {
        Self {
            cluster: Arc::default(),
            ..self.clone()
        }
    }

    /// How calls are made secret.
    pub(super) fn tls(&self) -> Option<&ClientTls> {
        self.tls.as_ref()
    }

    /// Checks a caller's connection.
    ///
    /// # Errors
    /// UNAUTHENTICATED where a certificate is demanded and the caller has shown none.
    pub(super) fn admit_connection(&self, extensions: &Extensions) -> Result<(), Status> {
        if self.demands_certificates && extensions.get::<VerifiedClient>().is_none() {
            return Err(Status::unauthenticated(
                "the caller has shown no certificate of the cluster",
            ));
        }
        Ok(())
    }

    /// The cluster, once it is known.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster.get().copied()
    }

    /// Binds the node to its cluster, for as long as it runs. False if it is bound to another.
    pub fn bind(&self, cluster: ClusterId) -> bool {
        *self.cluster.get_or_init(|| cluster) == cluster
    }

    /// Checks the headers of a call. The protocol of those who only ask who the node is does not matter.
    ///
    /// # Errors
    /// UNAUTHENTICATED for strangers, FAILED_PRECONDITION for another protocol or cluster.
    pub(super) fn admit(&self, headers: &axum::http::HeaderMap, any_protocol: bool) -> Result<(), Status> {
        let header = |key: &str| headers.get(key).map(|value| value.as_bytes());
        if let Some(secret) = &self.secret {
            match header(SECRET_KEY) {
                Some(digits) if secret.is(digits) => {}
                Some(_) => return Err(Status::unauthenticated("the caller has another cluster's secret")),
                None => return Err(Status::unauthenticated("the caller has no cluster secret")),
            }
        }
        if !any_protocol {
            check_protocol(header(PROTOCOL_KEY), "the caller")?;
        }
        match (header(CLUSTER_KEY), self.cluster()) {
            (Some(theirs), Some(own)) if theirs != own.to_string().as_bytes() => {
                Err(Status::failed_precondition(format!(
                    "the caller belongs to cluster {}, this node to {own}",
                    String::from_utf8_lossy(theirs)
                )))
            }
            _ => Ok(()),
        }
    }

    fn stamp(&self, metadata: &mut MetadataMap) {
        metadata.insert(PROTOCOL_KEY, MetadataValue::from(PROTOCOL));
        if let Some(value) = self.secret.as_ref().and_then(|secret| sensitive(&secret.digits)) {
            metadata.insert(SECRET_KEY, value);
        }
        if let Some(value) = self.cluster().and_then(|cluster| cluster.to_string().parse().ok()) {
            metadata.insert(CLUSTER_KEY, value);
        }
    }
}

/// Not to be shown in logs, nor kept in tables of the connection.
fn sensitive(digits: &str) -> Option<MetadataValue<Ascii>> {
    let mut value: MetadataValue<Ascii> = digits.parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Credentials as a client adds them to its calls.
#[derive(Clone, Debug, Default)]
pub struct Speaking(pub Credentials);

impl Interceptor for Speaking {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        self.0.stamp(request.metadata_mut());
        Ok(request)
    }
}

/// An error for versions that do not understand each other; `who` has said `version`.
pub(super) fn check_protocol(version: Option<&[u8]>, who: &str) -> Result<(), Status> {
    let version =
        version.ok_or_else(|| Status::failed_precondition(format!("{who} speaks no protocol of storage nodes")))?;
    let number = std::str::from_utf8(version)
        .ok()
        .and_then(|text| text.parse::<u32>().ok());
    match number {
        Some(number) if number.abs_diff(PROTOCOL) <= 1 => Ok(()),
        _ => Err(Status::failed_precondition(format!(
            "{who} speaks protocol {}, this node {PROTOCOL}: they must be at most one apart",
            String::from_utf8_lossy(version)
        ))),
    }
}

/// Checks the metadata of an answer.
///
/// # Errors
/// FAILED_PRECONDITION if the node does not speak this protocol.
pub(super) fn check_answer(metadata: &MetadataMap) -> Result<(), Status> {
    check_protocol(
        metadata.get(PROTOCOL_KEY).map(|value| value.as_bytes()),
        "the storage node",
    )
}
