//! Rows of a batch back into OTLP protobuf, with all that was decoded: what goes to another node's log.

use super::{Cell, CellColumn, CellTable, SpanBatch, SpanRow};
use crate::engine::error::StorageError;
use common::otlp::wire::Fields;
use common::otlp::write::MessageWriter;

/// Field numbers of attributes, trace state, flags, and of the numbers of dropped things, in one kind of message; 0 where
/// it has none.
struct Numbers {
    attributes: u32,
    dropped_attributes: u32,
    trace_state: u32,
    flags: u32,
}

const SPAN: Numbers = Numbers {
    attributes: 9,
    dropped_attributes: 10,
    trace_state: 3,
    flags: 16,
};
const EVENT: Numbers = Numbers {
    attributes: 3,
    dropped_attributes: 4,
    trace_state: 0,
    flags: 0,
};
const LINK: Numbers = Numbers {
    attributes: 4,
    dropped_attributes: 5,
    trace_state: 3,
    flags: 6,
};

impl SpanBatch {
    /// Writes rows as a `TracesData`. Their order is changed, so that those of one resource and scope lie together.
    ///
    /// # Errors
    /// When a row refers to something that the batch does not have.
    pub fn write_otlp(&self, mut rows: Vec<usize>, out: &mut MessageWriter) -> Result<(), StorageError> {
        let origin = |row: &usize| self.rows.get(*row).map(|row| (row.resource, row.scope));
        rows.sort_by_key(origin);
        for of_resource in rows.chunk_by(|a, b| origin(a).map(|o| o.0) == origin(b).map(|o| o.0)) {
            let resource = of_resource.first().and_then(origin).map(|origin| origin.0);
            let resource = resource.and_then(|number| self.resources.get(number as usize));
            let open = out.open(1);
            out.raw(resource.ok_or_else(|| missing("resource"))?);
            for of_scope in of_resource.chunk_by(|a, b| origin(a) == origin(b)) {
                let scope = of_scope.first().and_then(origin).map(|origin| origin.1);
                let scope = scope.and_then(|number| self.scopes.get(number as usize));
                let open = out.open(2);
                out.raw(scope.ok_or_else(|| missing("scope"))?);
                for row in of_scope {
                    self.write_span(*row, out)?;
                }
                out.close(open);
            }
            out.close(open);
        }
        Ok(())
    }

    fn write_span(&self, row: usize, out: &mut MessageWriter) -> Result<(), StorageError> {
        let span: &SpanRow = self.rows.get(row).ok_or_else(|| missing("row"))?;
        let open = out.open(2);
        out.bytes(1, &span.trace_id.0);
        out.bytes(2, &span.span_id.0);
        if !span.parent.is_zero() {
            out.bytes(4, &span.parent.0);
        }
        out.bytes(5, self.bytes(span.name));
        number(6, sign_extended(span.kind), out);
        out.fixed64(7, span.start);
        out.fixed64(8, span.end);
        let cells = self.row_cells(row);
        self.write_cells(&self.spans, cells, &SPAN, out)?;
        for event in self.row_events(row) {
            self.write_event(event, out)?;
        }
        for link in self.row_links(row) {
            self.write_link(link, out)?;
        }
        self.write_status(span.status, cells, out);
        out.close(open);
        Ok(())
    }

    fn write_event(&self, event: usize, out: &mut MessageWriter) -> Result<(), StorageError> {
        let row = self.events.get(event).ok_or_else(|| missing("event"))?;
        let open = out.open(11);
        out.fixed64(1, row.time);
        out.bytes(2, self.bytes(row.name));
        self.write_cells(&self.event_cells, self.event_cells(event), &EVENT, out)?;
        out.close(open);
        Ok(())
    }

    fn write_link(&self, link: usize, out: &mut MessageWriter) -> Result<(), StorageError> {
        let row = self.links.get(link).ok_or_else(|| missing("link"))?;
        let open = out.open(13);
        if !row.trace_id.is_zero() {
            out.bytes(1, &row.trace_id.0);
        }
        if !row.span_id.is_zero() {
            out.bytes(2, &row.span_id.0);
        }
        self.write_cells(&self.link_cells, self.link_cells(link), &LINK, out)?;
        out.close(open);
        Ok(())
    }

