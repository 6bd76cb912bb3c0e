//! Which rows come first in an order. Sources are looked at from the one that promises most; what is found narrows what
//! can still be of use, and the walk ends where nothing can.

use super::rank::{Number, Place, Rank, Ranked, TopRows};
use super::source::Source;
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, RowSet, RowSource, Values};
use crate::leaf::fanout;
use crate::leaf::filter::Bound;
use crate::leaf::query::Query;
use common::query::{Column, RowOrder, SpanField};
use common::value::AttrValue;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The sources, and of the first `limit` rows each with the number of its source.
pub(super) fn search(
    query: &Arc<Query>,
    order: &RowOrder,
    limit: usize,
) -> Result<(Arc<[Source]>, Vec<Place>), StorageError> {
    let (column, descending) = match order {
        RowOrder::ByNumber { column, descending } => (column.clone(), *descending),
        RowOrder::Newest | RowOrder::Any => (Column::Field(SpanField::Start), true),
    };
    let heads = query.heads_within().cloned().map(Source::Head);
    let blocks = query.blocks_within()?.into_iter().map(Source::Block);
    let mut sources: Vec<Source> = heads.chain(blocks).collect();
    match (&column, descending) {
        (Column::Field(SpanField::Duration), true) => sources.sort_by_key(|s| Reverse(s.max_duration())),
        _ => sources.sort_by_key(|source| Reverse(source.max_start())),
    }
    let walk = Arc::new(Walk {
        query: query.clone(),
        sources: sources.into(),
        column,
        descending,
        limit,
        found: Mutex::new(Found {
            top: TopRows::new(limit),
            reserved: 0,
        }),
    });
    // The first source mostly tells how little is wanted of the others.
    if !walk.sources.is_empty() && walk.source(0)?.is_continue() {
        let (shared, parts) = (walk.clone(), walk.sources.len() - 1);
        fanout::for_each(&query.pool, query.pool.threads(), parts, move |part| {
            shared.source(part + 1)
        })?;
    }
    let found = std::mem::replace(
        &mut *walk.found.lock(),
        Found {
            top: TopRows::new(0),
            reserved: 0,
        },
    );
    query.context.release(found.reserved);
    Ok((walk.sources.clone(), found.top.into_rows()))
}

/// A walk over sources.
struct Walk {
    query: Arc<Query>,
    sources: Arc<[Source]>,
    column: Column,
    descending: bool,
    limit: usize,
    found: Mutex<Found>,
}

struct Found {
    top: TopRows,
    reserved: usize,
}

