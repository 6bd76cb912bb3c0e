//! A cluster in which all say who they are: TLS on every socket, certificates on both sides between nodes, and a secret.

use common::rpc::{Credentials, RemoteNode, Secret, SecretConfig};
use common::tls::StorageNodeTlsConfig;
use std::path::Path;
use tests::certificates::{Authority, Files, Term};
use tests::cluster::Layout;
use tests::sample;
use tonic::Code;

const SECRET: &str = "sesame-of-the-cluster";

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// A pair of files under the flags that begin with `prefix`.
fn pair(prefix: &str, files: &Files) -> [String; 2] {
    [
        flag(&format!("{prefix}CertFile"), &files.certificate),
        flag(&format!("{prefix}KeyFile"), &files.key),
    ]
}

#[test]
fn a_cluster_with_certificates_and_a_secret_works_and_lets_no_stranger_in() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let ca = authority.write(dir.path(), "ca.crt");
    let [storage, front] = ["storage", "front"].map(|name| authority.issue(dir.path(), name, Term::Good));
    let secret = dir.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();

    let common = |own: &Files| {
        let mut flags = vec!["--tls".to_owned(), flag("cluster.secretFile", &secret)];
        flags.extend(pair("tls", own));
        flags
    };
    let mut storage_flags = common(&storage);
    storage_flags.extend(["--internal.tls".to_owned(), flag("internal.tlsCAFile", &ca)]);
    let mut front_flags = common(&front);
    front_flags.extend(["--storageNode.tls".to_owned(), flag("storageNode.tlsCAFile", &ca)]);
    front_flags.extend(pair("storageNode.tls", &front));
    let layout = Layout {
        storage_flags,
        insert_flags: front_flags.clone(),
        select_flags: front_flags,
        authority: Some(authority.pem().to_owned()),
        ..Layout::default()
    };
    let cluster = layout.start();

    let trace = "0af7651916cd43dd8448eb211c80319c";
    cluster.insert[0].send_otlp_json(&sample::trace(trace, "shop", 20));
    let found = cluster.select[0].get_json(&format!("/select/jaeger/api/traces/{trace}"));
    assert_eq!(found["data"][0]["spans"].as_array().unwrap().len(), 20);
    cluster.wait_for_equal_digests();

    let addr = cluster.storage[0].http_addr().to_string();
    let trusting = StorageNodeTlsConfig {
        storage_node_tls: true,
        storage_node_tls_ca_file: Some(ca),
        ..StorageNodeTlsConfig::default()
    };
    let certified = StorageNodeTlsConfig {
        storage_node_tls_cert_file: Some(front.certificate),
        storage_node_tls_key_file: Some(front.key),
        ..trusting.clone()
    };
    let known = SecretConfig {
        cluster_secret_file: Some(secret),
    };
    let known = || known.credentials().unwrap();
    let unknown = || Credentials::new(Secret::new(b"another"));
    let plain = StorageNodeTlsConfig::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for (credentials, tls, code) in [
            (known(), &certified, Code::Ok),
            (known(), &trusting, Code::Unauthenticated),
            (unknown(), &certified, Code::Unauthenticated),
            (Credentials::default(), &certified, Code::Unauthenticated),
            (known(), &plain, Code::Unavailable),
        ] {
            let node = RemoteNode::new(&addr, credentials.with_tls(tls.client().unwrap())).unwrap();
            let answer = node.hello().await;
            let got = answer.as_ref().map_or_else(|status| status.code(), |_| Code::Ok);
            // What a client makes of a connection that speaks another protocol differs.
            let is_expected = got == code || (code == Code::Unavailable && answer.is_err());
            assert!(is_expected, "{tls:?}: {answer:?}");
        }
    });
    for node in cluster.storage.iter().chain(&cluster.insert).chain(&cluster.select) {
        assert!(!node.log().contains(SECRET), "{}", node.log());
    }
}