    fn write_cells(
        &self,
        table: &CellTable,
        cells: &[Cell],
        numbers: &Numbers,
        out: &mut MessageWriter,
    ) -> Result<(), StorageError> {
        let mut item = Vec::new();
        for cell in cells {
            let low = cell.bits() & 0xffff_ffff;
            match table
                .columns
                .get(usize::from(cell.column))
                .ok_or_else(|| missing("column"))?
            {
                CellColumn::Attr(key) => {
                    item.clear();
                    self.write_cell(self.text(*key), cell, &mut item);
                    attributes(numbers.attributes, &item, out)?;
                }
                CellColumn::Spill => attributes(numbers.attributes, self.bytes(cell.text()), out)?,
                CellColumn::TraceState => out.bytes(numbers.trace_state, self.bytes(cell.text())),
                CellColumn::Flags => out.fixed32(numbers.flags, low as u32),
                CellColumn::DroppedAttributes => number(numbers.dropped_attributes, low, out),
                CellColumn::DroppedEvents => number(12, low, out),
                CellColumn::DroppedLinks => number(14, low, out),
                // In the status.
                CellColumn::StatusMessage => {}
            }
        }
        Ok(())
    }

    fn write_status(&self, code: i32, cells: &[Cell], out: &mut MessageWriter) {
        let is_message = |cell: &&Cell| {
            let column = self.spans.columns.get(usize::from(cell.column));
            matches!(column, Some(CellColumn::StatusMessage))
        };
        let message = cells.iter().find(is_message).map(|cell| self.bytes(cell.text()));
        if code == 0 && message.is_none() {
            return;
        }
        let open = out.open(15);
        if let Some(message) = message {
            out.bytes(2, message);
        }
        number(3, sign_extended(code), out);
        out.close(open);
    }
}

/// The items of a `KeyValueList` as fields of another message.
fn attributes(field: u32, list: &[u8], out: &mut MessageWriter) -> Result<(), StorageError> {
    let mut items = Fields::new(list);
    while let Some(item) = items.next_field()? {
        out.bytes(field, item.bytes()?);
    }
    Ok(())
}

fn missing(what: &str) -> StorageError {
    StorageError::corrupt("batch", format!("no such {what}"))
}

/// A number that is left out where it is 0.
fn number(field: u32, value: u64, out: &mut MessageWriter) {
    if value != 0 {
        out.varint(field, value);
    }
}

fn sign_extended(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::super::{DecodeLimits, SpanReader};
    use super::*;
    use crate::engine::testing::request;
    use common::ids::{Epoch, TenantId};
    use common::span::Span;
    use common::value::Attribute;
    use proptest::prelude::*;
    use prost::Message;

    fn decode(otlp: &[u8]) -> SpanBatch {
        let limits = DecodeLimits { max_columns: 3 };
        SpanBatch::decode(TenantId(0), Epoch(0), otlp, limits).unwrap()
    }

    fn sort(attributes: &mut [Attribute]) {
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
    }

    /// The spans, by what makes them differ.
    fn spans(batch: &SpanBatch) -> Vec<String> {
        let mut reader = SpanReader::new(batch);
        let all = (0..batch.rows.len()).map(|row| reader.span(row).unwrap());
        let by_key = |mut span: Span| {
            // Where not all have columns, their order is not kept, on whatever they are.
            sort(&mut span.attributes);
            span.events.iter_mut().for_each(|event| sort(&mut event.attributes));
            span.links.iter_mut().for_each(|link| sort(&mut link.attributes));
            sort(&mut std::sync::Arc::make_mut(&mut span.resource).attributes);
            sort(&mut std::sync::Arc::make_mut(&mut span.scope).attributes);
            format!("{span:?}")
        };
        let mut spans: Vec<String> = all.map(by_key).collect();
        spans.sort();
        spans
    }

    proptest! {
        #[test]
        fn spans_come_back_as_they_went(request in request()) {
            let batch = decode(&request.encode_to_vec());
            let mut out = MessageWriter::default();
            batch.write_otlp((0..batch.rows.len()).collect(), &mut out).unwrap();
            prop_assert_eq!(spans(&decode(&out.finish())), spans(&batch));
        }
    }

    #[test]
    fn only_the_rows_that_are_asked_for_are_written() {
        let otlp = crate::engine::store::testing::message("shop", crate::engine::store::testing::spans(0, 30, 3));
        let batch = decode(&otlp);
        let mut out = MessageWriter::default();
        batch.write_otlp(vec![7, 3], &mut out).unwrap();
        let all = spans(&batch);
        let some = spans(&decode(&out.finish()));
        assert!(some.len() == 2 && some.iter().all(|span| all.contains(span)));
        assert!(batch.write_otlp(vec![30], &mut MessageWriter::default()).is_err());
    }
}
