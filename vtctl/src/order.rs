//! What the arguments come to: a question, or an order with what it will do. Pure.

use super::What;
use super::snapshots::SnapshotOrder;
use serde_json::json;

/// What is sent to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// `GET` of a path
    Question(&'static str),
    Order(Order),
    /// To all members
    Snapshots {
        order: SnapshotOrder,
        /// As of an [`Order`]
        warning: Option<String>,
    },
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

/// Makes a request of the first argument and those that may follow. A snapshot that shall be made and has no name is called
/// `unnamed`.
///
/// # Errors
/// Says what is expected.
pub(crate) fn request(what: What, arguments: &[&str], unnamed: &str) -> Result<Request, BadArguments> {
    if what == What::Snapshot {
        return snapshot(arguments, unnamed);
    }
    let argument = match arguments {
        [] => None,
        [argument] => Some(*argument),
        [_, more, ..] => return Err(BadArguments(format!("{more:?} is one argument too many"))),
    };
    let question = match (what, argument) {
        (What::Status, None) => "/cluster/status",
        (What::Members, None) => "/cluster/members",
        (What::Slots, None) => "/cluster/slots",
        (What::Settings, None) => "/cluster/settings",
        (What::Transfers, None) => "/cluster/transfers",
        (What::Raft, None) => "/cluster/raft",
        _ => return order(what, argument).map(Request::Order),
    };
    Ok(Request::Question(question))
}

fn snapshot(arguments: &[&str], unnamed: &str) -> Result<Request, BadArguments> {
    let (order, warning) = match arguments {
        ["create"] => (SnapshotOrder::Create(unnamed.to_owned()), None),
        ["create", name] => (SnapshotOrder::Create(named(name)?), None),
        ["list"] => (SnapshotOrder::List, None),
        ["delete", name] => {
            let warning = format!("Snapshot {name} will be deleted on all members. What was not copied away is lost.");
            (SnapshotOrder::Delete(named(name)?), Some(warning))
        }
        _ => return Err(BadArguments("expected create [NAME], list, or delete NAME".to_owned())),
    };
    Ok(Request::Snapshots { order, warning })
}

/// A name, as nodes take it, and as it may stand in a path.
fn named(name: &str) -> Result<String, BadArguments> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !name.is_empty() && name.bytes().all(fits) {
        true => Ok(name.to_owned()),
        false => Err(BadArguments(format!(
            "a name of a snapshot has letters, digits, '-' and '_', and this is none: {name:?}"
        ))),
    }
}

fn order(what: What, argument: Option<&str>) -> Result<Order, BadArguments> {
    let expected = |what: &str| BadArguments(format!("expected {what}"));
    let node = || argument.ok_or_else(|| expected("the id or address of a node"));
    let about = |node: &str| json!({ "node": node }).to_string();
    let (path, body, warning) = match what {
        What::Status | What::Members | What::Slots | What::Raft | What::Snapshot => {
            return Err(expected("nothing more"));
        }
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
        match request(what, &[argument], "now") {
            Ok(Request::Order(order)) => order,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_shown_needs_no_more() {
        assert_eq!(
            request(What::Transfers, &[], "now"),
            Ok(Request::Question("/cluster/transfers"))
        );
        assert_eq!(
            request(What::Settings, &[], "now"),
            Ok(Request::Question("/cluster/settings"))
        );
        for what in [What::Status, What::Members, What::Slots, What::Raft] {
            assert!(request(what, &["x"], "now").is_err());
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
    fn snapshots_have_names_and_are_not_deleted_by_mistake() {
        let made = |arguments: &[&str]| match request(What::Snapshot, arguments, "now") {
            Ok(Request::Snapshots { order, warning }) => Some((order, warning.is_some())),
            _ => None,
        };
        let create = |name: &str| SnapshotOrder::Create(name.to_owned());
        assert_eq!(made(&["create"]), Some((create("now"), false)));
        assert_eq!(made(&["create", "monday"]), Some((create("monday"), false)));
        assert_eq!(made(&["list"]), Some((SnapshotOrder::List, false)));
        let deleted = made(&["delete", "monday"]);
        assert_eq!(deleted, Some((SnapshotOrder::Delete("monday".to_owned()), true)));
        for wrong in [
            &["delete"][..],
            &["list", "x"],
            &["create", "a&b"],
            &["create", ""],
            &[],
            &["make"],
        ] {
            assert_eq!(made(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn other_arguments_are_refused() {
        for (what, argument) in [
            (What::Drain, &[][..]),
            (What::Drain, &["a:1", "b:1"]),
            (What::Repair, &[]),
            (What::Transfers, &["stop"]),
            (What::Settings, &["replication_factor=x"]),
            (What::Settings, &["slots=5"]),
        ] {
            assert!(request(what, argument, "now").is_err(), "{what:?} {argument:?}");
        }
    }
}
