//! What a node without a cluster does next: a pure decision over what it and its peers say.

use crate::cluster::peer::Introduction;
use common::cluster::{ClusterId, NewMember, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// The next step into a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// A peer has a cluster
    Join(ClusterId),
    /// This node makes the cluster, of these nodes; the one that was a node of its own before, if there is one
    Found {
        members: Vec<NewMember>,
        standalone: Option<NodeId>,
    },
    /// Why nothing can be done yet
    Wait(String),
}

/// Decides for a node without a cluster. `answers` are what its peers said in this round, itself perhaps among them;
/// `own.seen` are all nodes that it has ever seen, by address.
///
/// A cluster is made when at least `expect` nodes have seen the same nodes and none of them has a cluster. Which of them
/// makes it follows from who they are; and as what a node has seen does not shrink, no two sets of nodes with a node in
/// common can both come to it.
pub(crate) fn next_step(own: &Introduction, answers: &[Introduction], expect: usize) -> Step {
    let clusters: BTreeSet<ClusterId> = answers.iter().filter_map(|answer| answer.cluster).collect();
    match clusters.first() {
        Some(cluster) if clusters.len() == 1 => return Step::Join(*cluster),
        Some(_) => return Step::Wait(format!("the peers belong to different clusters: {clusters:?}")),
        None => {}
    }
    let seen: BTreeSet<NodeId> = own.seen.iter().copied().collect();
    if seen.len() < expect {
        return Step::Wait(format!("sees {} of {expect} nodes", seen.len()));
    }
    let present: BTreeMap<NodeId, &Introduction> =
        answers.iter().chain([own]).map(|node| (node.member.id, node)).collect();
    for id in &seen {
        let agrees = present
            .get(id)
            .map(|node| node.seen.iter().copied().collect::<BTreeSet<_>>() == seen);
        match agrees {
            Some(true) => {}
            Some(false) => return Step::Wait(format!("node {id} does not see the same nodes yet")),
            None => return Step::Wait(format!("node {id} does not answer")),
        }
    }
    found(own, &seen, &present)
}

fn found(own: &Introduction, seen: &BTreeSet<NodeId>, present: &BTreeMap<NodeId, &Introduction>) -> Step {
    let nodes = || seen.iter().filter_map(|id| present.get(id));
    let standalone: Vec<NodeId> = nodes().filter(|n| n.standalone).map(|n| n.member.id).collect();
    if standalone.len() > 1 {
        return Step::Wait(format!(
            "the nodes {standalone:?} hold spans from before: only one such node can come into a cluster"
        ));
    }
    let standalone = standalone.first().copied();
    let founder = standalone.or(seen.first().copied());
    if founder != Some(own.member.id) {
        return Step::Wait(format!("node {} makes the cluster", founder.unwrap_or_default()));
    }
    Step::Found {
        members: nodes().map(|node| node.member.clone()).collect(),
        standalone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::cluster::Incarnation;

    fn node(id: u64, seen: &[u64]) -> Introduction {
        Introduction {
            member: NewMember {
                id: NodeId(id),
                addr: format!("n{id}:1"),
                zone: String::new(),
                incarnation: Incarnation(u128::from(id)),
            },
            cluster: None,
            seen: seen.iter().copied().map(NodeId).collect(),
            standalone: false,
        }
    }

    fn is_waiting(step: &Step) -> bool {
        matches!(step, Step::Wait(_))
    }

    #[test]
    fn the_smallest_of_those_that_agree_makes_the_cluster() {
        let nodes = [1, 2, 3].map(|id| node(id, &[1, 2, 3]));
        let step = next_step(&nodes[0], &nodes, 3);
        let Step::Found { members, standalone } = step else {
            panic!("{step:?}");
        };
        assert_eq!(members.iter().map(|m| m.id.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(standalone, None);
        assert!(is_waiting(&next_step(&nodes[1], &nodes, 3)));
    }

    #[test]
    fn without_agreement_nobody_does() {
        let [one, two, three] = [1, 2, 3].map(|id| node(id, &[1, 2, 3]));
        assert!(is_waiting(&next_step(&one, std::slice::from_ref(&two), 3)));
        let behind = node(3, &[1, 3]);
        assert!(is_waiting(&next_step(&one, &[two.clone(), behind], 3)));
        assert!(is_waiting(&next_step(&one, &[two.clone(), three.clone()], 4)));
        let more = node(3, &[1, 2, 3, 4]);
        assert!(is_waiting(&next_step(&one, &[two, more], 3)));
        let alone = node(1, &[1]);
        assert!(matches!(next_step(&alone, &[], 1), Step::Found { .. }));
    }

    #[test]
    fn a_peer_with_a_cluster_is_joined() {
        let nodes = [1, 2, 3].map(|id| node(id, &[1, 2, 3]));
        let mut answers = nodes.clone();
        answers[2].cluster = Some(ClusterId(9));
        assert_eq!(next_step(&nodes[0], &answers, 3), Step::Join(ClusterId(9)));
        answers[1].cluster = Some(ClusterId(8));
        assert!(is_waiting(&next_step(&nodes[0], &answers, 3)));
    }

    #[test]
    fn a_node_with_spans_makes_the_cluster() {
        let mut nodes = [1, 2, 3].map(|id| node(id, &[1, 2, 3]));
        nodes[1].standalone = true;
        assert!(is_waiting(&next_step(&nodes[0], &nodes, 3)));
        let step = next_step(&nodes[1], &nodes, 3);
        assert!(
            matches!(
                step,
                Step::Found {
                    standalone: Some(NodeId(2)),
                    ..
                }
            ),
            "{step:?}"
        );
        nodes[2].standalone = true;
        assert!(is_waiting(&next_step(&nodes[1], &nodes, 3)));
    }
}
