//! Snapshots of all members of a cluster: made, listed and deleted on each of them at a time.

use super::ask::{self, AskError};
use super::connection::Caller;
use futures::future::join_all;
use hyper::Method;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

/// How long a member may take: it syncs its disk.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SnapshotOrder {
    Create(String),
    List,
    Delete(String),
}

/// What came of it, to be shown.
#[derive(Serialize, Debug)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Done(Done),
    Listed(Listed),
}

/// What each member did.
#[derive(Serialize, Debug)]
pub(crate) struct Done {
    snapshot: String,
    members: Vec<MemberDone>,
}

#[derive(Serialize, Debug)]
struct MemberDone {
    id: String,
    addr: String,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What is there.
#[derive(Serialize, Debug)]
pub(crate) struct Listed {
    snapshots: Vec<Listing>,
    /// Members that gave no list
    unknown: Vec<Unknown>,
}

/// A name, and what members have under it.
#[derive(Serialize, PartialEq, Debug)]
struct Listing {
    name: String,
    made: String,
    /// The members that have it
    members: usize,
    /// Addresses of the others
    missing: Vec<String>,
    versions: BTreeSet<u64>,
    /// Each member has it, of one version: the cluster can be restored from it
    complete: bool,
}

#[derive(Serialize, PartialEq, Debug)]
struct Unknown {
    id: String,
    addr: String,
    error: String,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<Member>,
}

#[derive(Deserialize, Clone)]
struct Member {
    id: String,
    addr: String,
}

#[derive(Deserialize)]
struct Made {
    snapshot: Record,
}

#[derive(Deserialize)]
struct Records {
    snapshots: Vec<Record>,
}

#[derive(Deserialize, Clone)]
struct Record {
    name: String,
    made_unix_ms: u64,
    version: Option<u64>,
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the answer is not of a storage node: {0}")]
    Strange(#[from] serde_json::Error),
}

/// Asks the first node of `addrs` that answers for the members, and has each of them carry out the order.
///
/// # Errors
/// When the members are not known. What single members cannot do is in the outcome.
pub(crate) async fn carry_out(
    caller: &Caller,
    addrs: &[String],
    order: &SnapshotOrder,
) -> Result<Outcome, SnapshotError> {
    let members = ask::ask(caller, addrs, "/cluster/members").await?;
    let Members { members } = serde_json::from_str(&members)?;
    let path = match order {
        SnapshotOrder::Create(name) => format!("/internal/snapshot/create?name={name}"),
        SnapshotOrder::Delete(name) => format!("/internal/snapshot/delete?name={name}"),
        SnapshotOrder::List => "/internal/snapshot/list".to_owned(),
    };
    let told = members.iter().map(|member| {
        let path = &path;
        async move { ask::of(caller, &member.addr, Method::POST, path, "", PATIENCE).await }
    });
    let answers = members.iter().cloned().zip(join_all(told).await).collect();
    Ok(match order {
        SnapshotOrder::List => Outcome::Listed(listed(answers)),
        SnapshotOrder::Create(name) | SnapshotOrder::Delete(name) => Outcome::Done(done(name, answers)),
    })
}

type Answers = Vec<(Member, Result<String, AskError>)>;

fn done(name: &str, answers: Answers) -> Done {
    let member = |(member, answer): (Member, Result<String, AskError>)| {
        let (version, error) = match answer {
            Ok(body) => (
                serde_json::from_str(&body)
                    .ok()
                    .and_then(|made: Made| made.snapshot.version),
                None,
            ),
            Err(error) => (None, Some(error.to_string())),
        };
        MemberDone {
            id: member.id,
            addr: member.addr,
            done: error.is_none(),
            version,
            error,
        }
    };
    Done {
        snapshot: name.to_owned(),
        members: answers.into_iter().map(member).collect(),
    }
}

fn listed(answers: Answers) -> Listed {
    let mut unknown = Vec::new();
    let mut known: Vec<String> = Vec::new();
    let mut by_name: BTreeMap<String, Vec<(String, Record)>> = BTreeMap::new();
    for (member, answer) in answers {
        let records = answer
            .map_err(|error| error.to_string())
            .and_then(|body| serde_json::from_str::<Records>(&body).map_err(|error| error.to_string()));
        match records {
            Ok(Records { snapshots }) => {
                known.push(member.addr.clone());
                for record in snapshots {
                    let held = by_name.entry(record.name.clone()).or_default();
                    held.push((member.addr.clone(), record));
                }
            }
            Err(error) => unknown.push(Unknown {
                id: member.id,
                addr: member.addr,
                error,
            }),
        }
    }
    let all_known = unknown.is_empty();
    let listing = |(name, held): (String, Vec<(String, Record)>)| listing(name, &held, &known, all_known);
    Listed {
        snapshots: by_name.into_iter().map(listing).collect(),
        unknown,
    }
}

fn listing(name: String, held: &[(String, Record)], known: &[String], all_known: bool) -> Listing {
    let has = |addr: &&String| held.iter().any(|(holder, _)| holder == *addr);
    let missing: Vec<String> = known.iter().filter(|addr| !has(addr)).cloned().collect();
    let versions: BTreeSet<u64> = held.iter().filter_map(|(_, record)| record.version).collect();
    let first = held.iter().map(|(_, record)| record.made_unix_ms).min().unwrap_or(0);
    Listing {
        name,
        made: humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(first)).to_string(),
        members: held.len(),
        complete: all_known && missing.is_empty() && versions.len() <= 1,
        missing,
        versions,
    }
}

impl Outcome {
    /// What was not as it should be, if anything.
    pub(crate) fn fault(&self, order: &SnapshotOrder) -> Option<String> {
        match (self, order) {
            (Self::Listed(listed), _) if listed.unknown.is_empty() => None,
            (Self::Listed(listed), _) => Some(format!("{} members gave no list", listed.unknown.len())),
            (Self::Done(done), SnapshotOrder::Create(name)) => done.fault("made").or_else(|| {
                let versions: BTreeSet<Option<u64>> = done.members.iter().map(|member| member.version).collect();
                (versions.len() > 1).then(|| {
                    format!(
                        "the cluster has changed meanwhile, and the snapshots do not fit together: \
                         vtctl snapshot delete {name} --yes, and make another one"
                    )
                })
            }),
            (Self::Done(done), _) => done.fault("deleted"),
        }
    }
}

impl Done {
    fn fault(&self, verb: &str) -> Option<String> {
        let (all, failed) = (
            self.members.len(),
            self.members.iter().filter(|member| !member.done).count(),
        );
        (failed > 0).then(|| format!("{} was not {verb} on {failed} of {all} members", self.snapshot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str) -> Member {
        Member {
            id: id.to_owned(),
            addr: format!("{id}:1"),
        }
    }

    fn away(addr: &str) -> Result<String, AskError> {
        Err(AskError::Unreachable {
            addr: addr.to_owned(),
            error: "refused".to_owned(),
        })
    }

    fn made(version: u64) -> Result<String, AskError> {
        Ok(format!(
            r#"{{"snapshot":{{"format":1,"name":"monday","made_unix_ms":0,"cluster":"c","node":"n","version":{version}}}}}"#
        ))
    }

    fn fault(answers: Answers) -> Option<String> {
        let order = SnapshotOrder::Create("monday".to_owned());
        Outcome::Done(done("monday", answers)).fault(&order)
    }

    #[test]
    fn a_snapshot_is_good_when_all_members_made_it_of_one_version() {
        assert_eq!(fault(vec![(member("a"), made(7)), (member("b"), made(7))]), None);
        let changed = fault(vec![(member("a"), made(7)), (member("b"), made(8))]).unwrap();
        assert!(changed.contains("do not fit together"), "{changed}");
        let lacking = fault(vec![(member("a"), made(7)), (member("b"), away("b:1"))]).unwrap();
        assert_eq!(lacking, "monday was not made on 1 of 2 members");
    }

    #[test]
    fn lists_say_which_snapshots_can_be_restored() {
        let record =
            |name: &str, version: u64| format!(r#"{{"name":"{name}","made_unix_ms":1000,"version":{version}}}"#);
        let list = |records: &[String]| Ok(format!(r#"{{"snapshots":[{}]}}"#, records.join(",")));
        let answers = || {
            vec![
                (member("a"), list(&[record("x", 1), record("y", 1), record("z", 1)])),
                (member("b"), list(&[record("x", 1), record("y", 2)])),
            ]
        };
        let all = listed(answers());
        let complete: Vec<_> = all.snapshots.iter().map(|l| (l.name.as_str(), l.complete)).collect();
        assert_eq!(complete, [("x", true), ("y", false), ("z", false)]);
        assert_eq!(all.snapshots[2].missing, ["b:1"]);
        assert_eq!(all.snapshots[0].made, "1970-01-01T00:00:01Z");
        let mut answers = answers();
        answers.push((member("c"), away("c:1")));
        let some = listed(answers);
        assert!(some.snapshots.iter().all(|listing| !listing.complete));
        assert_eq!(some.unknown.len(), 1);
        assert!(Outcome::Listed(some).fault(&SnapshotOrder::List).is_some());
    }
}
