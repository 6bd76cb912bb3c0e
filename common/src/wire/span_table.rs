//! Lists of spans and of found traces as one table each: the modules for `#[serde(with)]`.

use super::span_reader::read;
use super::span_rows::SpanTable;
use super::span_writer::table;
use crate::span::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A list of spans.
pub(crate) mod spans {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(spans: &[Span], serializer: S) -> Result<S::Ok, S::Error> {
        table(spans.iter()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Span>, D::Error> {
        read(&SpanTable::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A list of found traces: for each its rank, its id and its number of spans, then the spans of all.
pub(crate) mod traces {
    use super::*;
    use crate::ids::TraceId;
    use crate::query::FoundTrace;
    use crate::span::Trace;

    pub(crate) fn serialize<S: Serializer>(found: &[FoundTrace], serializer: S) -> Result<S::Ok, S::Error> {
        let head = |found: &FoundTrace| (found.rank, found.trace.trace_id, found.trace.spans.len());
        let heads: Vec<_> = found.iter().map(head).collect();
        let spans = found.iter().flat_map(|found| &found.trace.spans);
        (heads, table(spans)).serialize(serializer)
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
