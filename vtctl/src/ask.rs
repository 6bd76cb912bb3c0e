//! One question to one of several nodes.

use std::time::Duration;
use ureq::Agent;

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
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let mut failed = AskError::NoAddress;
    for addr in addrs {
        match get(&agent, addr, path) {
            Ok(body) => return Ok(body),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn get(agent: &Agent, addr: &str, path: &str) -> Result<String, AskError> {
    let unreachable = |error| AskError::Unreachable {
        addr: addr.to_owned(),
        error,
    };
    let base = addr.trim_end_matches('/');
    let url = match base.contains("://") {
        true => format!("{base}{path}"),
        false => format!("http://{base}{path}"),
    };
    let mut response = agent.get(url).call().map_err(unreachable)?;
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
