//! TLS between a listener and the clients of storage nodes: whom they trust, what they say when they do not, and
//! certificates that change while both run.

use axum::Router;
use common::contract::QueryError;
use common::http::{App, ConnectionLimits, Lifecycle, Listener, serve};
use common::rpc::{Credentials, RemoteNode, guarded, status};
use common::tls::{StorageNodeTlsConfig, TlsConfig};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tests::certificates::{Authority, Files, Term};
use tests::process::PATIENCE;
use tokio::net::TcpListener;
use tonic::{Code, Status};

fn server_config(files: &Files) -> TlsConfig {
    TlsConfig {
        tls: true,
        tls_cert_file: Some(files.certificate.clone()),
        tls_key_file: Some(files.key.clone()),
        ..TlsConfig::default()
    }
}

fn client_config(authority: &Path) -> StorageNodeTlsConfig {
    StorageNodeTlsConfig {
        storage_node_tls: true,
        storage_node_tls_ca_file: Some(authority.to_owned()),
        ..StorageNodeTlsConfig::default()
    }
}

/// A node that knows no call. Its callers' certificates must come from `clients`, if given.
async fn start(tls: &TlsConfig, clients: Option<&Path>) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = tcp.local_addr().unwrap();
    let tls = tls.server(clients).unwrap();
    let credentials = Credentials::default().demanding_certificates(clients.is_some());
    let app = App::bare(guarded(Router::new(), credentials));
    let limits = ConnectionLimits {
        idle_timeout: PATIENCE,
        drain_timeout: PATIENCE,
        connections: 100,
    };
    tokio::spawn(serve("test", Listener { tcp, tls }, app, Lifecycle::new(), limits));
    addr
}

/// What comes of a call over a new connection.
async fn call(addr: SocketAddr, client: &StorageNodeTlsConfig) -> Status {
    let credentials = Credentials::default().with_tls(client.client().unwrap());
    let node = RemoteNode::new(&addr.to_string(), credentials).unwrap();
    let answer = tokio::time::timeout(PATIENCE, node.hello()).await;
    answer.expect("an answer in time").expect_err("no call is known")
}

/// The node was reached: it says that it does not know the call.
fn is_reached(status: &Status) -> bool {
    status.code() == Code::Unimplemented
}

/// What a user would read of a failed call.
fn text(status: &Status) -> String {
    match status::to_query(status) {
        QueryError::Unavailable(reason) => reason,
        other => panic!("{other:?}"),
    }
}

struct Place {
    dir: TempDir,
    authority: Authority,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            authority: Authority::new(),
        }
    }

    fn issue(&self, name: &str, term: Term) -> Files {
        self.authority.issue(self.dir.path(), name, term)
    }

    fn client(&self) -> StorageNodeTlsConfig {
        client_config(&self.authority.write(self.dir.path(), "ca.crt"))
    }
}

#[tokio::test]
async fn a_certificate_of_the_authority_is_trusted() {
    let place = Place::new();
    let addr = start(&server_config(&place.issue("server", Term::Good)), None).await;
    let status = call(addr, &place.client()).await;
    assert!(is_reached(&status), "{status}");
    let named = StorageNodeTlsConfig {
        storage_node_tls_server_name: Some("localhost".to_owned()),
        ..place.client()
    };
    assert!(is_reached(&call(addr, &named).await));
}

#[tokio::test]
async fn clients_say_why_they_do_not_trust_a_node() {
    let place = Place::new();
    let addr = start(&server_config(&place.issue("server", Term::Good)), None).await;
    let stranger = client_config(&Authority::new().write(place.dir.path(), "other.crt"));
    let refused = text(&call(addr, &stranger).await);
    assert!(refused.contains("UnknownIssuer"), "{refused}");
    let renamed = StorageNodeTlsConfig {
        storage_node_tls_server_name: Some("example.com".to_owned()),
        ..place.client()
    };
    let refused = text(&call(addr, &renamed).await);
    assert!(refused.contains("example.com"), "{refused}");
    let careless = StorageNodeTlsConfig {
        storage_node_tls_insecure_skip_verify: true,
        ..stranger
    };
    assert!(is_reached(&call(addr, &careless).await));

    let addr = start(&server_config(&place.issue("old", Term::Expired)), None).await;
    let refused = text(&call(addr, &place.client()).await);
    assert!(refused.contains("expired"), "{refused}");
}

