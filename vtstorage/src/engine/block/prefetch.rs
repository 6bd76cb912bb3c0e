//! Which chunks a few rows will need, so that they are read at once and not one after the other.

use super::ChunkId;
use super::header::{BlockHeader, ColumnData, ColumnMeta, TableMeta};
use super::pages::Pages;
use crate::engine::codec::{PAGE_VALUES, TextStream};
use crate::engine::error::StorageError;
use std::ops::Range;

/// The values of a column that are about to be read: the column's number, the first of them, how many.
pub(super) type Needed = (usize, u32, u32);

/// Reads what `rows` need of the columns that all rows have, and of their shapes.
pub(super) fn spans(pages: &mut Pages<'_>, header: &BlockHeader, rows: &Range<u32>) -> Result<(), StorageError> {
    if rows.len() > PAGE_VALUES {
        return Ok(());
    }
    let (span, mut wanted) = (&header.columns.span, Vec::new());
    let ints = [
        &span.start,
        &span.duration,
        &span.kind,
        &span.status,
        &span.resource,
        &span.scope,
        &span.parent,
        &header.columns.spans.shapes,
    ];
    for stream in ints {
        pages.want_ints(stream, rows, &mut wanted);
    }
    column(pages, &span.name, rows, &mut wanted);
    pages.want_layout(&header.columns.spans, &mut wanted);
    pages.fetch(wanted)
}

/// Reads what is needed of the columns of a table.
pub(super) fn columns(pages: &mut Pages<'_>, table: &TableMeta, needed: &[Needed]) -> Result<(), StorageError> {
    let few = needed.iter().filter(|(_, _, count)| *count as usize <= PAGE_VALUES);
    let few = few.filter_map(|(number, first, count)| Some((table.columns.get(*number)?, *first..first + count)));
    let few: Vec<(&ColumnMeta, Range<u32>)> = few.collect();
    let mut wanted = Vec::new();
    for (meta, values) in &few {
        column(pages, meta, values, &mut wanted);
    }
    pages.fetch(wanted)?;
    let mut wanted = Vec::new();
    for (meta, values) in few {
        named(pages, meta, values, &mut wanted)?;
    }
    pages.fetch(wanted)
}

/// Reads what is needed of resources, or scopes.
pub(super) fn texts(
    pages: &mut Pages<'_>,
    stream: &TextStream,
    numbers: impl Iterator<Item = u32>,
) -> Result<(), StorageError> {
    let mut wanted = Vec::new();
    for number in numbers {
        pages.want_text(stream, number, &mut wanted);
    }
    pages.fetch(wanted)
}

/// Adds the chunks of a large dictionary that hold what values name; their codes are here.
fn named(
    pages: &mut Pages<'_>,
    meta: &ColumnMeta,
    values: Range<u32>,
    wanted: &mut Vec<ChunkId>,
) -> Result<(), StorageError> {
    let ColumnData::Dict { dict, codes } = &meta.data else {
        return Ok(());
    };
    if !dict.segments.is_one() {
        let mut numbers = Vec::with_capacity(values.len());
        pages.ints(codes, values, &mut numbers)?;
        numbers.dedup();
        for number in numbers {
            pages.want_text(dict, number as u32, wanted);
        }
    }
    Ok(())
}

fn column(pages: &mut Pages<'_>, meta: &ColumnMeta, values: &Range<u32>, wanted: &mut Vec<ChunkId>) {
    match &meta.data {
        // Ids are kept as they are stored: they are read one by one.
        ColumnData::Empty | ColumnData::Fixed(_) => {}
        ColumnData::Numbers(stream) => pages.want_ints(stream, values, wanted),
        ColumnData::Texts(stream) => {
            pages.want_text(stream, values.start, wanted);
            pages.want_text(stream, values.end.saturating_sub(1), wanted);
        }
        ColumnData::Dict { dict, codes } => {
            pages.want_ints(codes, values, wanted);
            // Which part of a large dictionary is needed is known when the codes are.
            if dict.segments.is_one() {
                pages.want_text(dict, 0, wanted);
            }
        }
    }
}
