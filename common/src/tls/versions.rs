//! Which versions and cipher suites of TLS are spoken, under the names that VictoriaMetrics and the registry of IANA have
//! for them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// The oldest version that a listener speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MinVersion {
    #[default]
    Tls12,
    Tls13,
}

impl FromStr for MinVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            "TLS10" | "TLS11" => Err("TLS 1.0 and 1.1 are not safe and not supported: TLS12 or TLS13".to_owned()),
            _ => Err("expected TLS12 or TLS13".to_owned()),
        }
    }
}

impl fmt::Display for MinVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS12",
            Self::Tls13 => "TLS13",
        })
    }
}

impl MinVersion {
    pub(super) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls12 => BOTH,
            Self::Tls13 => NEWEST,
        }
    }
}

static NEWEST: &[&SupportedProtocolVersion] = &[&TLS13];
static BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A cipher suite of TLS 1.2, by its name at IANA.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CipherSuite(SupportedCipherSuite);

impl FromStr for CipherSuite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of_12 = |suite: &&SupportedCipherSuite| suite.tls13().is_none();
        let known = || ring::ALL_CIPHER_SUITES.iter().filter(of_12);
        let found = known().find(|suite| name(suite).eq_ignore_ascii_case(text.trim()));
        found.map(|suite| Self(*suite)).ok_or_else(|| {
            let names: Vec<String> = known().map(name).collect();
            format!("expected some of {}", names.join(", "))
        })
    }
}

fn name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite())
}

/// The cryptography with these suites for TLS 1.2, in this order; with all if none is named. Those of TLS 1.3 are always
/// spoken.
pub(super) fn provider(suites: &[CipherSuite]) -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    if !suites.is_empty() {
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(suites.iter().map(|suite| suite.0));
    }
    Arc::new(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_names_of_victoriametrics() {
        assert_eq!("tls13".parse(), Ok(MinVersion::Tls13));
        assert_eq!("TLS12".parse(), Ok(MinVersion::Tls12));
        assert!("TLS10".parse::<MinVersion>().unwrap_err().contains("not safe"));
        assert!("1.3".parse::<MinVersion>().is_err());
    }

    #[test]
    fn cipher_suites_have_the_names_of_iana() {
        let suite: CipherSuite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".parse().unwrap();
        let suites = provider(&[suite]).cipher_suites.clone();
        assert_eq!(suites.iter().filter(|suite| suite.tls13().is_none()).count(), 1);
        assert!(suites.iter().any(|suite| suite.tls13().is_some()));
        let error = "TLS_RSA_WITH_RC4_128_SHA".parse::<CipherSuite>().unwrap_err();
        assert!(error.contains("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"), "{error}");
    }
}
