//! Cuts out of an OTLP message the spans of some slots. Pure.

use crate::engine::error::StorageError;
use common::cluster::{Slot, SlotSet};
use common::otlp::decode::trace_id;
use common::otlp::view::{GroupView, resource_spans};
use common::otlp::wire::{Fields, WireError};
use common::otlp::write::MessageWriter;

/// Writes the spans of a `TracesData` whose slot, of `slots` slots, is in `keep`, as they came, with their resources and
/// scopes.
pub(crate) fn keep_slots(otlp: &[u8], keep: &SlotSet, slots: u16, out: &mut MessageWriter) -> Result<(), StorageError> {
    for message in resource_spans(otlp)? {
        let resource = GroupView::read(message)?;
        let mut open = None;
        for message in &resource.items {
            let scope = GroupView::read(message)?;
            let mut kept = Vec::with_capacity(scope.items.len());
            for span in &scope.items {
                if keep.contains(Slot::of(trace_id(trace_of(span)?), slots)) {
                    kept.push(*span);
                }
            }
            if kept.is_empty() {
                continue;
            }
            open.get_or_insert_with(|| {
                let open = out.open(1);
                resource.origin.iter().for_each(|origin| out.bytes(1, origin));
                open
            });
            let group = out.open(2);
            scope.origin.iter().for_each(|origin| out.bytes(1, origin));
            kept.iter().for_each(|span| out.bytes(2, span));
            out.bytes(3, scope.schema_url.as_bytes());
            out.close(group);
        }
        if let Some(open) = open {
            out.bytes(3, resource.schema_url.as_bytes());
            out.close(open);
        }
    }
    Ok(())
}

/// The last trace id of a span's message, as protobuf has it.
fn trace_of(span: &[u8]) -> Result<&[u8], WireError> {
    let mut fields = Fields::new(span);
    let mut trace: &[u8] = &[];
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            trace = field.bytes()?;
        }
    }
    Ok(trace)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{message, spans, trace_id};
    use super::*;
    use crate::engine::batch::{DecodeLimits, SpanBatch};
    use common::ids::{Epoch, TenantId};

    fn decode(otlp: &[u8]) -> SpanBatch {
        SpanBatch::decode(TenantId(0), Epoch(0), otlp, DecodeLimits::default()).unwrap()
    }

    #[test]
    fn a_message_is_cut_into_its_slots() {
        let whole = [message("shop", spans(0, 40, 3)), message("cart", spans(40, 20, 3))].concat();
        let (mut rows, mut services) = (0, std::collections::BTreeSet::new());
        for slot in (0..8).map(Slot) {
            let mut out = MessageWriter::default();
            keep_slots(&whole, &[slot].into_iter().collect(), 8, &mut out).unwrap();
            let cut = decode(&out.finish());
            assert!(cut.rows.iter().all(|row| Slot::of(row.trace_id, 8) == slot));
            assert!(cut.resources.len() <= 2 && cut.rows.is_empty() == cut.resources.is_empty());
            services.extend(cut.resources);
            rows += cut.rows.len();
        }
        assert_eq!(rows, 60);
        assert_eq!(services, decode(&whole).resources.into_iter().collect());
        let mut all = MessageWriter::default();
        keep_slots(&whole, &SlotSet::all(8), 8, &mut all).unwrap();
        assert_eq!(decode(&all.finish()).rows.len(), 60);
        assert!(decode(&whole).rows.iter().any(|row| row.trace_id == trace_id(0)));
    }
}
