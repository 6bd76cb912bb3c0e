//! Rows as lines of JSON: an object of texts for each row, values that are empty left out.

use super::super::ast::{Pipe, Query};
use super::super::exec::{Rows, json};
use super::super::fields::column_rank;

/// Writes rows as lines.
#[derive(Debug)]
pub(super) struct Lines {
    /// The pipes fix the order of fields
    fixed_order: bool,
}

impl Lines {
    /// Lines in the order of fields that the query asks for: without such a wish `_time, _stream_id, _stream, _msg` come
    /// first, then all others by name.
    pub(super) fn of(query: &Query) -> Self {
        let fixes = |pipe: &Pipe| {
            matches!(
                pipe,
                Pipe::Fields(_)
                    | Pipe::Stats(_)
                    | Pipe::Uniq(_)
                    | Pipe::Top(_)
                    | Pipe::Facets(_)
                    | Pipe::FieldNames(_)
                    | Pipe::FieldValues(_)
                    | Pipe::BlocksCount(_)
            )
        };
        Self {
            fixed_order: query.pipes.iter().any(fixes),
        }
    }

    /// Appends the rows to `out`; those without any value are left out.
    pub(super) fn push(&self, rows: &Rows, out: &mut String) {
        let mut columns: Vec<_> = rows.columns.iter().collect();
        if !self.fixed_order {
            columns.sort_by(|a, b| column_rank(&a.name).cmp(&column_rank(&b.name)));
        }
        let columns: Vec<_> = columns
            .into_iter()
            .map(|column| {
                let mut name = String::with_capacity(column.name.len() + 4);
                json::write_string(&mut name, &column.name);
                name.push(':');
                (name, &column.values)
            })
            .collect();
        for row in 0..rows.len() {
            let start = out.len();
            for (name, values) in &columns {
                let Some(value) = values.get(row).filter(|value| !value.is_empty()) else {
                    continue;
                };
                out.push(if out.len() == start { '{' } else { ',' });
                out.push_str(name);
                json::write_string(out, value);
            }
            if out.len() > start {
                out.push_str("}\n");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fields::{SpanLines, StreamTexts, span_rows};
    use super::super::super::{ParseContext, parse_query};
    use super::*;
    use common::ids::{SpanId, TenantId, TraceId};
    use common::span::{Event, Link, Resource, Scope, Span, SpanKind};
    use common::time::UnixNanos;
    use common::value::{AttrValue, Attribute};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn values() -> impl Strategy<Value = AttrValue> {
        let leaf = prop_oneof![
            Just(AttrValue::Empty),
            "[a<\"\\\\é\n]{0,40}".prop_map(AttrValue::from),
            any::<i64>().prop_map(AttrValue::from),
            any::<f64>().prop_map(AttrValue::from),
            any::<bool>().prop_map(AttrValue::from),
            vec(any::<u8>(), 0..3).prop_map(|bytes| AttrValue::Bytes(bytes.into())),
        ];
        leaf.prop_recursive(2, 6, 3, |inner| {
            let entries = vec(("[ab.]{0,2}", inner.clone()), 0..3);
            prop_oneof![
                vec(inner, 0..3).prop_map(AttrValue::Array),
                entries.prop_map(|entries| AttrValue::Map(of_pairs(entries))),
            ]
        })
    }

    fn of_pairs(pairs: Vec<(String, AttrValue)>) -> Vec<Attribute> {
        pairs
            .into_iter()
            .map(|(key, value)| Attribute::new(key, value))
            .collect()
    }

    fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
        vec(("[abz.]{0,3}|service.name", values()), 0..5).prop_map(of_pairs)
    }

    fn texts() -> impl Strategy<Value = Arc<str>> {
        prop_oneof![Just(Arc::from("")), "[a-z\"]{0,3}".prop_map(Arc::from)]
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = (texts(), 0..2u64, attributes()).prop_map(|(name, time, attributes)| Event {
            name,
            time: UnixNanos(time),
            attributes,
            dropped_attributes_count: time as u32,
        });
        vec(event, 0..3)
    }

    fn links() -> impl Strategy<Value = Vec<Link>> {
        let link = (any::<bool>(), texts(), attributes()).prop_map(|(zero, trace_state, attributes)| Link {
            trace_id: TraceId(if zero { [0; 16] } else { [7; 16] }),
            span_id: SpanId(if zero { [8; 8] } else { [0; 8] }),
            trace_state,
            attributes,
            dropped_attributes_count: u32::from(zero),
            flags: u32::from(!zero),
        });
        vec(link, 0..3)
    }

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let resources = vec(attributes(), 1..3);
        let numbers = (0..3u32, -1..3i32, 0..u64::MAX, 0..5_000_000_000u64);
        let span = (
            0..3usize,
            [texts(), texts()],
            attributes(),
            attributes(),
            events(),
            links(),
            numbers,
        );
        (resources, vec(span, 0..6)).prop_map(|(resources, spans)| {
            let resource = |attributes| {
                Arc::new(Resource {
                    attributes,
                    ..Resource::default()
                })
            };
            let resources: Vec<Arc<Resource>> = resources.into_iter().map(resource).collect();
            let spans = spans.into_iter();
            spans
                .map(
                    |(of, [name, status_message], scope, attributes, events, links, (flags, kind, start, took))| Span {
                        resource: resources[of % resources.len()].clone(),
                        scope: Arc::new(Scope {
                            attributes: scope,
                            name: name.clone(),
                            ..Scope::default()
                        }),
                        span_id: SpanId([0xab; 8]),
                        parent_span_id: (flags > 0).then_some(SpanId([1; 8])),
                        name,
                        status_message,
                        attributes,
                        events,
                        links,
                        flags,
                        kind: SpanKind(kind),
                        start: UnixNanos(start),
                        end: UnixNanos(start.saturating_add(took)),
                        ..Span::default()
                    },
                )
                .collect()
        })
    }

    proptest! {
        #[test]
        fn lines_of_spans_are_those_of_their_rows(parts in vec(spans(), 1..3)) {
            let query = parse_query("*", &ParseContext::at(0)).unwrap();
            let lines = Lines::of(&query);
            let streams = || StreamTexts::new(TenantId::new(3, 4));
            let mut span_lines = SpanLines::new(streams());
            for spans in parts {
                let (mut direct, mut by_rows) = (String::new(), String::new());
                span_lines.write(&spans, &mut direct);
                lines.push(&span_rows(&spans, &mut streams()), &mut by_rows);
                prop_assert_eq!(direct, by_rows);
            }
        }
    }
}
