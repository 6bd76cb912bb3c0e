//! Binds the sockets.

use crate::config::ListenAddr;
use std::io;
use tokio::net::TcpListener;

/// Binds `addr`; `None` when it is switched off. On all interfaces, IPv4 alone will do where there is no IPv6.
///
/// # Errors
/// When no socket can be bound, naming the address.
pub async fn bind(addr: &ListenAddr) -> io::Result<Option<TcpListener>> {
    let mut failed = None;
    for (host, port) in addr.candidates() {
        match TcpListener::bind((host.as_str(), port)).await {
            Ok(listener) => return Ok(Some(listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(named(addr, &error)),
            Err(error) => failed = Some(named(addr, &error)),
        }
    }
    failed.map_or(Ok(None), Err)
}

fn named(addr: &ListenAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let first = bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap().unwrap();
        let taken = first.local_addr().unwrap().to_string();
        let error = bind(&taken.parse().unwrap()).await.unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("cannot listen on {taken}: ")),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_port_alone_is_open_to_ipv4() {
        let listener = bind(&":0".parse().unwrap()).await.unwrap().unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_bound_when_switched_off() {
        assert!(bind(&ListenAddr::Off).await.unwrap().is_none());
    }
}
