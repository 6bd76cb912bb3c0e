//! Which nodes shall own which slots: pure. The result is stored in the state, so that nodes of different versions need
//! not agree on how it was found.

mod table;
#[cfg(test)]
mod tests;
mod zones;

use super::{Member, MemberState, NodeId, Owners, Settings};
use table::Table;

/// The next owners of all slots, for members and owners as they are. Owners stay where they can. In order of weight:
///
/// 1. Each slot has as many owners as the replication factor, or as there are nodes.
/// 2. They are spread over zones as evenly as the zones' nodes allow.
/// 3. Each node has its share of the slots (that of its zone) within 5 % and rounding.
/// 4. Few slots change owners; those that do go to the first candidate on the [ring](super::Ring) with room.
///
/// A draining node owns nothing as long as there are enough others; a full one nothing that it did not own before.
pub fn place<'m>(previous: &Owners, members: impl IntoIterator<Item = &'m Member>, settings: &Settings) -> Owners {
    let (active, draining): (Vec<&Member>, Vec<&Member>) = members
        .into_iter()
        .partition(|member| member.state == MemberState::Active);
    let mut table = Table::new(active, settings);
    table.keep(previous);
    table.shed();
    table.fill();
    table.raise();
    let mut owners = table.into_owners();
    let draining: Vec<NodeId> = draining.iter().map(|member| member.id).collect();
    for (owners, before) in owners.iter_mut().zip(previous) {
        let missing = usize::from(settings.replication_factor).saturating_sub(owners.len());
        let staying = before.iter().filter(|id| draining.contains(id)).take(missing);
        owners.extend(staying);
    }
    owners
}