impl Walk {
    /// Adds what source number `number` has; breaks where this and all further ones are of no use.
    fn source(&self, number: usize) -> Result<ControlFlow<()>, StorageError> {
        let Some(source) = self.sources.get(number) else {
            return Ok(ControlFlow::Break(()));
        };
        let threshold = self.found.lock().top.threshold();
        if self.is_over(threshold, source) {
            return Ok(ControlFlow::Break(()));
        }
        let found = source.read(&self.query, |reader| {
            let found = self.of_source(reader.source(), threshold)?;
            if found.is_some() {
                source.count(&self.query);
            }
            Ok(found.unwrap_or_default())
        })?;
        let mut all = self.found.lock();
        all.top.add(
            found
                .into_iter()
                .map(|(rank, row)| (rank, number as u32, row))
                .collect::<Vec<Ranked>>(),
        );
        let bytes = all.top.memory_bytes();
        if let Some(more) = bytes.checked_sub(all.reserved) {
            all.reserved = bytes;
            self.query.context.reserve(more, "sorting rows")?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The number that a row must exceed to be of use, where the order is descending.
    fn least(&self, threshold: Option<Rank>) -> Option<f64> {
        threshold?.number.filter(|_| self.descending).map(Number::nearest)
    }

    /// Whether neither this source nor those after it can change the outcome.
    fn is_over(&self, threshold: Option<Rank>, source: &Source) -> bool {
        let most = match self.column {
            Column::Field(SpanField::Start) => source.max_start(),
            Column::Field(SpanField::Duration) => source.max_duration(),
            _ => return false,
        };
        self.least(threshold).is_some_and(|least| (most as f64) < least)
    }

    /// Rows that can get in, with their ranks; `None` where statistics rule the source out.
    fn of_source(
        &self,
        source: &mut dyn RowSource,
        threshold: Option<Rank>,
    ) -> Result<Option<Vec<(Rank, u32)>>, StorageError> {
        let number = threshold.and_then(|rank| rank.number).map(Number::nearest);
        if let Some(number) = number {
            let (min, max) = if self.descending {
                (number, f64::INFINITY)
            } else {
                (f64::NEG_INFINITY, number)
            };
            if !source.may_be_within(&self.column, min, max) {
                return Ok(None);
            }
        }
        let mut bounds = vec![self.query.range()];
        if let (Column::Field(field @ (SpanField::Start | SpanField::Duration)), Some(least)) =
            (&self.column, self.least(threshold))
        {
            bounds.insert(
                0,
                Bound {
                    field: *field,
                    // Below what was rounded up.
                    min: least.next_down() as u64,
                    max: u64::MAX,
                },
            );
        }
        let Some(matching) = self.query.filter.select(source, self.query.tenant(), &bounds)? else {
            return Ok(None);
        };
        self.query.count_rows(source);
        if matching.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut ranked = self.ranks(source, matching)?;
        if let Some(threshold) = threshold {
            ranked.retain(|(rank, _)| *rank > threshold);
        }
        if ranked.len() > self.limit {
            ranked.select_nth_unstable_by(self.limit, |a, b| b.0.cmp(&a.0));
            ranked.truncate(self.limit);
        }
        Ok(Some(ranked))
    }

    /// The rank of each matching row.
    fn ranks(&self, source: &mut dyn RowSource, matching: RowSet) -> Result<Vec<(Rank, u32)>, StorageError> {
        let mut out = Vec::with_capacity(matching.count() as usize);
        let mut rest = matching.clone();
        if let Some(loaded) = source.load(&self.column, &matching)? {
            let mut numbered = RowSet::empty(matching.rows());
            each_number(&loaded, |row, number| {
                if matching.contains(row) {
                    out.push((Rank::new(Some(number), self.descending), row));
                    numbered.insert(row);
                }
            });
            rest.subtract(&numbered);
        }
        out.extend(rest.iter().map(|row| (Rank::new(None, self.descending), row)));
        Ok(out)
    }
}

/// Calls `visit` with each number and its row.
fn each_number(loaded: &Loaded, mut visit: impl FnMut(u32, Number)) {
    let Loaded { rows, values } = loaded;
    let mut at = rows.row_numbers(values.len());
    let mut each = |number: Option<Number>| {
        if let (Some(row), Some(number)) = (at.next(), number) {
            visit(row, number);
        }
    };
    match values {
        Values::Const { value, count } => (0..*count).for_each(|_| each(number_of(value))),
        Values::Int(ints) => ints.iter_signed().for_each(|int| each(Some(Number::whole(int.into())))),
        Values::UInt(ints) => ints.iter().for_each(|int| each(Some(Number::whole(int.into())))),
        Values::Double(doubles) => doubles.iter().for_each(|double| each(Number::double(*double))),
        Values::Mixed(values) => values.iter().for_each(|value| each(number_of(value))),
        Values::Dict { .. } | Values::Text(_) | Values::Bool(_) | Values::TraceIds(_) | Values::SpanIds(_) => {}
    }
}

fn number_of(value: &AttrValue) -> Option<Number> {
    match value {
        AttrValue::Int(int) => Some(Number::whole((*int).into())),
        AttrValue::Double(double) => Number::double(*double),
        _ => None,
    }
}
