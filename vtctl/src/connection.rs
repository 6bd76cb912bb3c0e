//! How nodes are spoken with: over TLS or not, and as which user. It knows nothing of what is said.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use common::tls::{CallerTlsConfig, ClientTls, TlsError};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer is so long.
const LONGEST_ANSWER: usize = 256 << 20;

/// What nodes demand, and what is demanded of them.
#[derive(Args, Debug, Default)]
pub(crate) struct ConnectionConfig {
    #[command(flatten)]
    pub(crate) tls: CallerTlsConfig,
    /// Name of the user, where nodes ask for one
    #[arg(long, requires = "password_file", value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// File with the user's password
    #[arg(long = "passwordFile", requires = "username", value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// File with the user's token, for nodes that ask for one
    #[arg(long = "bearerTokenFile", conflicts_with = "username", value_name = "FILE")]
    pub(crate) bearer_token_file: Option<PathBuf>,
}

/// Why nodes cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot read {path:?}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("no line of text is in {0:?}")]
    NoSecret(PathBuf),
    #[error("{0:?} is no address, as host:port")]
    NoAddress(String),
    #[error("{0}: the flags ask for TLS, and the address for none")]
    PlainAddress(String),
}

/// An answer of a node.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// Any failure of a connection; its chain of sources is its text.
type Failure = Box<dyn Error + Send + Sync>;

/// A node, as it is called.
#[derive(Debug)]
struct Target {
    is_tls: bool,
    host: String,
    port: u16,
    /// `scheme://host:port/path`
    url: String,
    authority: String,
    path: String,
}

/// Calls nodes.
pub(crate) struct Caller {
    tls: Option<ClientTls>,
    /// Of addresses that say none
    is_tls: bool,
    authorization: Option<HeaderValue>,
}

