//! Where to listen: `:10428`, `127.0.0.1:10428`, `[::1]:4317`, or nothing for "do not listen".

use std::fmt;
use std::str::FromStr;

/// An address to listen on. `:port` means all interfaces, of IPv6 and IPv4; port 0 lets the system choose; an empty
/// text means not to listen. Host names are looked up by whoever binds.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ListenAddr {
    #[default]
    Off,
    AllInterfaces {
        port: u16,
    },
    Host {
        /// A host name or an address, an IPv6 one without its brackets.
        host: String,
        port: u16,
    },
}

/// A text that is not an address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as :10428, 127.0.0.1:10428 or [::1]:10428, got {0:?}")]
pub struct ListenAddrError(String);

impl ListenAddr {
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// The hosts and ports to try one after the other until one can be bound; none when off.
    pub fn candidates(&self) -> Vec<(String, u16)> {
        match self {
            Self::Off => Vec::new(),
            // On Linux a socket on [::] takes IPv4 too; where IPv6 is switched off only 0.0.0.0 exists.
            Self::AllInterfaces { port } => vec![("::".to_owned(), *port), ("0.0.0.0".to_owned(), *port)],
            Self::Host { host, port } => vec![(host.clone(), *port)],
        }
    }
}

impl FromStr for ListenAddr {
    type Err = ListenAddrError;

    fn from_str(text: &str) -> Result<Self, ListenAddrError> {
        parse(text.trim()).ok_or_else(|| ListenAddrError(text.chars().take(200).collect()))
    }
}

fn parse(text: &str) -> Option<ListenAddr> {
    if text.is_empty() {
        return Some(ListenAddr::Off);
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| port.parse().ok())
        .flatten()?;
    if host.is_empty() {
        return Some(ListenAddr::AllInterfaces { port });
    }
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let valid = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "[]/".contains(c));
    valid.then(|| ListenAddr::Host {
        host: host.to_owned(),
        port,
    })
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => Ok(()),
            Self::AllInterfaces { port } => write!(f, ":{port}"),
            Self::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl From<ListenAddr> for String {
    fn from(addr: ListenAddr) -> Self {
        addr.to_string()
    }
}

impl TryFrom<String> for ListenAddr {
    type Error = ListenAddrError;

    fn try_from(text: String) -> Result<Self, ListenAddrError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_print() {
        for text in ["", ":10428", "127.0.0.1:0", "[::1]:4317", "localhost:80"] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_port_alone_means_all_interfaces() {
        let addr: ListenAddr = ":4317".parse().unwrap();
        assert_eq!(
            addr.candidates(),
            [("::".to_owned(), 4317), ("0.0.0.0".to_owned(), 4317)]
        );
        assert!(ListenAddr::Off.candidates().is_empty());
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "4317",
            "host",
            "host:",
            "host:x",
            "host:70000",
            "::1:80",
            "[]:80",
            "[::1:80",
            "a b:1",
            ":+80",
        ] {
            assert!(text.parse::<ListenAddr>().is_err(), "{text:?}");
        }
    }
}
