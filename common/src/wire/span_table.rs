//! Spans as they are sent: texts, resources, scopes, trace ids and lists of keys by their numbers in lists that come with
//! them. Lists of spans and of found traces are one table each: the modules for `#[serde(with)]`.

use super::raw::Raw;
use super::span_reader::read;
use super::span_writer;
use crate::ids::TraceId;
use crate::span::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Spans with all that they refer to.
#[derive(Serialize, Deserialize)]
pub(super) struct SpanTable<'t> {
    /// One after the other
    pub(super) texts: &'t str,
    /// The lengths of the texts
    #[serde(borrow)]
    pub(super) lengths: Raw<'t>,
    pub(super) traces: Vec<TraceId>,
    /// For each the number of its keys, and the numbers of their texts
    #[serde(borrow)]
    pub(super) key_lists: Raw<'t>,
    #[serde(borrow)]
    pub(super) resources: Raw<'t>,
    #[serde(borrow)]
    pub(super) scopes: Raw<'t>,
    /// Number of spans
    pub(super) count: usize,
    #[serde(borrow)]
    pub(super) spans: Raw<'t>,
}

/// A list of spans.
pub(crate) mod spans {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(spans: &[Span], serializer: S) -> Result<S::Ok, S::Error> {
        span_writer::serialize(spans.iter(), serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Span>, D::Error> {
        read(&SpanTable::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A list of found traces: for each its rank, its id and its number of spans, then the spans of all.
pub(crate) mod traces {
    use super::*;
    use crate::query::FoundTrace;
    use crate::span::Trace;
    use std::cell::Cell;

    /// Spans that are made into a table on their way.
    struct Table<I>(Cell<Option<I>>);

    impl<'s, I: Iterator<Item = &'s Span>> Serialize for Table<I> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            span_writer::serialize(self.0.take().into_iter().flatten(), serializer)
        }
    }

    pub(crate) fn serialize<S: Serializer>(found: &[FoundTrace], serializer: S) -> Result<S::Ok, S::Error> {
        let head = |found: &FoundTrace| (found.rank, found.trace.trace_id, found.trace.spans.len());
        let heads: Vec<_> = found.iter().map(head).collect();
        let spans = found.iter().flat_map(|found| &found.trace.spans);
        (heads, Table(Cell::new(Some(spans)))).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FoundTrace>, D::Error> {
        let (heads, table) = <(Vec<(u64, TraceId, usize)>, SpanTable<'de>)>::deserialize(deserializer)?;
        let mut spans = read(&table).map_err(de::Error::custom)?.into_iter();
        let mut found = Vec::with_capacity(heads.len());
        for (rank, trace_id, count) in heads {
            if count > spans.len() {
                return Err(de::Error::custom("a trace has more spans than there are"));
            }
            let spans = spans.by_ref().take(count).collect();
            let trace = Trace { trace_id, spans };
            found.push(FoundTrace { rank, trace });
        }
        match spans.len() {
            0 => Ok(found),
            _ => Err(de::Error::custom("spans of no trace")),
        }
    }
}
