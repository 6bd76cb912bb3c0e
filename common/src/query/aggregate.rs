//! Queries for aggregates: groups of spans, and for each group the states of statistics functions, which merge across
//! blocks and nodes.

use super::logsql::stats::{State, Text};
use super::logsql::value::Bucket;
use super::{Column, Filter};
use std::collections::HashMap;

/// Groups matching spans and computes states for each group.
#[derive(Clone, PartialEq, Debug)]
pub struct AggregateQuery {
    /// No key: one group of all spans, there even if none match.
    pub by: Vec<GroupKey>,
    pub functions: Vec<Function>,
}

/// One part of a group's key: the text of a column ([`super::field_text()`]), which may be put into buckets.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupKey {
    pub column: Column,
    /// Applied to the text, or to the number or time behind it, which gives the same
    pub bucket: Option<Bucket>,
}

/// One statistics function over the spans of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    pub kind: FunctionKind,
    /// What the function reads; its meaning is the kind's
    pub columns: Vec<Column>,
    /// Only spans that match count
    pub condition: Option<Filter>,
}

/// The functions that storage nodes compute; each names the kind of its [`State`].
#[derive(Clone, PartialEq, Debug)]
pub enum FunctionKind {
    /// Spans; with columns, those in which at least one of them has a value. `Count`
    Count,
    /// Spans in which none of the columns has a value. `Count`
    CountEmpty,
    /// Distinct tuples of the columns' texts, those without any value left out; at most `limit` unless 0. `Uniq`
    CountUniq { limit: u64 },
    /// As `CountUniq`, told apart by a 64-bit hash. `UniqHash`
    CountUniqHash { limit: u64 },
    /// The numbers in the columns. `Sum`
    Sum,
    /// The least text or number. `Extreme`
    Min,
    /// The greatest text or number. `Extreme`
    Max,
    /// All values of the columns. `Quantile`
    Quantile,
    /// Characters of all texts. `Count`
    SumLen,
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
