//! Sends requests as an exporter does.

use crate::process::PATIENCE;

/// How a request was answered.
pub(super) enum Reply {
    Stored,
    Later,
    /// There was no answer
    Lost(String),
}

pub(super) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent()
}

pub(super) fn post(agent: &ureq::Agent, url: &str, body: &[u8]) -> Reply {
    match try_post(agent, url, body) {
        Reply::Lost(why) if why.starts_with("status") => panic!("{why}"),
        reply => reply,
    }
}

/// As an exporter sees it: any other status than success and "later" is a failed try.
pub(super) fn try_post(agent: &ureq::Agent, url: &str, body: &[u8]) -> Reply {
    let request = agent.post(format!("{url}/v1/traces"));
    match request.header("Content-Type", "application/x-protobuf").send(body) {
        Ok(mut answer) => match answer.status().as_u16() {
            200 => Reply::Stored,
            429 => Reply::Later,
            status => {
                let body = answer.body_mut().read_to_string().unwrap_or_default();
                Reply::Lost(format!("status {status}: {body}"))
            }
        },
        Err(error) => Reply::Lost(error.to_string()),
    }
}