impl ConnectionConfig {
    /// Reads the files. `addrs` are those given, which may ask for TLS, too. To be called within a runtime.
    ///
    /// # Errors
    /// When a file is missing or bad.
    pub(crate) fn caller(&self, addrs: &[String]) -> Result<Caller, ConnectionError> {
        let is_tls = self.tls.is_wanted();
        let needs_tls = is_tls || addrs.iter().any(|addr| addr.starts_with("https://"));
        Ok(Caller {
            tls: needs_tls.then(|| self.tls.client()).transpose()?,
            is_tls,
            authorization: self.authorization()?,
        })
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, ConnectionError> {
        let (path, value) = match (&self.bearer_token_file, &self.username, &self.password_file) {
            (Some(path), ..) => (path, format!("Bearer {}", secret(path)?)),
            (None, Some(name), Some(path)) => {
                let pair = format!("{name}:{}", secret(path)?);
                (path, format!("Basic {}", STANDARD.encode(pair)))
            }
            _ => return Ok(None),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| ConnectionError::NoSecret(path.clone()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// What a file holds, without the end of its line.
fn secret(path: &Path) -> Result<String, ConnectionError> {
    let text = fs::read_to_string(path).map_err(|error| ConnectionError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    match text.is_empty() {
        true => Err(ConnectionError::NoSecret(path.to_owned())),
        false => Ok(text.to_owned()),
    }
}

impl Target {
    fn of(addr: &str, path: &str, is_tls: bool) -> Result<Self, ConnectionError> {
        let base = addr.trim_end_matches('/');
        let url = match (base.contains("://"), is_tls) {
            (true, _) => format!("{base}{path}"),
            (false, true) => format!("https://{base}{path}"),
            (false, false) => format!("http://{base}{path}"),
        };
        let no_address = || ConnectionError::NoAddress(addr.to_owned());
        let uri: Uri = url.parse().map_err(|_| no_address())?;
        let authority = uri.authority().ok_or_else(no_address)?;
        let (says_tls, usual) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") if is_tls => return Err(ConnectionError::PlainAddress(addr.to_owned())),
            Some("http") => (false, 80),
            _ => return Err(no_address()),
        };
        Ok(Self {
            is_tls: says_tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(usual),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or_else(String::new, ToString::to_string),
            url,
        })
    }
}

impl Caller {
    /// Sends `body` to a node, and gives its answer, whatever the status, if it comes within `patience`.
    ///
    /// # Errors
    /// When there is none, with the reason.
    pub(crate) async fn call(
        &self,
        addr: &str,
        method: Method,
        path: &str,
        body: &str,
        patience: Duration,
    ) -> Result<Answered, Failure> {
        let target = Target::of(addr, path, self.is_tls)?;
        let answered = timeout(patience, self.exchange(&target, method, body));
        answered
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} seconds", patience.as_secs()).into()))
    }

    async fn exchange(&self, target: &Target, method: Method, body: &str) -> Result<Answered, Failure> {
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        if !target.is_tls {
            let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
            return read(by_http1(stream, self.request(target, method, &target.path, body)?).await?).await;
        }
        let tls = self.tls.as_ref().ok_or("TLS is not set up")?;
        let stream = tls.connect(&target.host, target.port).await?;
        let response = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => by_http2(stream, self.request(target, method, &target.url, body)?).await?,
            _ => by_http1(stream, self.request(target, method, &target.path, body)?).await?,
        };
        read(response).await
    }

    fn request(
        &self,
        target: &Target,
        method: Method,
        uri: &str,
        body: Full<Bytes>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder().method(method).uri(uri).body(body)?;
        let is_absolute = request.uri().authority().is_some();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !is_absolute {
            headers.insert(HOST, HeaderValue::try_from(&target.authority)?);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }
}

async fn by_http1<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors are those of the request, too.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

async fn by_http2<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

async fn read(response: Response<Incoming>) -> Result<Answered, Failure> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok(Answered { status, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(addr: &str, is_tls: bool) -> Result<(bool, String, u16, String), ConnectionError> {
        let target = Target::of(addr, "/a?b=c", is_tls)?;
        Ok((target.is_tls, target.host, target.port, target.path))
    }

    #[test]
    fn addresses_say_how_nodes_are_called() {
        let at = |is_tls, host: &str, port, path: &str| Some((is_tls, host.to_owned(), port, path.to_owned()));
        assert_eq!(target("n1:7", false).ok(), at(false, "n1", 7, "/a?b=c"));
        assert_eq!(target("n1:7", true).ok(), at(true, "n1", 7, "/a?b=c"));
        assert_eq!(target("https://n1/x/", false).ok(), at(true, "n1", 443, "/x/a?b=c"));
        assert_eq!(target("[::1]:7", true).ok(), at(true, "::1", 7, "/a?b=c"));
        assert!(matches!(
            target("http://n1:7", true),
            Err(ConnectionError::PlainAddress(_))
        ));
        for addr in ["", "n 1:7", "ftp://n1:7"] {
            assert!(
                matches!(target(addr, false), Err(ConnectionError::NoAddress(_))),
                "{addr}"
            );
        }
    }

    #[test]
    fn secrets_are_read_from_files_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "open sesame\n").unwrap();
        let by_password = ConnectionConfig {
            username: Some("operator".to_owned()),
            password_file: Some(path.clone()),
            ..ConnectionConfig::default()
        };
        let by_token = ConnectionConfig {
            bearer_token_file: Some(path.clone()),
            ..ConnectionConfig::default()
        };
        let header = |config: &ConnectionConfig| config.authorization().unwrap().unwrap();
        assert_eq!(header(&by_password), "Basic b3BlcmF0b3I6b3BlbiBzZXNhbWU=");
        assert_eq!(header(&by_token), "Bearer open sesame");
        assert!(!format!("{:?}", header(&by_token)).contains("sesame"));
        fs::write(&path, "\n").unwrap();
        let refused = by_token.authorization();
        assert!(matches!(refused, Err(ConnectionError::NoSecret(_))));
        fs::remove_file(&path).unwrap();
        let refused = by_token.authorization().unwrap_err().to_string();
        assert!(refused.contains("secret"), "{refused}");
    }
}
