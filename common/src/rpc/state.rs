//! The cluster's state as a message, and back.

use super::messages::{id_of, id_to};
use super::proto::{self, StateFrame};
use crate::cluster::{
    ClusterId, ClusterState, Incarnation, Mark, Member, MemberState, NodeId, Placement, PlacementEntry, Settings,
};
use crate::ids::Epoch;

/// The state as a message for one who has `known` already (0 for none).
pub fn state_frame(state: Option<&ClusterState>, known: u64) -> StateFrame {
    StateFrame {
        version: state.map_or(0, |state| state.version),
        state: state.filter(|state| state.version > known).map(message),
    }
}

/// Reads [`state_frame`]. `None` where the frame has no state, an error where it is none.
///
/// # Errors
/// Says what is wrong with it.
pub fn state_of_frame(frame: StateFrame) -> Result<Option<ClusterState>, &'static str> {
    frame.state.map(state_of).transpose()
}

fn message(state: &ClusterState) -> proto::ClusterState {
    let ClusterState {
        cluster,
        version,
        epoch,
        settings,
        members,
        placement,
        oldest_day,
        sealed,
        placed_at,
        transfers: _,
    } = state;
    let Settings {
        replication_factor,
        slots,
        retention_seconds,
    } = settings;
    proto::ClusterState {
        cluster: id_to(cluster.0),
        version: *version,
        epoch: epoch.0,
        settings: Some(proto::Settings {
            replication_factor: (*replication_factor).into(),
            slots: (*slots).into(),
            retention_seconds: *retention_seconds,
        }),
        members: members.values().map(member_message).collect(),
        placement: placement.slots.iter().map(|history| history_message(history)).collect(),
        oldest_day: *oldest_day,
        sealed: sealed.0,
        placed_at: *placed_at,
    }
}

fn member_message(member: &Member) -> proto::Member {
    let Member {
        id,
        addr,
        zone,
        incarnation,
        state,
        mark,
        generation,
        full,
    } = member;
    proto::Member {
        id: id.0,
        addr: addr.clone(),
        zone: zone.clone(),
        incarnation: id_to(incarnation.0),
        draining: *state == MemberState::Draining,
        away: *state == MemberState::Away,
        mark: mark.map(|Mark { generation, closing }| proto::Mark { generation, closing }),
        generation: *generation,
        full: *full,
    }
}

fn history_message(history: &[PlacementEntry]) -> proto::SlotHistory {
    let entry = |entry: &PlacementEntry| proto::PlacementEntry {
        from: entry.from.0,
        after_day: entry.after_day,
        replicas: entry.replicas.iter().map(|node| node.0).collect(),
    };
    proto::SlotHistory {
        entries: history.iter().map(entry).collect(),
    }
}

fn state_of(state: proto::ClusterState) -> Result<ClusterState, &'static str> {
    let settings = state.settings.ok_or("a state without settings")?;
    let members = state
        .members
        .into_iter()
        .map(member_of)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ClusterState {
        cluster: ClusterId(id_of(&state.cluster).ok_or("a cluster id has 16 bytes")?),
        version: state.version,
        epoch: Epoch(state.epoch),
        settings: settings_of(&settings)?,
        members: members.into_iter().map(|member| (member.id, member)).collect(),
        placement: Placement {
            slots: state.placement.into_iter().map(history_of).collect(),
        },
        oldest_day: state.oldest_day,
        sealed: Epoch(state.sealed),
        placed_at: state.placed_at,
        transfers: Default::default(),
    })
}

fn settings_of(settings: &proto::Settings) -> Result<Settings, &'static str> {
    let slots = u16::try_from(settings.slots).map_err(|_| "too many slots")?;
    if !slots.is_power_of_two() {
        return Err("the number of slots is no power of two");
    }
    Ok(Settings {
        replication_factor: u8::try_from(settings.replication_factor).map_err(|_| "too many copies")?,
        slots,
        retention_seconds: settings.retention_seconds,
    })
}

fn member_of(member: proto::Member) -> Result<Member, &'static str> {
    Ok(Member {
        id: NodeId(member.id),
        addr: member.addr,
        zone: member.zone,
        incarnation: Incarnation(id_of(&member.incarnation).ok_or("an incarnation has 16 bytes")?),
        state: match (member.draining, member.away) {
            (true, _) => MemberState::Draining,
            (false, true) => MemberState::Away,
            (false, false) => MemberState::Active,
        },
        mark: member.mark.map(|mark| Mark {
            generation: mark.generation,
            closing: mark.closing,
        }),
        generation: member.generation,
        full: member.full,
    })
}

fn history_of(history: proto::SlotHistory) -> Vec<PlacementEntry> {
    let entry = |entry: proto::PlacementEntry| PlacementEntry {
        from: Epoch(entry.from),
        after_day: entry.after_day,
        replicas: entry.replicas.into_iter().map(NodeId).collect(),
    };
    history.entries.into_iter().map(entry).collect()
}
