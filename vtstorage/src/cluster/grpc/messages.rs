//! The contract's types as messages and back.

use crate::cluster::peer::{ConsensusMessage, Introduction, LeaseOutcome, LeaseReply, LeaseRequest};
use common::cluster::{ClusterId, Incarnation, NewMember, NodeId};
use common::rpc::proto;
use std::time::Duration;

/// A message that breaks the rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad message: {0}")]
pub(super) struct BadMessage(pub(super) &'static str);

fn bytes_of(id: u128) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

pub(super) fn id_of(bytes: &[u8]) -> Result<u128, BadMessage> {
    let bytes = bytes.try_into().map_err(|_| BadMessage("an id has 16 bytes"))?;
    Ok(u128::from_be_bytes(bytes))
}

pub(super) fn cluster_bytes(cluster: ClusterId) -> Vec<u8> {
    bytes_of(cluster.0)
}

pub(super) fn record(member: NewMember) -> proto::NodeRecord {
    proto::NodeRecord {
        node: member.id.0,
        addr: member.addr,
        zone: member.zone,
        incarnation: bytes_of(member.incarnation.0).into(),
    }
}

pub(super) fn member_of(record: proto::NodeRecord) -> Result<NewMember, BadMessage> {
    Ok(NewMember {
        id: NodeId(record.node),
        addr: record.addr,
        zone: record.zone,
        incarnation: Incarnation(id_of(&record.incarnation)?),
    })
}

pub(super) fn introduction(introduction: Introduction) -> proto::Introduction {
    proto::Introduction {
        node: Some(record(introduction.member)),
        cluster: introduction.cluster.map(cluster_bytes).unwrap_or_default().into(),
        seen: introduction.seen.into_iter().map(|node| node.0).collect(),
        standalone: introduction.standalone,
    }
}

pub(super) fn introduction_of(message: proto::Introduction) -> Result<Introduction, BadMessage> {
    let record = message.node.ok_or(BadMessage("an introduction names the node"))?;
    let cluster = match message.cluster.is_empty() {
        true => None,
        false => Some(ClusterId(id_of(&message.cluster)?)),
    };
    Ok(Introduction {
        member: member_of(record)?,
        cluster,
        seen: message.seen.into_iter().map(NodeId).collect(),
        standalone: message.standalone,
    })
}

pub(super) fn raft_message(message: ConsensusMessage) -> proto::RaftMessage {
    proto::RaftMessage {
        cluster: cluster_bytes(message.cluster).into(),
        target: message.target.0,
        body: message.body.into(),
    }
}

pub(super) fn lease_request(request: LeaseRequest) -> proto::LeaseRequest {
    proto::LeaseRequest {
        node: request.node.0,
        incarnation: bytes_of(request.incarnation.0).into(),
        version: request.version,
        healthy: request.healthy,
    }
}

pub(super) fn lease_request_of(message: &proto::LeaseRequest) -> Result<LeaseRequest, BadMessage> {
    Ok(LeaseRequest {
        node: NodeId(message.node),
        incarnation: Incarnation(id_of(&message.incarnation)?),
        version: message.version,
        healthy: message.healthy,
    })
}

pub(super) fn lease_response(reply: LeaseReply) -> proto::LeaseResponse {
    use proto::lease_response::Outcome;
    let (outcome, lease) = match reply.outcome {
        LeaseOutcome::Granted(lease) => (Outcome::Granted, lease),
        LeaseOutcome::Denied => (Outcome::Denied, Duration::ZERO),
        LeaseOutcome::NotLeader => (Outcome::NotLeader, Duration::ZERO),
    };
    proto::LeaseResponse {
        outcome: outcome.into(),
        lease_micros: u64::try_from(lease.as_micros()).unwrap_or(0),
        live: reply.live.into_iter().map(|node| node.0).collect(),
    }
}

pub(super) fn lease_reply_of(message: &proto::LeaseResponse) -> LeaseReply {
    use proto::lease_response::Outcome;
    let outcome = match message.outcome() {
        Outcome::Granted => LeaseOutcome::Granted(Duration::from_micros(message.lease_micros)),
        Outcome::Denied => LeaseOutcome::Denied,
        Outcome::NotLeader => LeaseOutcome::NotLeader,
    };
    LeaseReply {
        outcome,
        live: message.live.iter().copied().map(NodeId).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_went() {
        let mut sent = Introduction {
            member: NewMember {
                id: NodeId(1),
                addr: "a:1".into(),
                zone: "z".into(),
                incarnation: Incarnation(u128::MAX - 1),
            },
            cluster: None,
            seen: vec![NodeId(1), NodeId(u64::MAX)],
            standalone: true,
        };
        assert_eq!(introduction_of(introduction(sent.clone())), Ok(sent.clone()));
        sent.cluster = Some(ClusterId(0));
        assert_eq!(introduction_of(introduction(sent.clone())), Ok(sent));
        let request = LeaseRequest {
            node: NodeId(3),
            incarnation: Incarnation(4),
            version: 5,
            healthy: true,
        };
        assert_eq!(lease_request_of(&lease_request(request)), Ok(request));
        for outcome in [
            LeaseOutcome::Granted(Duration::from_micros(7)),
            LeaseOutcome::Denied,
            LeaseOutcome::NotLeader,
        ] {
            let reply = LeaseReply {
                outcome,
                live: vec![NodeId(1), NodeId(5)],
            };
            assert_eq!(lease_reply_of(&lease_response(reply.clone())), reply);
        }
    }

    #[test]
    fn broken_messages_are_refused() {
        assert!(introduction_of(proto::Introduction::default()).is_err());
        assert!(member_of(proto::NodeRecord::default()).is_err());
        assert!(lease_request_of(&proto::LeaseRequest::default()).is_err());
    }
}
