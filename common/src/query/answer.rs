//! Answers, in parts that merge: across blocks of a node and across nodes.

use super::{AttrLevel, CatalogueQuery, Column, Groups, Order, Plan, RowPart, Shape, merge_groups};
use crate::span::{SpanKind, Trace};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A span name of a service with its kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Operation {
    pub name: Arc<str>,
    pub kind: SpanKind,
}

/// Calls from the service of a parent span to the service of its child.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct CallEdge {
    pub parent: Arc<str>,
    pub child: Arc<str>,
}

/// What answering took. Sums over parts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct ScanStats {
    /// Blocks in the partitions of the time range
    pub blocks_considered: u64,
    /// Blocks whose columns were read
    pub blocks_scanned: u64,
    /// Rows of the scanned blocks and heads
    pub rows_scanned: u64,
    /// Bytes of column data read
    pub bytes_read: u64,
}

impl ScanStats {
    pub fn add(&mut self, other: &Self) {
        self.blocks_considered += other.blocks_considered;
        self.blocks_scanned += other.blocks_scanned;
        self.rows_scanned += other.rows_scanned;
        self.bytes_read += other.bytes_read;
    }
}

/// One found trace with what orders it: start of the latest, or duration of the longest matching span.
#[derive(Clone, PartialEq, Debug)]
pub struct FoundTrace {
    pub rank: u64,
    pub trace: Trace,
}

/// The payload of an answer, by the plan's shape.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// For [`Shape::TracesById`], [`Shape::Search`] and [`Shape::Ranking`]; in the plan's order after [`Answer::finish`].
    Traces {
        #[serde(with = "crate::wire::traces")]
        found: Vec<FoundTrace>,
        stats: ScanStats,
    },
    Services(BTreeSet<Arc<str>>),
    Operations(BTreeSet<Operation>),
    AttributeNames(BTreeSet<(AttrLevel, Arc<str>)>),
    /// Number of calls for each edge.
    Calls {
        edges: BTreeMap<CallEdge, u64>,
        stats: ScanStats,
    },
    /// For [`Shape::Rows`]; not in order.
    Rows {
        parts: Vec<RowPart>,
        stats: ScanStats,
    },
    /// For [`Shape::Aggregate`].
    Groups {
        groups: Groups,
        stats: ScanStats,
    },
    /// For [`Shape::Columns`]: the number of spans by column; of events and links each has an index.
    Columns {
        spans: BTreeMap<Column, u64>,
        stats: ScanStats,
    },
}

impl Answer {
    /// The answer that nothing gives.
    pub fn empty_for(plan: &Plan) -> Self {
        match &plan.shape {
            Shape::TracesById(_) | Shape::Search { .. } | Shape::Ranking { .. } => Self::Traces {
                found: Vec::new(),
                stats: ScanStats::default(),
            },
            Shape::Catalogue(CatalogueQuery::Services) => Self::Services(BTreeSet::new()),
            Shape::Catalogue(CatalogueQuery::Operations { .. }) => Self::Operations(BTreeSet::new()),
            Shape::Catalogue(CatalogueQuery::AttributeNames) => Self::AttributeNames(BTreeSet::new()),
            Shape::Calls => Self::Calls {
                edges: BTreeMap::new(),
                stats: ScanStats::default(),
            },
            Shape::Rows(_) => Self::Rows {
                parts: Vec::new(),
                stats: ScanStats::default(),
            },
            Shape::Aggregate(query) => Self::Groups {
                groups: query.empty_groups(),
                stats: ScanStats::default(),
            },
            Shape::Columns => Self::Columns {
                spans: BTreeMap::new(),
                stats: ScanStats::default(),
            },
        }
    }

    /// Adds another part of the same answer.
    pub fn merge(&mut self, part: Self) {
        match (self, part) {
            (Self::Traces { found, stats }, Self::Traces { found: more, stats: s }) => {
                found.extend(more);
                stats.add(&s);
            }
            (Self::Services(all), Self::Services(more)) => all.extend(more),
            (Self::Operations(all), Self::Operations(more)) => all.extend(more),
            (Self::AttributeNames(all), Self::AttributeNames(more)) => all.extend(more),
            (Self::Calls { edges, stats }, Self::Calls { edges: more, stats: s }) => {
                for (edge, calls) in more {
                    *edges.entry(edge).or_default() += calls;
                }
                stats.add(&s);
            }
            (Self::Rows { parts, stats }, Self::Rows { parts: more, stats: s }) => {
                parts.extend(more);
                stats.add(&s);
            }
            (Self::Groups { groups, stats }, Self::Groups { groups: more, stats: s }) => {
                merge_groups(groups, more);
                stats.add(&s);
            }
            (Self::Columns { spans, stats }, Self::Columns { spans: more, stats: s }) => {
                for (column, count) in more {
                    *spans.entry(column).or_default() += count;
                }
                stats.add(&s);
            }
            _ => debug_assert!(false, "parts of one answer have one shape"),
        }
    }

    /// Joins the parts of traces, orders and cuts: to be called once after the last merge. Rows are neither ordered nor
    /// cut.
    pub fn finish(&mut self, plan: &Plan) {
        let Self::Traces { found, .. } = self else { return };
        join_parts(found);
        match &plan.shape {
            Shape::TracesById(ids) => {
                let place: std::collections::HashMap<_, _> = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
                found.sort_by_key(|f| place.get(&f.trace.trace_id).copied().unwrap_or(usize::MAX));
            }
            Shape::Search {
                limit,
                order: Order::Newest | Order::Slowest,
            }
            | Shape::Ranking {
                limit,
                order: Order::Newest | Order::Slowest,
            } => {
                found.sort_by(|a, b| (b.rank, a.trace.trace_id).cmp(&(a.rank, b.trace.trace_id)));
                found.truncate(*limit);
            }
            _ => {}
        }
    }
}

/// Makes one entry of all entries of a trace.
fn join_parts(found: &mut Vec<FoundTrace>) {
    let mut by_id: BTreeMap<_, FoundTrace> = BTreeMap::new();
    for part in found.drain(..) {
        match by_id.entry(part.trace.trace_id) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(part);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let whole = entry.get_mut();
                whole.rank = whole.rank.max(part.rank);
                if part.trace.spans.is_empty() {
                    continue;
                }
                let mut spans = std::mem::take(&mut whole.trace.spans);
                spans.extend(part.trace.spans);
                whole.trace = Trace::new(part.trace.trace_id, spans);
            }
        }
    }
    found.extend(by_id.into_values());
}
