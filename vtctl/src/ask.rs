//! One question or order to one of several nodes.

use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

const PATIENCE: Duration = Duration::from_secs(5);

/// The most of an error's text that is shown.
const SHOWN: usize = 500;

/// Why no node answered: what the last one said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no address is given")]
    NoAddress,
    #[error("{addr}: status {status}: {text}")]
    Refused { addr: String, status: u16, text: String },
    #[error("{addr}: {error}")]
    Unreachable { addr: String, error: ureq::Error },
}

/// The body of the first good answer to `GET path`.
pub(crate) fn ask(addrs: &[String], path: &str) -> Result<String, AskError> {
    of_first(addrs, |agent, addr| answered(addr, agent.get(url(addr, path)).call()))
}

/// The body of the first good answer to `POST path`. A node that refuses speaks for all.
pub(crate) fn tell(addrs: &[String], path: &str, body: &str) -> Result<String, AskError> {
    of_first(addrs, |agent, addr| {
        let request = agent.post(url(addr, path)).content_type("application/json");
        answered(addr, request.send(body))
    })
}

fn of_first(addrs: &[String], ask: impl Fn(&Agent, &str) -> Result<String, AskError>) -> Result<String, AskError> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let mut failed = AskError::NoAddress;
    for addr in addrs {
        match ask(&agent, addr) {
            Ok(body) => return Ok(body),
            Err(error @ AskError::Refused { status: 400..500, .. }) => return Err(error),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn url(addr: &str, path: &str) -> String {
    let base = addr.trim_end_matches('/');
    match base.contains("://") {
        true => format!("{base}{path}"),
        false => format!("http://{base}{path}"),
    }
}

fn answered(addr: &str, response: Result<Response<Body>, ureq::Error>) -> Result<String, AskError> {
    let unreachable = |error| AskError::Unreachable {
        addr: addr.to_owned(),
        error,
    };
    let mut response = response.map_err(unreachable)?;
    let body = response.body_mut().read_to_string().map_err(unreachable)?;
    match response.status().as_u16() {
        200 => Ok(body),
        status => Err(AskError::Refused {
            addr: addr.to_owned(),
            status,
            text: body.trim().chars().take(SHOWN).collect(),
        }),
    }
}