#[tokio::test]
async fn plain_clients_of_a_node_with_tls_are_told() {
    let place = Place::new();
    let addr = start(&server_config(&place.issue("server", Term::Good)), None).await;
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    let answer = asked.await.unwrap().unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 400 ") && answer.contains("HTTPS only"),
        "{answer}"
    );
    let status = call(addr, &StorageNodeTlsConfig::default()).await;
    assert!(!is_reached(&status), "{status}");
}

#[tokio::test]
async fn clients_with_tls_of_a_plain_node_are_told() {
    let place = Place::new();
    let addr = start(&TlsConfig::default(), None).await;
    let refused = text(&call(addr, &place.client()).await);
    assert!(refused.contains("does not speak TLS"), "{refused}");
}

#[tokio::test]
async fn callers_without_a_certificate_are_refused_where_one_is_demanded() {
    let place = Place::new();
    let server = server_config(&place.issue("server", Term::Good));
    let client = place.client();
    let addr = start(&server, client.storage_node_tls_ca_file.as_deref()).await;
    let status = call(addr, &client).await;
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    let with = |files: Files| StorageNodeTlsConfig {
        storage_node_tls_cert_file: Some(files.certificate),
        storage_node_tls_key_file: Some(files.key),
        ..client.clone()
    };
    let status = call(addr, &with(place.issue("client", Term::Good))).await;
    assert!(is_reached(&status), "{status}");
    for files in [
        Authority::new().issue(place.dir.path(), "stranger", Term::Good),
        place.issue("old", Term::Expired),
    ] {
        let status = call(addr, &with(files)).await;
        assert!(!is_reached(&status), "{status}");
    }
}

#[tokio::test]
async fn certificates_are_read_again_when_they_change() {
    let place = Place::new();
    let server = place.issue("server", Term::Good);
    let addr = start(&server_config(&server), None).await;
    let (old, next) = (place.client(), Authority::new());
    let new = client_config(&next.write(place.dir.path(), "next.crt"));
    assert!(is_reached(&call(addr, &old).await) && !is_reached(&call(addr, &new).await));
    // A client that runs on takes the new authority too.
    let credentials = Credentials::default().with_tls(old.client().unwrap());
    let running = RemoteNode::new(&addr.to_string(), credentials).unwrap();
    fs::write(&server.key, "half a file").unwrap();
    assert!(is_reached(&call(addr, &old).await), "a bad key is not taken");
    next.issue(place.dir.path(), "server", Term::Good);
    let deadline = Instant::now() + PATIENCE;
    while !is_reached(&call(addr, &new).await) {
        assert!(Instant::now() < deadline, "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    next.write(place.dir.path(), "ca.crt");
    while !is_reached(&running.hello().await.expect_err("no call is known")) {
        assert!(Instant::now() < deadline, "the new authority is not trusted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn bad_files_are_named_at_the_start() {
    let place = Place::new();
    let (good, other) = (place.issue("good", Term::Good), place.issue("other", Term::Good));
    let refusal = |certificate: &Path, key: &Path| {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let refused = server_config(&files).server(None).err();
        refused.expect("bad files").to_string()
    };
    let missing = place.dir.path().join("missing");
    assert!(refusal(&missing, &good.key).contains("missing"));
    assert!(refusal(&good.certificate, &missing).contains("missing"));
    assert!(refusal(&good.key, &good.key).contains("no certificate"));
    assert!(refusal(&good.certificate, &good.certificate).contains("no private key"));
    assert!(refusal(&good.certificate, &other.key).contains("cannot be used"));
    let half = TlsConfig {
        tls_key_file: None,
        ..server_config(&good)
    };
    assert!(half.server(None).is_err());
}
