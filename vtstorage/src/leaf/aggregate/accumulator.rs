//! The states of groups, across sources.

use super::prepared::Aggregation;
use common::contract::{QueryContext, QueryError};
use common::query::Groups;
use common::query::logsql::stats::{State, Text};
use hashbrown::HashMap;
use std::sync::Arc;

/// What one thread knows of the groups that it has seen.
pub(super) struct Accumulator {
    slots: HashMap<Arc<[Text]>, usize>,
    groups: Vec<Group>,
    /// Groups whose memory may have grown
    touched: Vec<usize>,
    /// Memory in use, and how much of it is reserved
    bytes: usize,
    reserved: usize,
}

struct Group {
    key: Arc<[Text]>,
    states: Vec<State>,
    /// Memory of the states, as it was counted
    bytes: usize,
}

/// The states of one function in some groups.
pub(super) struct States<'a> {
    groups: &'a mut [Group],
    function: usize,
    slots: &'a [Option<usize>],
}

impl States<'_> {
    /// The state of a group of the source.
    pub(super) fn get(&mut self, group: usize) -> Option<&mut State> {
        let slot = self.slots.get(group).copied().flatten()?;
        self.groups.get_mut(slot)?.states.get_mut(self.function)
    }
}

impl Accumulator {
    pub(super) fn new(what: &Aggregation) -> Self {
        let mut all = Self {
            slots: HashMap::new(),
            groups: Vec::new(),
            touched: Vec::new(),
            bytes: 0,
            reserved: 0,
        };
        if what.keys.is_empty() {
            all.slot(what, &[]);
        }
        all
    }

    /// The place of a group.
    pub(super) fn slot(&mut self, what: &Aggregation, key: &[Text]) -> usize {
        match self.slots.get(key) {
            Some(slot) => *slot,
            None => self.insert(key.into(), what.query.new_states()),
        }
    }

    fn insert(&mut self, key: Arc<[Text]>, states: Vec<State>) -> usize {
        let slot = self.groups.len();
        self.bytes += GROUP_BYTES + key.iter().map(|text| text.len() + 2 * size_of::<Text>()).sum::<usize>();
        self.slots.insert(key.clone(), slot);
        self.groups.push(Group { key, states, bytes: 0 });
        self.touched.push(slot);
        slot
    }

    /// The states of function number `function` in the groups that lie at `slots`.
    pub(super) fn states<'a>(&'a mut self, function: usize, slots: &'a [Option<usize>]) -> States<'a> {
        States {
            groups: &mut self.groups,
            function,
            slots,
        }
    }

    /// Notes that states at these places may have grown.
    pub(super) fn touch(&mut self, slots: &[Option<usize>]) {
        self.touched.extend(slots.iter().flatten());
    }

    /// Reserves the memory that is used now.
    pub(super) fn account(&mut self, context: &QueryContext) -> Result<(), QueryError> {
        for slot in self.touched.drain(..) {
            if let Some(group) = self.groups.get_mut(slot) {
                let bytes = group.states.iter().map(State::memory_bytes).sum();
                self.bytes = self.bytes.saturating_sub(group.bytes) + bytes;
                group.bytes = bytes;
            }
        }
        if let Some(more) = self.bytes.checked_sub(self.reserved) {
            self.reserved = self.bytes;
            context.reserve(more, "grouping spans")?;
        }
        Ok(())
    }

    /// Adds what another thread knows.
    pub(super) fn merge(&mut self, other: Self) {
        self.reserved += other.reserved;
        for group in other.groups {
            match self.slots.get(&*group.key) {
                None => {
                    self.insert(group.key, group.states);
                }
                Some(slot) => {
                    self.touched.push(*slot);
                    let known = self.groups.get_mut(*slot).map(|known| known.states.iter_mut());
                    for (state, other) in known.into_iter().flatten().zip(group.states) {
                        let merged = state.merge(other);
                        debug_assert!(merged.is_ok(), "the same functions everywhere");
                    }
                }
            }
        }
    }

    /// The groups, and how much memory is reserved.
    pub(super) fn into_groups(self) -> (Groups, usize) {
        drop(self.slots);
        let groups = self.groups.into_iter();
        (
            groups.map(|group| (group.key.to_vec(), group.states)).collect(),
            self.reserved,
        )
    }
}

/// About how much memory a group takes besides texts and states.
const GROUP_BYTES: usize = 2 * size_of::<Group>();
