//! Traces for another node: their rows are put in order, and written as they are sent.

use crate::engine::batch::{RowWriter, SpanBatch, SpanRow};
use crate::engine::error::StorageError;
use common::ids::TraceId;
use common::query::ScanStats;
use common::wire::TracesWriter;

/// The place of a trace in the question, a batch, and a row of it.
pub(super) type Place = (usize, usize, usize);

/// The traces of `ranked` that have rows. As of a [`Trace`](common::span::Trace), spans are ordered by start and id, and none
/// is repeated.
pub(super) fn traces(
    ranked: &[(u64, TraceId)],
    batches: &[&SpanBatch],
    mut places: Vec<Place>,
    stats: ScanStats,
) -> Result<Vec<u8>, StorageError> {
    places.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| key(batches, *a).cmp(&key(batches, *b))));
    let mut out = TracesWriter::default();
    let mut writers: Vec<RowWriter<'_>> = batches.iter().map(|batch| RowWriter::new(batch)).collect();
    let mut before: Option<Place> = None;
    for place in places {
        let (trace, batch, row) = place;
        match before.replace(place) {
            Some(known) if known.0 == trace => {
                if key(batches, known) == key(batches, place) {
                    continue;
                }
            }
            _ => {
                if let Some((rank, id)) = ranked.get(trace) {
                    out.trace(*rank, *id);
                }
            }
        }
        if let Some(writer) = writers.get_mut(batch) {
            writer.span(row, &mut out)?;
        }
    }
    out.finish(stats)
        .map_err(|error| StorageError::corrupt("answer", error.to_string()))
}

/// What orders the spans of a trace, and is the same of repeated ones.
fn key<'b>(batches: &[&'b SpanBatch], (_, batch, row): Place) -> Option<(u64, &'b [u8; 8], i32, &'b [u8])> {
    let batch = *batches.get(batch)?;
    let row: &SpanRow = batch.rows.get(row)?;
    Some((row.start, &row.span_id.0, row.kind, batch.bytes(row.name)))
}
