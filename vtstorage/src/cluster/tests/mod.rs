//! Nodes in one process that come into a cluster, fail and come back.

mod marks;
mod net;
mod scenarios;
mod seats;

use common::cluster::{ClusterState, Command, NodeId, Settings};

fn settings(replication_factor: u8) -> Command {
    Command::SetSettings(Settings {
        replication_factor,
        slots: 64,
        retention_seconds: 7 * 86_400,
    })
}

fn shares(state: &ClusterState, node: NodeId) -> usize {
    state
        .placement
        .all_owners()
        .iter()
        .filter(|owners| owners.contains(&node))
        .count()
}

/// Most of five voters have to forget the old leader first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_five_voters_leaves_the_lead() {
    scenarios::the_lead_is_left(seats::Kind::Memory, 5).await;
}

/// The scenarios over a network in memory, and over sockets with the state on disk.
macro_rules! on_both {
    ($($name:ident),*) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::scenarios::$name(super::seats::Kind::Memory).await;
            })*
        }

        mod over_sockets {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::scenarios::$name(super::seats::Kind::Sockets).await;
            })*
        }
    };
}
on_both!(
    three_empty_nodes_make_one_cluster,
    who_made_the_cluster_is_not_needed_any_more,
    a_command_at_a_follower_reaches_everybody,
    another_leader_takes_over_and_the_old_one_comes_back,
    a_leader_that_stops_leaves_the_lead_first,
    all_nodes_start_again_without_peers,
    a_fourth_and_a_fifth_node_join_and_get_slots_and_votes,
    a_node_of_another_cluster_does_not_go_on,
    a_node_far_behind_gets_a_snapshot,
    a_node_without_room_has_all_keep_fewer_days
);
