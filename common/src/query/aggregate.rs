//! Queries for aggregates: groups of spans, and for each group the states of statistics functions, which merge across
//! blocks and nodes.

use super::logsql::stats::{Count, End, Extreme, Quantile, State, Sum, Text, Uniq, UniqHash};
use super::logsql::value::Bucket;
use super::rows::check_column;
use super::{Column, EventField, Filter, SpanField};
use crate::contract::QueryError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;

/// Groups matching spans and computes states for each group.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AggregateQuery {
    /// No key: one group of all spans, there even if none match.
    pub by: Vec<GroupKey>,
    pub functions: Vec<Function>,
}

impl AggregateQuery {
    /// The groups of no spans.
    pub fn empty_groups(&self) -> Groups {
        match self.by.is_empty() {
            true => Groups::from([(Vec::new(), self.new_states())]),
            false => Groups::new(),
        }
    }

    /// The states of a group without spans.
    pub fn new_states(&self) -> Vec<State> {
        self.functions.iter().map(|f| f.kind.new_state()).collect()
    }

    /// An error if a column has several values in a row.
    pub(super) fn check(&self) -> Result<(), QueryError> {
        let keys = self.by.iter().map(|key| &key.column);
        let read = self.functions.iter().flat_map(|f| &f.columns);
        keys.chain(read).try_for_each(check_column)
    }
}

/// One part of a group's key: the text of a column ([`super::field_text()`]), which may be put into buckets.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GroupKey {
    pub column: Column,
    /// Applied to the text; calendar buckets of times apply to the time behind it
    pub bucket: Option<Bucket>,
}

impl GroupKey {
    /// The part of the key for a text of the column.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match (&self.bucket, self.is_time().then(|| text.parse())) {
            (None, _) => Cow::Borrowed(text),
            (Some(bucket), Some(Ok(time))) => bucket.truncate_time(time).to_string().into(),
            (Some(bucket), _) => bucket.apply(text),
        }
    }

    /// Whether the column holds times, as nanoseconds since the epoch.
    pub fn is_time(&self) -> bool {
        matches!(
            self.column,
            Column::Field(SpanField::Start | SpanField::End)
                | Column::Event {
                    field: EventField::Time,
                    ..
                }
        )
    }
}

/// One statistics function over the spans of a group.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Function {
    pub kind: FunctionKind,
    /// What the function reads; its meaning is the kind's
    pub columns: Vec<Column>,
    /// Only spans that match count
    pub condition: Option<Filter>,
}

/// The functions that storage nodes compute; each names the kind of its [`State`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum FunctionKind {
    /// Spans; with columns, those in which at least one of them has a value. `Count`
    Count,
    /// Spans in which none of the columns has a value. `Count`
    CountEmpty,
    /// Distinct tuples of the columns' texts, those without any value left out; at most `limit` unless 0. `Uniq`
    CountUniq { limit: u64 },
    /// As `CountUniq`, told apart by a 64-bit hash. `UniqHash`
    CountUniqHash { limit: u64 },
    /// The numbers in the columns, whatever their form. `Sum`
    Sum,
    /// The least text or number; a missing value is the empty text. `Extreme`
    Min,
    /// The greatest text or number; a missing value is the empty text. `Extreme`
    Max,
    /// All values of the columns, missing ones included. `Quantile`
    Quantile,
    /// As `Quantile`, over a part of the spans, of which no more than `exact` values are kept as they are. `Quantile`
    QuantileOfPart { exact: u64 },
    /// Bytes of all texts. `Count`
    SumLen,
}

impl FunctionKind {
    /// The state of a group without spans.
    pub fn new_state(&self) -> State {
        match self {
            Self::Count | Self::CountEmpty | Self::SumLen => Count::default().into(),
            Self::CountUniq { limit } => Uniq::new(*limit).into(),
            Self::CountUniqHash { limit } => UniqHash::new(*limit).into(),
            Self::Sum => Sum::default().into(),
            Self::Min => Extreme::new(End::Least).into(),
            Self::Max => Extreme::new(End::Greatest).into(),
            Self::Quantile => Quantile::default().into(),
            Self::QuantileOfPart { exact } => Quantile::keeping(usize::try_from(*exact).unwrap_or(usize::MAX)).into(),
        }
    }
}

/// The states of each group; a group's key has one text for each [`AggregateQuery::by`].
pub type Groups = HashMap<Vec<Text>, Vec<State>>;

/// Adds the groups of another part.
pub fn merge_groups(all: &mut Groups, part: Groups) {
    for (key, states) in part {
        match all.entry(key) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(states);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                for (state, other) in entry.get_mut().iter_mut().zip(states) {
                    let merged = state.merge(other);
                    debug_assert!(merged.is_ok(), "parts of one answer have the same functions");
                }
            }
        }
    }
}
