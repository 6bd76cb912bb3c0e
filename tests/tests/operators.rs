//! `vtctl` beside a storage node that speaks TLS only and asks who it is.

use ring::digest::{SHA256, digest};
use std::fs;
use std::path::Path;
use tests::certificates::{Authority, Term};
use tests::process::{Finished, Options, Program};
use tests::vtctl::vtctl;

/// An operator by token and one by password, and somebody with another right.
fn users() -> String {
    let hash = bcrypt::hash("open sesame", 4).unwrap();
    let [token, other] = ["operator-token", "metrics-token"].map(|token| hex(token.as_bytes()));
    format!(
        r#"
        [[user]]
        name = "by-token"
        token_sha256 = "{token}"
        rights = ["admin"]
        tenants = ["*"]
        [[user]]
        name = "by-password"
        password_hash = "{hash}"
        rights = ["admin"]
        tenants = ["*"]
        [[user]]
        name = "other"
        token_sha256 = "{other}"
        rights = ["metrics"]
        tenants = ["*"]
        "#
    )
}

fn hex(text: &[u8]) -> String {
    let bytes = digest(&SHA256, text);
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Neither output has a secret in it.
fn says_no_secret(done: &Finished) {
    for secret in ["sesame", "-token\n", "operator-token", "Basic ", "Bearer "] {
        assert!(
            !done.stdout.contains(secret) && !done.stderr.contains(secret),
            "{done:?}"
        );
    }
}

#[test]
fn a_node_with_tls_and_users_is_told_who_asks_and_shown_to_be_itself() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let authority = Authority::new();
    let ca = authority.write(dir, "ca.crt").display().to_string();
    let wrong_ca = Authority::new().write(dir, "other.crt").display().to_string();
    let own = authority.issue(dir, "node", Term::Good);
    let client = authority.issue(dir, "client", Term::Good);
    let client = [&client.certificate, &client.key].map(|path| path.display().to_string());
    let users = write(dir, "users.toml", &users());
    let secret = write(dir, "secret", "of the cluster");
    let [token, other_token, password, wrong_password] = [
        ("token", "operator-token\n"),
        ("other-token", "metrics-token"),
        ("password", "open sesame\n"),
        ("wrong", "shut"),
    ]
    .map(|(name, text)| write(dir, name, text));
    let node = Options::of(Program::Storage)
        .trusting(authority.pem())
        .flag("--tls")
        .flag(format!("--tlsCertFile={}", own.certificate.display()))
        .flag(format!("--tlsKeyFile={}", own.key.display()))
        .flag(format!("--internal.tlsCAFile={ca}"))
        .flag(format!("--cluster.secretFile={secret}"))
        .flag(format!("--auth.config={users}"))
        .start();
    let addr = node.http_addr().to_string();
    let https = format!("https://{addr}");
    let ask = |flags: &[&str]| {
        let arguments: Vec<&str> = ["members", "--addr", &addr].iter().chain(flags).copied().collect();
        let done = vtctl(&arguments, &[]);
        says_no_secret(&done);
        done
    };

    let ca_flag: &[&str] = &["--tlsCAFile", &ca];
    let by_token: &[&str] = &["--bearerTokenFile", &token];
    let by_password: &[&str] = &["--username", "by-password", "--passwordFile", &password];
    let show: &[&str] = &["--tlsCertFile", &client[0], "--tlsKeyFile", &client[1]];
    for good in [
        [ca_flag, by_token].concat(),
        [ca_flag, by_password].concat(),
        [ca_flag, by_token, show].concat(),
        [ca_flag, by_token, &["--tlsServerName", "localhost"]].concat(),
        [&["--tlsInsecureSkipVerify"], by_token].concat(),
        [&["-tls", "-tlsCAFile", &ca, "-addr", &https], by_token].concat(),
    ] {
        let done = ask(&good);
        assert!(
            done.status.success() && done.stdout.contains(&addr),
            "{good:?}: {done:?}"
        );
    }
    for (bad, why) in [
        ([ca_flag].concat(), "status 401"),
        (
            [ca_flag, by_token, &["--tlsServerName", "elsewhere"]].concat(),
            "elsewhere",
        ),
        ([&["--tlsCAFile", &wrong_ca], by_token].concat(), "UnknownIssuer"),
        ([&["--tls"], by_token].concat(), "certificate"),
        (by_token.to_vec(), "HTTPS"),
        ([ca_flag, &["--bearerTokenFile", &other_token]].concat(), "status 403"),
        ([ca_flag, &["--bearerTokenFile", &password]].concat(), "status 401"),
        ([ca_flag, &["--bearerTokenFile", "/missing"]].concat(), "/missing"),
        ([&["--tlsCAFile", "/missing"], by_token].concat(), "/missing"),
        (
            [ca_flag, by_token, &["--tlsCertFile", &client[0]]].concat(),
            "--tlsKeyFile",
        ),
        (
            [
                ca_flag,
                &["--username", "by-password", "--passwordFile", &wrong_password],
            ]
            .concat(),
            "status 401",
        ),
    ] {
        let done = ask(&bad);
        assert_eq!(done.status.code(), Some(1), "{bad:?}: {done:?}");
        assert!(done.stderr.contains(why) && done.stdout.is_empty(), "{bad:?}: {done:?}");
    }
    // A password on the command line is not taken, nor one without a name.
    for wrong in [
        &["--password", "x"][..],
        &["--passwordFile", &password],
        &["--username", "x"],
    ] {
        assert_eq!(ask(wrong).status.code(), Some(2), "{wrong:?}");
    }

    let variables = [
        ("VT_TLSCAFILE", ca.as_str()),
        ("VT_bearerTokenFile", &token),
        ("VT_ADDR", &addr),
    ];
    let done = vtctl(&["snapshot", "create", "monday"], &variables);
    assert!(done.status.success() && done.stdout.contains("monday"), "{done:?}");
    says_no_secret(&done);
    let unsure = vtctl(
        &["snapshot", "delete", "monday"],
        &[&variables[..], &[("VT_yes", "true")]].concat(),
    );
    assert!(unsure.stderr.contains("With --yes"), "{unsure:?}");
    let log = node.log();
    assert!(!log.contains("sesame") && !log.contains("operator-token"), "{log}");
}
