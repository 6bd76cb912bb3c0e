//! Many small batches as one: a query then works on a few batches whatever the size of the requests was.

use super::{Cell, CellColumn, CellTable, Origin, Scalar, SpanBatch, Text};
use hashbrown::HashMap;
use std::sync::Arc;

/// A batch has less columns than cells can name.
const MAX_COLUMNS: usize = 8_192;

impl SpanBatch {
    /// The rows of batches of one tenant and one epoch, in their order. `None` where they have too many columns or too
    /// much text for one batch.
    pub fn concat(batches: &[Arc<Self>]) -> Option<Self> {
        let first = batches.first()?;
        let mut whole = Self {
            tenant: first.tenant,
            epoch: first.epoch,
            ..Self::default()
        };
        whole
            .rows
            .reserve_exact(batches.iter().map(|batch| batch.rows.len()).sum());
        u32::try_from(batches.iter().map(|batch| batch.arena.len()).sum::<usize>()).ok()?;
        let mut origins = [Origins::default(), Origins::default()];
        let mut columns = [Columns::default(), Columns::default(), Columns::default()];
        for batch in batches {
            whole.append(batch, &mut origins, &mut columns)?;
        }
        let [resources, scopes] = origins;
        (whole.resources, whole.scopes) = (resources.distinct, scopes.distinct);
        let [spans, events, links] = columns;
        (whole.spans.columns, whole.event_cells.columns) = (spans.columns, events.columns);
        whole.link_cells.columns = links.columns;
        whole.arena.shrink_to_fit();
        Some(whole)
    }

    fn append<'a>(
        &mut self,
        batch: &'a Self,
        [resources, scopes]: &mut [Origins; 2],
        [spans, events, links]: &mut [Columns<'a>; 3],
    ) -> Option<()> {
        let (span_cells, event_rows, link_rows) = (self.spans.cells.len(), self.events.len(), self.links.len());
        let (event_cells, link_cells) = (self.event_cells.cells.len(), self.link_cells.cells.len());
        let shift = self.arena.len();
        self.arena.extend_from_slice(&batch.arena);
        append_cells(&mut self.spans.cells, batch, &batch.spans, spans, shift)?;
        append_cells(&mut self.event_cells.cells, batch, &batch.event_cells, events, shift)?;
        append_cells(&mut self.link_cells.cells, batch, &batch.link_cells, links, shift)?;
        let resources = resources.numbers(&batch.resources);
        let scopes = scopes.numbers(&batch.scopes);
        for row in &batch.rows {
            let mut row = *row;
            row.name = moved(row.name, shift);
            row.resource = resources.get(row.resource as usize).copied()?;
            row.scope = scopes.get(row.scope as usize).copied()?;
            row.cells_end += span_cells as u32;
            row.events_end += event_rows as u32;
            row.links_end += link_rows as u32;
            self.rows.push(row);
        }
        self.events.extend(batch.events.iter().map(|event| {
            let mut event = *event;
            event.name = moved(event.name, shift);
            event.cells_end += event_cells as u32;
            event
        }));
        self.links.extend(batch.links.iter().map(|link| {
            let mut link = *link;
            link.cells_end += link_cells as u32;
            link
        }));
        Some(())
    }
}

/// The place of a text once `shift` bytes are before its arena. The checked total keeps it within 32 bits.
fn moved(text: Text, shift: usize) -> Text {
    Text {
        at: text.at + shift as u32,
        len: text.len,
    }
}

fn append_cells<'a>(
    cells: &mut Vec<Cell>,
    batch: &'a SpanBatch,
    table: &CellTable,
    columns: &mut Columns<'a>,
    shift: usize,
) -> Option<()> {
    let numbers = columns.numbers(batch, table, shift)?;
    cells.reserve(table.cells.len());
    for cell in &table.cells {
        let value = match cell.scalar() {
            Scalar::Text(kind, text) => Scalar::Text(kind, moved(text, shift)),
            number => number,
        };
        cells.push(Cell::new(numbers.get(usize::from(cell.column)).copied()?, value));
    }
    Some(())
}

/// The columns of one level of the whole.
#[derive(Default)]
struct Columns<'a> {
    columns: Vec<CellColumn>,
    attributes: HashMap<&'a [u8], u16>,
}

impl<'a> Columns<'a> {
    /// The column of the whole for each column of a batch.
    fn numbers(&mut self, batch: &'a SpanBatch, table: &CellTable, shift: usize) -> Option<Vec<u16>> {
        table
            .columns
            .iter()
            .map(|column| self.number(batch, *column, shift))
            .collect()
    }

