//! One question or order to one of several nodes.

use super::connection::Caller;
use hyper::Method;
use std::time::Duration;

/// For what nodes answer from memory, or agree on.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The most of an error's text that is shown.
const SHOWN: usize = 500;

/// Why no node answered: what the last one said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no address is given")]
    NoAddress,
    #[error("{addr}: status {status}: {text}{}", advice(*status))]
    Refused { addr: String, status: u16, text: String },
    #[error("{addr}: {error}")]
    Unreachable { addr: String, error: String },
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => " (say who asks: --bearerTokenFile, or --username and --passwordFile)",
        403 => " (it takes a user with the right \"admin\")",
        _ => "",
    }
}

/// The body of the first good answer to `GET path`.
pub(crate) async fn ask(caller: &Caller, addrs: &[String], path: &str) -> Result<String, AskError> {
    of_first(caller, addrs, Method::GET, path, "").await
}

/// The body of the first good answer to `POST path`.
pub(crate) async fn tell(caller: &Caller, addrs: &[String], path: &str, body: &str) -> Result<String, AskError> {
    of_first(caller, addrs, Method::POST, path, body).await
}

/// A node that refuses speaks for all.
async fn of_first(
    caller: &Caller,
    addrs: &[String],
    method: Method,
    path: &str,
    body: &str,
) -> Result<String, AskError> {
    let mut failed = AskError::NoAddress;
    for addr in addrs {
        match of(caller, addr, method.clone(), path, body, PATIENCE).await {
            Ok(body) => return Ok(body),
            Err(error @ AskError::Refused { status: 400..500, .. }) => return Err(error),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The body of a node's good answer.
pub(crate) async fn of(
    caller: &Caller,
    addr: &str,
    method: Method,
    path: &str,
    body: &str,
    patience: Duration,
) -> Result<String, AskError> {
    let answered = caller.call(addr, method, path, body, patience).await;
    let answered = answered.map_err(|error| AskError::Unreachable {
        addr: addr.to_owned(),
        error: chain(error.as_ref()),
    })?;
    match answered.status {
        200 => Ok(answered.text),
        status => Err(AskError::Refused {
            addr: addr.to_owned(),
            status,
            text: answered.text.trim().chars().take(SHOWN).collect(),
        }),
    }
}

/// An error and what it comes from, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let why = error.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        source = error.source();
    }
    text
}
