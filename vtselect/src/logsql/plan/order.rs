//! Which rows storage may leave out, because a limit leaves them out later.

use common::query::{Column, RowOrder, SpanField};

use super::super::ast::Pipe;
use super::super::ast::pipes::SortField;
use super::super::fields::Field;
use super::groups::start;

/// The order and the limit that `pipes` put on the rows in front of them.
pub fn order(pipes: &[Pipe]) -> (RowOrder, Option<usize>) {
    let unlimited = (RowOrder::Any, None);
    let mut changed = false;
    for pipe in pipes {
        match pipe {
            Pipe::Fields(_) | Pipe::Delete(_) => {}
            Pipe::Limit(limit) => return (RowOrder::Any, usize::try_from(limit.rows).ok()),
            Pipe::Sort(sort) if sort.limit > 0 && sort.partition_by.is_empty() && !changed => {
                return by_number(&sort.by, sort.descending, sort.offset.saturating_add(sort.limit))
                    .unwrap_or(unlimited);
            }
            Pipe::First(rows) if rows.partition_by.is_empty() && !changed => {
                return by_number(&rows.by, false, rows.limit).unwrap_or(unlimited);
            }
            Pipe::Last(rows) if rows.partition_by.is_empty() && !changed => {
                return by_number(&rows.by, true, rows.limit).unwrap_or(unlimited);
            }
            pipe if is_one_to_one(pipe) => changed = true,
            _ => return unlimited,
        }
    }
    unlimited
}

/// Each row gives one row.
fn is_one_to_one(pipe: &Pipe) -> bool {
    matches!(
        pipe,
        Pipe::Copy(_)
            | Pipe::Rename(_)
            | Pipe::Math(_)
            | Pipe::Format(_)
            | Pipe::Extract(_)
            | Pipe::ExtractRegexp(_)
            | Pipe::Replace(_)
            | Pipe::ReplaceRegexp(_)
            | Pipe::Len(_)
            | Pipe::Hash(_)
            | Pipe::PackJson(_)
            | Pipe::UnpackJson(_)
            | Pipe::CollapseNums(_)
    )
}

fn by_number(by: &[SortField], reverse: bool, limit: u64) -> Option<(RowOrder, Option<usize>)> {
    let [field] = by else { return None };
    let column = match Field::of(&field.name) {
        Field::Time => start(),
        Field::Column(column) if is_number(&column) => column,
        _ => return None,
    };
    let descending = field.descending != reverse;
    let order = if column == start() && descending {
        RowOrder::Newest
    } else {
        RowOrder::ByNumber { column, descending }
    };
    Some((order, usize::try_from(limit).ok()))
}

/// Whether all values are numbers, so that the order of storage is that of the language.
fn is_number(column: &Column) -> bool {
    let Column::Field(field) = column else { return false };
    matches!(
        field,
        SpanField::Flags
            | SpanField::Kind
            | SpanField::Start
            | SpanField::End
            | SpanField::Duration
            | SpanField::DroppedAttributesCount
            | SpanField::DroppedEventsCount
            | SpanField::DroppedLinksCount
            | SpanField::StatusCode
    )
}