    fn number(&mut self, batch: &'a SpanBatch, column: CellColumn, shift: usize) -> Option<u16> {
        let next = u16::try_from(self.columns.len())
            .ok()
            .filter(|next| usize::from(*next) < MAX_COLUMNS)?;
        let (number, column) = match column {
            CellColumn::Attr(key) => {
                let number = *self.attributes.entry(batch.bytes(key)).or_insert(next);
                (number, CellColumn::Attr(moved(key, shift)))
            }
            field => {
                let known = self.columns.iter().position(|known| *known == field);
                (known.and_then(|known| u16::try_from(known).ok()).unwrap_or(next), field)
            }
        };
        if number == next {
            self.columns.push(column);
        }
        Some(number)
    }
}

/// The resources or scopes of the whole.
#[derive(Default)]
struct Origins {
    distinct: Vec<Origin>,
    by_bytes: HashMap<Origin, u32>,
}

impl Origins {
    /// The number in the whole for each of a batch's.
    fn numbers(&mut self, origins: &[Origin]) -> Vec<u32> {
        let number = |origin: &Origin| {
            *self.by_bytes.entry(origin.clone()).or_insert_with(|| {
                self.distinct.push(origin.clone());
                self.distinct.len() as u32 - 1
            })
        };
        origins.iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DecodeLimits, SpanReader};
    use super::*;
    use common::ids::{Epoch, TenantId};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
    use proptest::prelude::*;
    use prost::Message;

    fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
        let value = prop_oneof![
            "[a-c]{0,3}".prop_map(Value::StringValue),
            any::<i64>().prop_map(Value::IntValue),
            any::<bool>().prop_map(Value::BoolValue),
        ];
        let attribute = ("[a-f]", value).prop_map(|(key, value)| KeyValue {
            key,
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        });
        prop::collection::vec(attribute, 0..5)
    }

    fn span() -> impl Strategy<Value = Span> {
        let parts = (
            any::<[u8; 16]>(),
            any::<[u8; 8]>(),
            "[a-z]{0,4}",
            "[a-z]?",
            any::<u32>(),
        );
        let lists = (attributes(), attributes(), attributes(), 0..3usize);
        (parts, lists).prop_map(
            |((trace, id, name, message, number), (of_span, of_event, of_link, count))| Span {
                trace_id: trace.to_vec(),
                span_id: id.to_vec(),
                trace_state: message.clone(),
                name: name.clone(),
                flags: number % 3,
                attributes: of_span,
                events: vec![
                    Event {
                        name,
                        attributes: of_event,
                        ..Event::default()
                    };
                    count
                ],
                links: vec![
                    Link {
                        trace_id: trace.to_vec(),
                        attributes: of_link,
                        ..Link::default()
                    };
                    count
                ],
                status: Some(Status {
                    message,
                    ..Status::default()
                }),
                ..Span::default()
            },
        )
    }

    fn batch() -> impl Strategy<Value = Arc<SpanBatch>> {
        let parts = (attributes(), "[a-b]", prop::collection::vec(span(), 0..4), 2..6usize);
        parts.prop_map(|(attributes, name, spans, max_columns)| {
            let scope = Some(InstrumentationScope {
                name,
                ..InstrumentationScope::default()
            });
            let resource = Some(Resource {
                attributes,
                ..Resource::default()
            });
            let scope_spans = vec![ScopeSpans {
                scope,
                spans,
                ..ScopeSpans::default()
            }];
            let resource_spans = vec![ResourceSpans {
                resource,
                scope_spans,
                ..ResourceSpans::default()
            }];
            let otlp = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
            let decoded = SpanBatch::decode(TenantId(3), Epoch(1), otlp, DecodeLimits { max_columns });
            Arc::new(decoded.unwrap())
        })
    }

    proptest! {
        #[test]
        fn the_whole_has_the_spans_of_its_parts(batches in prop::collection::vec(batch(), 1..6)) {
            let whole = SpanBatch::concat(&batches).unwrap();
            prop_assert_eq!((whole.tenant, whole.epoch), (TenantId(3), Epoch(1)));
            let spans = |batch: &SpanBatch| {
                let mut reader = SpanReader::new(batch);
                (0..batch.rows.len()).map(|row| reader.span(row).unwrap()).collect::<Vec<_>>()
            };
            let parts = batches.iter().flat_map(|batch| spans(batch)).collect::<Vec<_>>();
            prop_assert_eq!(spans(&whole), parts);
            let keys = whole.spans.columns.iter().collect::<std::collections::HashSet<_>>();
            prop_assert_eq!(keys.len(), whole.spans.columns.len());
        }
    }

    #[test]
    fn nothing_makes_no_batch() {
        assert!(SpanBatch::concat(&[]).is_none());
    }
}
