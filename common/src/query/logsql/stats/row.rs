//! One row of a group: any, or the one with the least or the greatest value of a field.

use super::super::order::OrderKey;
use super::{End, Partial, Text};
use serde::{Deserialize, Serialize};

/// Which row is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pick {
    /// The first that comes.
    Any,
    /// The row whose value of a field is nearest to this end.
    By(End),
}

/// The row taken so far: the fields that were asked for, without empty ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pick: Pick,
    best: Option<Best>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Best {
    key: OrderKey,
    value: Text,
    fields: Vec<(Text, Text)>,
}

impl Row {
    /// No row yet.
    pub fn new(pick: Pick) -> Self {
        Self { pick, best: None }
    }

    /// True when no other row would be taken.
    pub fn is_decided(&self) -> bool {
        self.pick == Pick::Any && self.best.is_some()
    }

    /// Offers a row by the value that decides; a row where it is empty is not taken, and for [`Pick::Any`] it has no
    /// meaning. `fields` gives the fields if the row is taken.
    pub fn update(&mut self, value: &Text, fields: impl FnOnce() -> Vec<(Text, Text)>) {
        let key = match self.pick {
            Pick::Any if self.best.is_some() => return,
            Pick::Any => OrderKey::Empty,
            Pick::By(_) if value.is_empty() || self.best.as_ref().is_some_and(|best| best.value == *value) => return,
            Pick::By(_) => OrderKey::new(value),
        };
        if self.is_better(&key) {
            self.best = Some(Best {
                key,
                value: value.clone(),
                fields: fields(),
            });
        }
    }

    /// The fields of the row; none when there was no row.
    pub fn fields(&self) -> &[(Text, Text)] {
        self.best.as_ref().map_or(&[], |best| &best.fields)
    }

    fn is_better(&self, key: &OrderKey) -> bool {
        match (&self.best, self.pick) {
            (None, _) => true,
            (Some(_), Pick::Any) => false,
            (Some(best), Pick::By(end)) => end.prefers(key.cmp(&best.key)),
        }
    }
}

impl Partial for Row {
    fn merge(&mut self, other: Self) {
        if let Some(best) = other.best.filter(|best| self.is_better(&best.key)) {
            self.best = Some(best);
        }
    }

    fn memory_bytes(&self) -> usize {
        let pair = |(name, value): &(Text, Text)| name.len() + value.len() + 2 * (size_of::<Text>() + 16);
        let fields = self.best.as_ref().map_or(0, |best| best.fields.iter().map(pair).sum());
        fields + size_of::<Best>()
    }
}
