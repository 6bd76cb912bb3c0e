//! What the arguments come to: a question, or an order with what it will do. Pure.

use super::What;
use serde_json::json;

/// What is sent to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// `GET` of a path
    Question(&'static str),
    Order(Order),
}

/// `POST` of a JSON body to a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Order {
    pub(crate) path: &'static str,
    pub(crate) body: String,
    /// What it will do, where that is not undone as easily: it is carried out with `--yes` only
    pub(crate) warning: Option<String>,
}

/// Arguments that make no sense together.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadArguments(String);

/// Makes a request of the first argument and the one that may follow.
///
/// # Errors
/// Says what is expected.
pub(crate) fn request(what: What, argument: Option<&str>) -> Result<Request, BadArguments> {
    let question = match (what, argument) {
        (What::Status, None) => "/cluster/status",
        (What::Members, None) => "/cluster/members",
        (What::Slots, None) => "/cluster/slots",
        (What::Settings, None) => "/cluster/settings",
        (What::Transfers, None) => "/cluster/transfers",
        _ => return order(what, argument).map(Request::Order),
    };
    Ok(Request::Question(question))
}

fn order(what: What, argument: Option<&str>) -> Result<Order, BadArguments> {
    let expected = |what: &str| BadArguments(format!("expected {what}"));
    let node = || argument.ok_or_else(|| expected("the id or address of a node"));
    let about = |node: &str| json!({ "node": node }).to_string();
    let (path, body, warning) = match what {
        What::Status | What::Members | What::Slots => return Err(expected("nothing more")),
        What::Transfers => match argument {
            Some("pause") => ("/cluster/transfers/pause", String::new(), None),
            Some("resume") => ("/cluster/transfers/resume", String::new(), None),
            _ => return Err(expected("pause or resume")),
        },
        What::Settings => {
            let setting = argument.and_then(|argument| argument.strip_prefix("replication_factor="));
            let factor = setting.and_then(|text| text.parse::<u8>().ok());
            let factor = factor.ok_or_else(|| expected("replication_factor=COPIES"))?;
            let warning = format!(
                "Each span will be kept {factor} times. Copies are made or dropped on all nodes until that is so: more take \
                 disk space and time, fewer survive fewer failures."
            );
            let body = json!({ "replication_factor": factor }).to_string();
            ("/cluster/settings", body, Some(warning))
        }
        What::Join => ("/cluster/join", about(node()?), None),
        What::Drain => {
            let node = node()?;
            let warning = format!(
                "Node {node} will take no new spans. All that it holds is moved to the others, which need the disk space \
                 for it; then it is no member any more. `vtctl join {node}` stops that."
            );
            ("/cluster/drain", about(node), Some(warning))
        }
        What::Remove => {
            let node = node()?;
            let warning = format!(
                "Node {node} will be removed from the cluster for ever. As long as it is named as a holder of spans it is \
                 drained instead: remove it again then. Hints that it keeps for others are lost with it."
            );
            ("/cluster/remove", about(node), Some(warning))
        }
        What::Repair => repair(argument.ok_or_else(|| expected("a node that is away, or accept-loss"))?),
    };
    Ok(Order { path, body, warning })
}

fn repair(argument: &str) -> (&'static str, String, Option<String>) {
    let (body, warning) = match argument {
        "accept-loss" => (
            json!({ "accept_loss": true }),
            "Spans that are on no node any more will not be missed any longer: answers without them count as complete."
                .to_owned(),
        ),
        node => (
            json!({ "node": node }),
            format!(
                "Node {node} will not be waited for any longer: the others make new copies of what it holds, now and not \
                 after --cluster.repairAfter."
            ),
        ),
    };
    ("/cluster/repair", body.to_string(), Some(warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(what: What, argument: &str) -> Order {
        match request(what, Some(argument)) {
            Ok(Request::Order(order)) => order,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_shown_needs_no_more() {
        assert_eq!(
            request(What::Transfers, None),
            Ok(Request::Question("/cluster/transfers"))
        );
        assert_eq!(
            request(What::Settings, None),
            Ok(Request::Question("/cluster/settings"))
        );
        for what in [What::Status, What::Members, What::Slots] {
            assert!(request(what, Some("x")).is_err());
        }
    }

    #[test]
    fn what_cannot_be_undone_is_explained() {
        for (what, argument) in [
            (What::Drain, "n1:1"),
            (What::Remove, "n1:1"),
            (What::Repair, "n1:1"),
            (What::Repair, "accept-loss"),
            (What::Settings, "replication_factor=3"),
        ] {
            assert!(ordered(what, argument).warning.is_some(), "{what:?}");
        }
        for (what, argument) in [
            (What::Join, "n1:1"),
            (What::Transfers, "pause"),
            (What::Transfers, "resume"),
        ] {
            assert_eq!(ordered(what, argument).warning, None);
        }
        assert_eq!(ordered(What::Drain, "a\"b").body, r#"{"node":"a\"b"}"#);
    }

    #[test]
    fn other_arguments_are_refused() {
        for (what, argument) in [
            (What::Drain, None),
            (What::Repair, None),
            (What::Transfers, Some("stop")),
            (What::Settings, Some("replication_factor=x")),
            (What::Settings, Some("slots=5")),
        ] {
            assert!(request(what, argument).is_err(), "{what:?} {argument:?}");
        }
    }
}
